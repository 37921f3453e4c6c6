import type { Task } from '#store';

/**
 * Who may write where, in object stores that tell users apart. The platform owns everything; the user in whose name an
 * attempt runs may read what its task needs and write into the attempt's folder, until it has sealed.
 */
export interface AttemptAccess {
  /** Users have tokens that end. */
  readonly hasTokens: boolean;
  /** Before a worker is given an attempt; the same again changes nothing. @throws what the store throws */
  open(task: Task, attemptPath: string): Promise<void>;
  /** Before what was sealed is verified: from then on nobody changes it. @throws what the store throws */
  close(task: Task, attemptPath: string): Promise<void>;
  /** The user's newest token for the store; null where none is needed. @throws what the store throws */
  token(task: Task): Promise<string | null>;
}

/** For stores in which all programs of the platform are the same user. */
export const sharedAccess: AttemptAccess = {
  hasTokens: false,
  open: () => Promise.resolve(),
  close: () => Promise.resolve(),
  token: () => Promise.resolve(null),
};
