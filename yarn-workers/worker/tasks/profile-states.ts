import { createHash } from 'node:crypto';
import { AppError, isAppError, PROFILE_STATE_FILE, type ProfileState } from '#contracts';
import { firstLines, readFirstLines, readSecondLines, secondLines, type FirstPart, type SecondPart } from '#ml';
import type { ObjectStore } from '#object-store';
import type { AttemptFolder } from '../child/attempt-folder.ts';

/** Where states are read. */
type Readable = Pick<ObjectStore, 'read'>;

/** Writes what a first pass, or all of them together, found as the attempt's file. */
export const writeFirst = (attempt: AttemptFolder, first: FirstPart): Promise<unknown> =>
  attempt.write(PROFILE_STATE_FILE, encoded(firstLines(first)));

/** The same of a second pass over a part. */
export const writeSecond = (attempt: AttemptFolder, second: SecondPart): Promise<unknown> =>
  attempt.write(PROFILE_STATE_FILE, encoded(secondLines(second)));

/** A sealed first pass. @throws RESULT_MISMATCH when it is not, to the last byte, what was sealed; STORE_OBJECT_MISSING */
export const readFirst = (store: Readable, state: ProfileState): Promise<FirstPart> =>
  readSealed(store, state, readFirstLines);

/** A sealed second pass. @throws as {@link readFirst} */
export const readSecond = (store: Readable, state: ProfileState): Promise<SecondPart> =>
  readSealed(store, state, readSecondLines);

async function* encoded(lines: Iterable<string>): AsyncGenerator<Uint8Array> {
  for (const line of lines) yield Buffer.from(`${line}\n`);
}

async function readSealed<T>(
  store: Readable,
  { path, sizeBytes, sha256 }: ProfileState,
  read: (lines: AsyncIterable<string>) => Promise<T>,
): Promise<T> {
  const hash = createHash('sha256');
  let found = 0;
  const mismatch = (what: string, cause?: unknown) =>
    new AppError('RESULT_MISMATCH', `profile state ${path}: ${what}`, cause === undefined ? {} : { cause });
  try {
    const state = await read(linesOf(counted()));
    if (found === sizeBytes && hash.digest('hex') === sha256) return state;
  } catch (err) {
    if (isAppError(err, 'VALIDATION_FAILED') || err instanceof SyntaxError)
      throw mismatch('it cannot be read as what a pass has found', err);
    throw err;
  }
  throw mismatch(`expected ${sizeBytes} bytes of SHA-256 ${sha256}; found ${found} bytes that differ`);

  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of store.read(path)) {
      hash.update(chunk);
      found += chunk.length;
      yield chunk;
    }
  }
}

/** Lines of UTF-8, each ended by a line feed. Memory: the longest line. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest: string[] = [];
  for await (const chunk of chunks) {
    const [first = '', ...others] = decoder.decode(chunk, { stream: true }).split('\n');
    rest.push(first);
    for (const other of others) {
      yield rest.join('');
      rest = [other];
    }
  }
  const last = rest.join('');
  if (last !== '') yield last;
}
