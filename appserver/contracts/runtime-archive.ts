import { Sha256, nullable, oneOf, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/** Version of the archive's layout and of this manifest. */
export const ARCHIVE_FORMAT = 1;

/** What a machine must have, as measured from the version needs of every native file. */
export const ArchiveNeeds = strict({
  glibc: Type.String({ description: 'lowest version of the C library' }),
  /** Highest version of the C++ library's symbols, as in `GLIBCXX_3.4.22`. */
  glibcxx: nullable(Type.String()),
  libraries: Type.Array(Type.String(), { description: 'shared libraries of the system, sorted' }),
});

/** A file of an archive; `mode` has its permission bits. */
export const ArchiveFile = strict({
  path: Type.String(),
  mode: Type.Integer(),
  sizeBytes: Type.Integer({ minimum: 0 }),
  sha256: Sha256,
});
export type ArchiveFile = Static<typeof ArchiveFile>;

/**
 * `manifest.json` of a runtime archive: a program with everything that it needs on a machine which has nothing installed.
 * `contentSha256` names the contents and is known before anything is packed, so that the archive can hold it: SHA-256 of one
 * line `sha256 mode path` per file, mode in octal, in the order of `files`, each line ended by a newline.
 */
export const ArchiveManifest = strict({
  format: Type.Integer({ minimum: 1 }),
  program: oneOf(['worker', 'prediction-server']),
  version: Type.String(),
  platform: Type.Literal('linux-x64'),
  nodeVersion: Type.String(),
  /** Of the worker protocol that a worker speaks. */
  protocolVersion: Type.Optional(Type.Integer()),
  contentSha256: Sha256,
  needs: ArchiveNeeds,
  /** Every file but `manifest.json` and `content.sha256`, sorted by path. */
  files: Type.Array(ArchiveFile),
});
export type ArchiveManifest = Static<typeof ArchiveManifest>;

/** What `scripts/bundle` writes beside an archive, so that whoever installs it need not unpack it. */
export const ArchiveRecord = strict({
  /** File name of the archive, in the folder of this record. */
  fileName: Type.String(),
  sizeBytes: Type.Integer(),
  /** Of the archive's bytes. */
  sha256: Sha256,
  manifest: ArchiveManifest,
});
export type ArchiveRecord = Static<typeof ArchiveRecord>;
