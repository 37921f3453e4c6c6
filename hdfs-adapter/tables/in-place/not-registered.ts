import { AppError } from '#contracts';

/** What a file is whose content is not the one that was registered. */
export function notRegistered(file: string, expected: string, found: string, cause?: unknown): AppError {
  return new AppError(
    'DATASET_CHANGED',
    `File ${file} is not the one that was registered: expected ${expected}, found ${found}`,
    { details: { path: file }, ...(cause === undefined ? {} : { cause }) },
  );
}
