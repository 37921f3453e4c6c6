import { nullable, Sha256, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/** Name of the file that names the programs which containers run, in the folder that the installer fills. */
export const RUNTIME_MANIFEST_FILE = 'current.json';
export const RUNTIME_MANIFEST_VERSION = 1;
export const RUNTIME_MANIFEST_BYTES_MAX = 100_000;

const RuntimeFile = strict({
  name: Type.String({ pattern: '^[A-Za-z0-9._-]{1,100}$', description: 'in the container’s folder' }),
  path: Type.String({ maxLength: 300, description: 'relative to the manifest’s folder; its bytes never change' }),
  sizeBytes: Type.Integer({ minimum: 1 }),
});
export type RuntimeFile = Static<typeof RuntimeFile>;

/**
 * What containers of pools run, version 1: written as a whole by `trainyard hadoop install` after the files that it names.
 * A new one makes app servers start new containers from the new programs and drain the workers of the old ones.
 */
export const RuntimeManifest = strict({
  formatVersion: Type.Integer(),
  programVersion: Type.String({ maxLength: 100 }),
  /** Of the worker archive's contents: what its workers say when they register. */
  archiveSha256: Sha256,
  /** Archive with `bin/worker`. */
  worker: RuntimeFile,
  /** Jars of the application master, ours first. */
  master: Type.Array(RuntimeFile, { minItems: 1, maxItems: 20 }),
  /** Certificates that workers trust for HDFS, in PEM; null: those of Node. */
  authorities: nullable(RuntimeFile),
  /** Certificates by which workers and masters know the app server, in PEM; absent: those of Node and of Java. */
  serverAuthorities: Type.Optional(RuntimeFile),
});
export type RuntimeManifest = Static<typeof RuntimeManifest>;
