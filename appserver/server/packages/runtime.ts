import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { AppError, ArchiveRecord, parse, Type } from '#contracts';
import type { PackageRuntimePlace } from '#runtime';

/** What all packages have in common: an archive on this host, and what it holds. */
export interface PackageRuntime {
  readonly file: string;
  readonly record: ArchiveRecord;
  /** SHA-256 of whole packages by that of their first part, so that the archive is not hashed for each request; see `packageFile`. */
  readonly knownHashes: Map<string, Buffer>;
}

/** Longest build of the runtime; it takes 3 s, and a minute where Node has to be fetched first. */
const BUILD_TIMEOUT_MS = 600_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;
/** `scripts/bundle --json`: the record, and where the archive lies. */
const BundleOutput = Type.Object({ file: Type.String() });

/**
 * The runtime of packages: found or built when it is first asked for, and remembered while its file stays as it was.
 *
 * @param configured `packages.runtimeArchive`; empty: from `place`
 */
export function createPackageRuntimes(
  configured: string,
  place: PackageRuntimePlace,
): { readonly find: () => Promise<PackageRuntime> } {
  let found: Promise<PackageRuntime> | null = null;
  const look = async (): Promise<PackageRuntime> => {
    if (configured !== '') return readRecord(configured.replace(/\.tar\.gz$/, '.json'), 'packages.runtimeArchive');
    return 'build' in place ? build(place.build) : readRecord(place.record, 'the runtime of packages');
  };
  const begin = (): Promise<PackageRuntime> => {
    const begun = look().then(checked);
    begun.catch(() => {
      if (found === begun) found = null;
    });
    return begun;
  };
  return {
    // Who asks meanwhile waits for the same search.
    find: async () => {
      const current = (found ??= begin());
      const known = await current;
      if (isThere(known)) return known;
      if (found === current) found = begin();
      return found ?? begin();
    },
  };
}

const isThere = ({ file, record }: PackageRuntime): boolean =>
  statSync(file, { throwIfNoEntry: false })?.size === record.sizeBytes;

/** @throws PACKAGE_RUNTIME_MISSING for an archive of another program or size; its hash is checked when it is read */
function checked(runtime: PackageRuntime): PackageRuntime {
  const { program } = runtime.record.manifest;
  if (program !== 'prediction-server')
    throw missing(`${runtime.file}: expected an archive of the prediction server, found one of ${program}`);
  if (!isThere(runtime))
    throw missing(`${runtime.file}: expected ${runtime.record.sizeBytes} bytes, as its record says`);
  return runtime;
}

const missing = (message: string, cause?: unknown): AppError =>
  new AppError('PACKAGE_RUNTIME_MISSING', message, cause === undefined ? {} : { cause });

function readRecord(recordFile: string, what: string): PackageRuntime {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(recordFile, 'utf8'));
  } catch (err) {
    throw missing(`${what}: ${recordFile} cannot be read as the record of an archive`, err);
  }
  const record = parse(ArchiveRecord, json, recordFile, 'PACKAGE_RUNTIME_MISSING');
  return { file: path.join(path.dirname(recordFile), record.fileName), record, knownHashes: new Map() };
}

/** What a program said last of why it failed. */
function lastLineOf(err: unknown): string {
  const said = err instanceof Error && 'stderr' in err ? String(err.stderr).trim() : '';
  return said.split('\n').at(-1) || String(err);
}

/** Of the source tree's own programs; one that was built before is found again by its contents. */
async function build(program: string): Promise<PackageRuntime> {
  let text: string;
  try {
    const run = promisify(execFile);
    const options = { timeout: BUILD_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
    ({ stdout: text } = await run(program, ['--package-runtime', '--json'], options));
  } catch (err) {
    throw missing(`${program} --package-runtime failed: ${lastLineOf(err)}`, err);
  }
  const json: unknown = JSON.parse(text);
  const { file } = parse(BundleOutput, json, program, 'PACKAGE_RUNTIME_MISSING');
  const { fileName, sizeBytes, sha256, manifest } = json as Record<string, unknown>; // an object, as was just parsed
  const record = parse(ArchiveRecord, { fileName, sizeBytes, sha256, manifest }, program, 'PACKAGE_RUNTIME_MISSING');
  return { file, record, knownHashes: new Map() };
}
