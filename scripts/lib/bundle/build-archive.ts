import { globSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ArchiveRecord, parse, type ArchiveManifest } from '#contracts';
import { packTar, type TarEntry } from '#runtime';
import { archiveName, manifestOf, sha256, withManifest } from './archive.ts';
import { packageRuntimeFiles } from './package-runtime-files.ts';
import { workerFiles, type OutsideFiles } from './worker-files.ts';

export interface BuiltArchive {
  /** Path of the archive; the record lies beside it, `.json` in place of `.tar.gz`. */
  readonly file: string;
  readonly record: ArchiveRecord;
  /** It was there already. */
  readonly isCached: boolean;
}

/** Archives that the cache keeps, those used last; each has some 75 MB. */
export const ARCHIVES_MAX = 6;
/** Level 6 packs 215 MB in about 8 s; 9 takes twice as long for 1 % less. */
const GZIP_LEVEL = 6;

/** Builds the runtime archive of workers into `cache`. @param root of the source tree */
export async function buildWorkerArchive(root: string, outside: OutsideFiles, cache: string): Promise<BuiltArchive> {
  const entries = await workerFiles(root, outside);
  const manifest = manifestOf('worker', entries);
  return buildArchive(manifest, withManifest(entries, manifest), cache);
}

/**
 * Builds what packages of deployments have in common into `cache`: an archive that such a package ends with. It has no manifest
 * inside; a package says itself what it holds.
 *
 * @param root of the source tree
 * @param node the binary that is shipped
 */
export async function buildPackageRuntime(root: string, node: string, cache: string): Promise<BuiltArchive> {
  const entries = await packageRuntimeFiles(root, node);
  return buildArchive(manifestOf('prediction-server', entries), entries, cache);
}

/**
 * Packs the entries, unless an archive of the same contents is in the cache. Gzip's header holds no name and no time, so that the
 * same contents give the same bytes with the same Node.
 */
async function buildArchive(
  manifest: ArchiveManifest,
  entries: readonly TarEntry[],
  cache: string,
): Promise<BuiltArchive> {
  const base = path.join(cache, archiveName(manifest));
  const file = `${base}.tar.gz`;
  const known = readRecord(`${base}.json`, file);
  if (known !== null) {
    const now = new Date();
    utimesSync(file, now, now);
    return { file, record: known, isCached: true };
  }
  const bytes = await promisify(gzip)(packTar(entries), { level: GZIP_LEVEL });
  const record = { fileName: path.basename(file), sizeBytes: bytes.length, sha256: sha256(bytes), manifest };
  mkdirSync(cache, { recursive: true });
  putInPlace(file, bytes);
  // The record comes last: an archive without one is built again.
  putInPlace(`${base}.json`, `${JSON.stringify(record, null, 2)}\n`);
  removeOldest(cache);
  return { file, record, isCached: false };
}

/** The record of a whole archive, else null. */
function readRecord(file: string, archive: string): ArchiveRecord | null {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return null;
  const record = parse(ArchiveRecord, JSON.parse(readFileSync(file, 'utf8')), file);
  return statSync(archive, { throwIfNoEntry: false })?.size === record.sizeBytes ? record : null;
}

/** Removes what was used longest ago, beyond {@link ARCHIVES_MAX}; the record first. */
export function removeOldest(cache: string): void {
  const lastUse = (name: string) => statSync(path.join(cache, name)).mtimeMs;
  const archives = globSync('*.tar.gz', { cwd: cache }).toSorted((a, b) => lastUse(b) - lastUse(a));
  for (const name of archives.slice(ARCHIVES_MAX)) {
    rmSync(path.join(cache, name.replace(/\.tar\.gz$/, '.json')), { force: true });
    rmSync(path.join(cache, name), { force: true });
  }
}

/** Written beside and renamed: what has the name is whole. */
function putInPlace(file: string, content: Uint8Array | string): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}
