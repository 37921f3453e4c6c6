import { createHash } from 'node:crypto';
import { ARCHIVE_FORMAT, WORKER_PROTOCOL_VERSION, type ArchiveManifest } from '#contracts';
import { PROGRAM_VERSION, type TarEntry } from '#runtime';
import { isElf, readElfNeeds, versionFloor } from './elf.ts';

/** Files that say what the others are, and so are not among them. */
export const MANIFEST_FILE = 'manifest.json';
/** The content hash alone, for a launcher that can read lines only. */
export const CONTENT_FILE = 'content.sha256';

/** What an archive of these files says about itself. */
export function manifestOf(program: ArchiveManifest['program'], entries: readonly TarEntry[]): ArchiveManifest {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const files = sorted.map(({ path, mode, content }) => ({
    path,
    mode,
    sizeBytes: content.length,
    sha256: sha256(content),
  }));
  return {
    format: ARCHIVE_FORMAT,
    program,
    version: PROGRAM_VERSION,
    platform: 'linux-x64',
    nodeVersion: process.versions.node,
    ...(program === 'worker' ? { protocolVersion: WORKER_PROTOCOL_VERSION } : {}),
    contentSha256: contentSha256(files),
    needs: needsOf(sorted),
    files,
  };
}

/** The hash that names the contents of an archive, see {@link ArchiveManifest}. */
export function contentSha256(files: ArchiveManifest['files']): string {
  return sha256(files.map(({ path, mode, sha256: hash }) => `${hash} ${mode.toString(8)} ${path}\n`).join(''));
}

/** The files with those that say what they are. */
export function withManifest(entries: readonly TarEntry[], manifest: ArchiveManifest): TarEntry[] {
  const text = (path: string, content: string) => ({ path, mode: 0o644, content: Buffer.from(content) });
  return [
    ...entries,
    text(MANIFEST_FILE, `${JSON.stringify(manifest, null, 2)}\n`),
    text(CONTENT_FILE, `${manifest.contentSha256}\n`),
  ];
}

export const archiveName = ({ program, version, contentSha256: hash }: ArchiveManifest): string =>
  `trainyard-${program}-${version}-${hash.slice(0, 12)}`;

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function needsOf(entries: readonly TarEntry[]): ArchiveManifest['needs'] {
  const native = entries.filter(({ content }) => isElf(content));
  const needs = native.map(({ content, path }) => readElfNeeds(content, path));
  const own = new Set(native.map(({ path }) => path.split('/').at(-1)));
  const libraries = new Set(needs.flatMap((one) => one.libraries).filter((name) => !own.has(name)));
  return {
    glibc: versionFloor(needs, 'GLIBC') ?? '2.0',
    glibcxx: versionFloor(needs, 'GLIBCXX'),
    libraries: [...libraries].sort(),
  };
}
