import { AppError } from '#contracts';

/**
 * Refuses a path that is not in one of the allowed folders. Paths come resolved: absolute, without `.` and `..`, and HDFS has
 * no links that would lead out.
 *
 * @param pointer JSON pointer of the path in the request
 * @throws SOURCE_NOT_ALLOWED
 */
export function allowedHdfsPath(path: string, roots: readonly string[], pointer: string): void {
  if (roots.some((root) => isWithin(path, root))) return;
  const message = 'is not in an allowed folder of HDFS (hadoop.allowedRoots)';
  throw new AppError('SOURCE_NOT_ALLOWED', `${path}: ${message}`, { errors: [{ path: pointer, message }] });
}

/** Whether a path is a folder or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  const root = folder.endsWith('/') ? folder : `${folder}/`;
  return `${path}/`.startsWith(root);
}
