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

/** Runs what must throw an {@link AppError} of this code at once, its message like `message`. @throws when it does not */
export function expectError(action: () => unknown, code: ErrorCode, message = /./): void {
  try {
    action();
  } catch (err) {
    if (isAppError(err, code) && message.test(err.message)) return;
    throw err;
  }
  throw new Error(`expected ${code}, but nothing was thrown`);
}
