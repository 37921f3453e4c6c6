import { isAppError, type AppError, type ErrorCode } from '#contracts';

/** Runs what must fail with an {@link AppError} of this code, and gives the error. @throws when it does not */
export async function appErrorOf(code: ErrorCode, action: () => unknown): Promise<AppError> {
  try {
    await action();
  } catch (err) {
    if (isAppError(err, code)) return err;
    throw err;
  }
  throw new Error(`expected ${code}, but nothing was thrown`);
}
