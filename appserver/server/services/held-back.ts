import { AppError } from '#contracts';
import { openOutOfFold, type OutOfFold } from '#ml';
import { readBytes, type ObjectStore } from '#object-store';
import { verifyFiles } from '../queue/verify-files.ts';
import { committedModel, type CommittedFiles } from '../verification/index.ts';

const FILE = 'out-of-fold.bin';
/** Predictions of a block: some milliseconds of work. */
const NUMBERS_PER_BLOCK = 50_000;

/**
 * The out-of-fold predictions of a committed model, block by block, once the whole file has been found to be what the signed manifest
 * vouches for. Memory is bounded by a block.
 *
 * @throws ARTIFACT_INVALID, RESULT_MISMATCH where the files are not what was committed; what the store throws
 */
export async function heldBackBlocks(
  files: CommittedFiles,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<AsyncIterable<OutOfFold>> {
  const manifest = await committedModel(files, store).manifest();
  const file = manifest.files.find(({ name }) => name === FILE);
  if (file === undefined) throw new AppError('ARTIFACT_INVALID', `${files.path}/${FILE} is not what was committed`);
  await verifyFiles(store, files.path, [file], signal);
  const read = (start: number, end: number): Promise<Uint8Array> =>
    readBytes(store, `${files.path}/${FILE}`, { start, end, signal });
  return (await openOutOfFold(read, file.sizeBytes, NUMBERS_PER_BLOCK)).blocks();
}
