import { AppError, FIELD_ERRORS_MAX, isAppError, type FieldError } from '#contracts';
import type { ObjectStore, WrittenObject } from '#object-store';
import { linesOf } from './manifest.ts';
import { bytesText, type OnProgress } from './files.ts';
import type { PlannedObject } from './snapshot.ts';

export interface CopyOptions {
  readonly from: ObjectStore;
  readonly to: ObjectStore;
  readonly planFile: string;
  readonly totalBytes: number;
  /** Called for each object that was copied. */
  readonly onCopied: (path: string, written: WrittenObject) => Promise<void>;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

/**
 * Copies the objects of a plan, one after the other and each through its hash; those that an earlier plan had copied are
 * there already.
 *
 * @returns the first object that has vanished since it was planned, or null
 * @throws ARTIFACT_INVALID naming all (up to a limit) whose bytes are not those that the database knows
 */
export async function copyObjects({ from, to, signal, ...options }: CopyOptions): Promise<string | null> {
  const damaged: FieldError[] = [];
  let doneBytes = 0;
  for await (const line of linesOf(options.planFile)) {
    const { path, sizeBytes, sha256 } = JSON.parse(line) as PlannedObject; // a line that takeSnapshot wrote
    if ((await to.stat(path)) === null) {
      const written = await copyOne(from, to, path, signal);
      if (written === null) return path;
      if (sha256 !== null && written.sha256 !== sha256)
        damaged.push({ path, message: `expected SHA-256 ${sha256}, found ${written.sha256}` });
      await options.onCopied(path, written);
    }
    doneBytes += sizeBytes;
    options.onProgress(doneBytes / options.totalBytes, `objects: ${bytesText(doneBytes)}`);
  }
  if (damaged.length > 0) {
    throw new AppError(
      'ARTIFACT_INVALID',
      `${damaged.length} objects of the store are not what was committed; the first is ${damaged[0]?.path ?? ''}`,
      { errors: damaged.slice(0, FIELD_ERRORS_MAX) },
    );
  }
  return null;
}

async function copyOne(
  from: ObjectStore,
  to: ObjectStore,
  path: string,
  signal: AbortSignal,
): Promise<WrittenObject | null> {
  try {
    return await to.write(path, from.read(path, { signal }), { signal });
  } catch (err) {
    if (isAppError(err, 'STORE_OBJECT_MISSING')) return null;
    throw err;
  }
}
