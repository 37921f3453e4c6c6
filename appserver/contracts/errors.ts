import { ERROR_TABLE, type ErrorCode, type ErrorKind } from './error-table.ts';

/** One field's complaint. `path` is a JSON pointer (RFC 6901) or a `row 3, column "age"` place. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** What an {@link AppError} carries besides its code. */
export interface AppErrorOptions {
  readonly cause?: unknown;
  readonly errors?: readonly FieldError[];
  /** Facts for logs and callers: counts, limits, names. Never row values or secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Seconds after which a retry may succeed; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** The only error class: a code of the one table, a message (subject, expected, found), facts and the cause. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly status: number;
  readonly retryable: boolean;
  readonly errors: readonly FieldError[];
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds: number | null;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    const entry = ERROR_TABLE[code];
    this.name = 'AppError';
    this.code = code;
    this.kind = entry.kind;
    this.status = entry.status;
    this.retryable = entry.retryable;
    this.errors = options.errors ?? [];
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}

/** An error about one field of a request: `field` with dots is the place in its body; finding and remedy in one sentence. */
export function complaint(code: ErrorCode, field: string, message: string): AppError {
  return new AppError(code, `${field}: ${message}`, { errors: [{ path: `/${field.replaceAll('.', '/')}`, message }] });
}

/** True for an {@link AppError}, optionally of one code. */
export function isAppError(err: unknown, code?: ErrorCode): err is AppError {
  return err instanceof AppError && (code === undefined || err.code === code);
}

/** Any thrown value as an {@link AppError}; what is not one becomes `INTERNAL` with the value as cause. */
export function toAppError(err: unknown): AppError {
  if (err instanceof AppError) return err;
  return new AppError('INTERNAL', err instanceof Error ? err.message : String(err), { cause: err });
}
