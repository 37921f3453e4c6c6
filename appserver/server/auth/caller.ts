import { AppError, type Role, type Scope } from '#contracts';

/** Who is asking, found once per request. */
export interface Caller {
  readonly userId: string;
  readonly userName: string;
  readonly role: Role;
  readonly scopes: readonly Scope[];
  /** The API key that was sent; null for a session of the browser. */
  readonly keyId: string | null;
  readonly expiresAt: string | null;
}

/** The caller of routes that ask for nobody. */
export const ANONYMOUS: Caller = {
  userId: '',
  userName: '',
  role: 'user',
  scopes: [],
  keyId: null,
  expiresAt: null,
};

/** Whose objects a caller sees: null for administrators, who see all. */
export const ownerFilter = (caller: Caller): string | null => (caller.role === 'admin' ? null : caller.userId);

/**
 * An object of this owner, or the same answer as for one that is not there.
 *
 * @throws NOT_FOUND
 */
export function ownedBy<T>(caller: Caller, found: T | undefined, ownerOf: (object: T) => string, what: string): T {
  if (found === undefined || (caller.role !== 'admin' && ownerOf(found) !== caller.userId))
    throw new AppError('NOT_FOUND', `${what}: there is none that you may read`);
  return found;
}
