import { AppError, isAppError } from '#contracts';

/** Codes of the drivers and the operating system that mean: nobody answered, try again. */
const UNAVAILABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '25P03', // idle_in_transaction_session_timeout
  '53300', // too_many_connections
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
]);
const CONFLICTS = new Set(['40001', '40P01', 'SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_LOCKED']);
const UNIQUE = new Set(['23505', 'SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY']);
const FULL = new Set(['53100', 'SQLITE_FULL']);
const UNAVAILABLE_TEXT =
  /Connection terminated|Client has encountered a connection error|connection timeout|Timeout acquiring a connection|Query read timeout|Connection ended unexpectedly|aborted/i;

/**
 * A driver's error as one of the table: DATABASE_UNAVAILABLE, TIMEOUT, DISK_FULL, NATIVE_LIBRARY. Anything else stays as it is, because
 * the caller may know it (a unique key), and becomes INTERNAL at the top otherwise. Messages name no values.
 */
export function translateDatabaseError(err: unknown): unknown {
  if (!(err instanceof Error) || isAppError(err)) return err;
  const code = databaseCode(err);
  if (code === '57014') {
    return new AppError('TIMEOUT', 'the database did not end the statement within database.statementTimeoutMs', {
      cause: err,
    });
  }
  if (code === 'ERR_DLOPEN_FAILED') {
    return new AppError(
      'NATIVE_LIBRARY',
      `SQLite cannot be loaded (${err.message}); it needs glibc 2.34, which database.client = postgres does not`,
      { cause: err },
    );
  }
  if (FULL.has(code)) return new AppError('DISK_FULL', 'the disk of the database is full', { cause: err });
  if (UNAVAILABLE.has(code) || (code === '' && UNAVAILABLE_TEXT.test(err.message))) {
    return new AppError('DATABASE_UNAVAILABLE', `the database does not answer (${code === '' ? err.message : code})`, {
      cause: err,
      retryAfterSeconds: 1,
    });
  }
  return err;
}

/** The driver's code, looked for along the causes: SQLSTATE, SQLite's name or errno's name; '' when there is none. */
export function databaseCode(err: unknown): string {
  const code = (err as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** True when a statement broke a unique key. */
export function isUniqueViolation(err: unknown): boolean {
  return UNIQUE.has(databaseCode(err));
}

/** True when the whole transaction may simply be run again: deadlock, serialisation failure, busy file. */
export function isTransactionConflict(err: unknown): boolean {
  return CONFLICTS.has(databaseCode(err));
}
