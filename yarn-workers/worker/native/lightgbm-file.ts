import { AppError } from '#contracts';
import { DATASET_FILE_TOKEN } from '#ml';
import { openNamedPipe, type NamedPipe } from './pipe.ts';

/** LightGBM opens a file so many times only to see whether it is a binary one, before it reads it. */
const LOOKS = 2;

/**
 * Has LightGBM read a binary file that is nowhere: `parts` go through a pipe while it reads on another thread.
 *
 * @param read calls LightGBM with the path, on another thread
 * @returns what `read` does
 * @throws what `parts` throws; INTERNAL where LightGBM stops reading too early
 */
export async function readByPipe<T>(parts: AsyncIterable<Uint8Array>, read: (path: string) => Promise<T>): Promise<T> {
  const pipe = openNamedPipe();
  const reading = read(pipe.path).finally(() => pipe.endReading());
  // Who waits for it below gets its failure; until then it is nobody's.
  reading.catch(() => undefined);
  try {
    await feed(pipe, parts);
  } catch (err) {
    await pipe.endWriting();
    await reading.catch((cause: unknown) => {
      if (isBrokenPipe(err)) throw cause;
    });
    throw err;
  }
  await pipe.endWriting();
  return reading;
}

async function feed(pipe: NamedPipe, parts: AsyncIterable<Uint8Array>): Promise<void> {
  const token = Buffer.from(DATASET_FILE_TOKEN, 'latin1');
  for (let look = 0; look < LOOKS; look += 1) {
    await pipe.write(token);
    await pipe.drained();
  }
  for await (const part of parts) if (part.length > 0) await pipe.write(part);
}

const isBrokenPipe = (err: unknown): boolean => err instanceof Error && 'code' in err && err.code === 'EPIPE';

/** @throws INTERNAL for another code than that of success */
export function checkRead(code: number): void {
  if (code !== 0) throw new AppError('INTERNAL', 'LightGBM: LGBM_DatasetCreateFromFile refused the rows in bins');
}
