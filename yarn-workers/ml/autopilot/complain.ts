import { AppError, type ErrorCode } from '#contracts';

/** An error about one field of the request: finding and remedy in one sentence. */
export function complaint(code: ErrorCode, field: string, message: string): AppError {
  return new AppError(code, `${field}: ${message}`, { errors: [{ path: `/${field.replaceAll('.', '/')}`, message }] });
}

/** A name for a message, cut short. */
export const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
