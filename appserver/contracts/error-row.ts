/** What kind of failure a code is; decides HTTP status family, retry and who acts (`docs/errors.md`). */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'stale'
  | 'limited'
  | 'not_available'
  | 'capacity'
  | 'unavailable'
  | 'timeout'
  | 'cancelled'
  | 'bug';

/** One row of the table. `remedy` is a sentence for the person who acts. */
export interface ErrorRow {
  readonly kind: ErrorKind;
  readonly status: number;
  readonly retryable: boolean;
  readonly exitCode: number;
  readonly title: string;
  readonly remedy: string;
}

/** A row with what follows from its kind. */
export const row = (kind: ErrorKind, status: number, title: string, remedy: string): ErrorRow => ({
  kind,
  status,
  retryable: kind === 'unavailable' || kind === 'timeout' || kind === 'limited',
  exitCode: exitCodeOf(kind),
  title,
  remedy,
});

/** Exit code of a process that ends by an error of this kind: 10 never retry, 11 retry, 12 retry once larger, 20 bug. */
export function exitCodeOf(kind: ErrorKind): number {
  switch (kind) {
    case 'unavailable':
    case 'timeout':
      return 11;
    case 'capacity':
      return 12;
    case 'bug':
      return 20;
    case 'cancelled':
      return 13;
    case 'invalid':
    case 'unauthenticated':
    case 'forbidden':
    case 'not_found':
    case 'conflict':
    case 'stale':
    case 'limited':
    case 'not_available':
      return 10;
  }
}
