import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { AppError } from '#contracts';
import { storedGzip, tarBeginning, type SourceEntry } from './byte-source.ts';
import type { PackageRuntime } from './runtime.ts';

/** A package whose every byte was read and proven once; it is read again to be sent. */
export interface PackageFile {
  readonly sizeBytes: number;
  readonly sha256: Buffer;
  /** Bytes from `start` to before `end`. Memory: some chunks. */
  readonly read: (start: number, end: number) => AsyncGenerator<Uint8Array>;
}

/** Hashes of packages that are remembered, the last ones. */
const KNOWN_HASHES_MAX = 100;

/**
 * The file of a package: the files of its deployment, then the runtime as it was packed. Reads what is of the deployment, and all of
 * a package that was not asked for lately: its hash is said before its first byte.
 *
 * @param entries with contents that fail where they are not what they must be
 * @throws PACKAGE_RUNTIME_MISSING for an archive that is not what its record says; what the contents throw
 */
export async function packageFile(
  entries: readonly SourceEntry[],
  runtime: PackageRuntime,
  signal: AbortSignal,
): Promise<PackageFile> {
  const { file, record } = runtime;
  const beginning = storedGzip(tarBeginning(entries));
  const runtimeBytes = (start: number): AsyncIterable<Buffer> => createReadStream(file, { start, signal });
  const hash = createHash('sha256');
  await feed(beginning.read(), [hash]);
  return {
    sizeBytes: beginning.sizeBytes + record.sizeBytes,
    sha256: await wholeHash(hash, runtime, () => runtimeBytes(0)),
    read: async function* (start, end) {
      // Bytes before `start` are read again where they are of the deployment: its checks need them.
      if (start < beginning.sizeBytes) {
        yield* part(beginning.read(), start, end);
        if (end > beginning.sizeBytes) yield* part(runtimeBytes(0), 0, end - beginning.sizeBytes);
      } else yield* part(runtimeBytes(start - beginning.sizeBytes), 0, end - start);
    },
  };
}

/** @param hash of the part before the runtime; goes on with the runtime's bytes, unless the whole was hashed lately */
async function wholeHash(
  hash: Hash,
  { file, record, knownHashes }: PackageRuntime,
  runtimeBytes: () => AsyncIterable<Buffer>,
): Promise<Buffer> {
  const name = hash.copy().digest('hex');
  const known = knownHashes.get(name);
  if (known !== undefined) return known;
  const ofRuntime = createHash('sha256');
  await feed(runtimeBytes(), [hash, ofRuntime]);
  const found = ofRuntime.digest('hex');
  if (found !== record.sha256)
    throw new AppError('PACKAGE_RUNTIME_MISSING', `${file}: expected SHA-256 ${record.sha256}, found ${found}`);
  const whole = hash.digest();
  knownHashes.set(name, whole);
  const [oldest] = knownHashes.keys();
  if (knownHashes.size > KNOWN_HASHES_MAX && oldest !== undefined) knownHashes.delete(oldest);
  return whole;
}

async function feed(chunks: AsyncIterable<Uint8Array>, hashes: readonly Hash[]): Promise<void> {
  for await (const chunk of chunks) for (const hash of hashes) hash.update(chunk);
}

/** The bytes from `start` to before `end` of a stream. */
async function* part(chunks: AsyncIterable<Uint8Array>, start: number, end: number): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const chunk of chunks) {
    const from = Math.max(0, start - at);
    const to = Math.min(chunk.length, end - at);
    if (from < to) yield chunk.subarray(from, to);
    at += chunk.length;
    if (at >= end) return;
  }
}
