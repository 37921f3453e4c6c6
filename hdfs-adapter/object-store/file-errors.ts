import { AppError } from '#contracts';

const DISK_FULL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT'];

/** The system's name of an error (`ENOENT`), or null. */
export function systemCode(err: unknown): string | null {
  return err instanceof Error && 'code' in err && typeof err.code === 'string' ? err.code : null;
}

/** A failed file operation as the store's error: `DISK_FULL`, else `STORE_UNAVAILABLE`; an AppError or an abort as it is. */
export function storeError(err: unknown, operation: string, folder: string): unknown {
  const code = systemCode(err);
  if (err instanceof AppError || code === null || !/^E[A-Z0-9]+$/.test(code)) return err;
  if (DISK_FULL_CODES.includes(code)) {
    return new AppError('DISK_FULL', `${operation}: no space left for folder ${folder}`, {
      cause: err,
      details: { folder, systemCode: code },
    });
  }
  return new AppError('STORE_UNAVAILABLE', `${operation} failed in folder ${folder}`, {
    cause: err,
    details: { folder, systemCode: code },
  });
}
