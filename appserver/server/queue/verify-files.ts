import { createHash } from 'node:crypto';
import { AppError, isAppError, type SealedFile } from '#contracts';
import type { ObjectStore } from '#object-store';

/**
 * Reads every sealed file once, chunk by chunk as the store gives them, and compares size and SHA-256.
 *
 * @throws RESULT_MISMATCH naming the file and what was found; what the store throws when it cannot answer
 */
export async function verifyFiles(
  store: ObjectStore,
  attemptPath: string,
  files: readonly SealedFile[],
  signal?: AbortSignal,
): Promise<void> {
  for (const file of files) {
    await verifyFile(store, attemptPath, file, signal);
  }
}

async function verifyFile(
  store: ObjectStore,
  attemptPath: string,
  file: SealedFile,
  signal?: AbortSignal,
): Promise<void> {
  const found = await digest(store, `${attemptPath}/${file.name}`, signal);
  if (found === null) throw mismatch(file, 'is not in the object store');
  checkSize(file, found.sizeBytes);
  if (found.sha256 !== file.sha256) throw mismatch(file, `expected SHA-256 ${file.sha256}, found ${found.sha256}`);
}

/** Larger checkpoints are compared by their size alone: whoever goes on from one compares its hash. */
const CHECKPOINT_HASHED_BYTES_MAX = 64 * 1024 * 1024;

/** Compares a checkpoint with what its worker says of it. @throws RESULT_MISMATCH; what the store throws */
export async function verifyCheckpoint(store: ObjectStore, attemptPath: string, file: SealedFile): Promise<void> {
  await verifyFileSize(store, attemptPath, file);
  if (file.sizeBytes <= CHECKPOINT_HASHED_BYTES_MAX) await verifyFile(store, attemptPath, file);
}

async function verifyFileSize(store: ObjectStore, attemptPath: string, file: SealedFile): Promise<void> {
  const found = await store.stat(`${attemptPath}/${file.name}`);
  if (found === null) throw mismatch(file, 'is not in the object store');
  checkSize(file, found.sizeBytes);
}

function checkSize(file: SealedFile, sizeBytes: number): void {
  if (sizeBytes !== file.sizeBytes) throw mismatch(file, `expected ${file.sizeBytes} bytes, found ${sizeBytes}`);
}

async function digest(
  store: ObjectStore,
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ sizeBytes: number; sha256: string } | null> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of store.read(path, signal === undefined ? {} : { signal })) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  } catch (err) {
    if (isAppError(err, 'STORE_OBJECT_MISSING')) return null;
    throw err;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

const mismatch = (file: SealedFile, what: string) =>
  new AppError('RESULT_MISMATCH', `sealed file ${file.name}: ${what}`, { details: { file: file.name } });
