import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { AppError, ArchiveRecord, parse, Type } from '#contracts';
import { readAuthorities } from '#runtime';

/** A file of this host that goes into HDFS under a name that holds its hash. */
export interface LocalFile {
  readonly file: string;
  readonly name: string;
  /** Relative to the runtime folder; its bytes never change. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** The programs of containers on this host. */
export interface LocalPrograms {
  readonly programVersion: string;
  readonly archiveSha256: string;
  readonly glibc: string;
  readonly worker: LocalFile;
  /** Ours first. */
  readonly master: readonly LocalFile[];
  /** Certificates that workers trust for HDFS; null: Node's own are enough. */
  readonly authorities: LocalFile | null;
  /** Certificates by which they and the masters know the app server; null: those of Node and Java. */
  readonly serverAuthorities: LocalFile | null;
}

/** Everything that is uploaded. */
export const filesOf = ({ worker, master, authorities, serverAuthorities }: LocalPrograms): readonly LocalFile[] => [
  worker,
  ...master,
  ...[authorities, serverAuthorities].filter((file) => file !== null),
];

/** Beside the file of `hadoop.caFile` in a container, which may have any name. */
const SERVER_AUTHORITIES = 'app-server-authorities.pem';
export const MASTER_JAR = 'application-master.jar';
const HASH_CHARS = 12;
/** `scripts/bundle --json`: the record, and where the archive lies. */
const BundleOutput = Type.Object({ file: Type.String() });

/**
 * Reads and hashes what is to be installed.
 *
 * @param archive `.tar.gz` of `scripts/bundle` with its record beside it, or a file with what `scripts/bundle --json` wrote
 * @param jars jars, or folders of jars: the application master's and Hadoop's client
 * @param authoritiesFile PEM of `hadoop.caFile`; empty: none
 * @param serverAuthoritiesFile PEM of `server.caFile`; empty: none
 * @throws BAD_REQUEST naming the file that is missing or not what its record says; CONFIG_INVALID for authorities
 */
export async function readPrograms(
  archive: string,
  jars: readonly string[],
  authoritiesFile: string,
  serverAuthoritiesFile: string,
): Promise<LocalPrograms> {
  const { file, record } = readArchive(archive);
  if (record.manifest.program !== 'worker')
    throw new AppError('BAD_REQUEST', `--archive: expected one of a worker, found ${record.manifest.program}`);
  const worker = await localFile(file);
  if (worker.sha256 !== record.sha256)
    throw new AppError(
      'BAD_REQUEST',
      `${file}: expected SHA-256 ${record.sha256} by its record, found ${worker.sha256}`,
    );
  const { version, contentSha256, needs } = record.manifest;
  const master = await Promise.all(findJars(jars).map((jar) => localFile(jar)));
  if (authoritiesFile !== '') readAuthorities(authoritiesFile, 'hadoop.caFile');
  const authorities = authoritiesFile === '' ? null : await localFile(authoritiesFile);
  if (serverAuthoritiesFile !== '') readAuthorities(serverAuthoritiesFile, 'server.caFile');
  const serverAuthorities =
    serverAuthoritiesFile === '' ? null : await localFile(serverAuthoritiesFile, SERVER_AUTHORITIES);
  const { glibc } = needs;
  return {
    programVersion: version,
    archiveSha256: contentSha256,
    ...{ glibc, worker, master, authorities, serverAuthorities },
  };
}

function readArchive(given: string): { readonly file: string; readonly record: ArchiveRecord } {
  const isArchive = given.endsWith('.tar.gz');
  const recordFile = isArchive ? given.replace(/\.tar\.gz$/, '.json') : given;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(recordFile, 'utf8'));
  } catch (err) {
    const hint = isArchive
      ? 'the record that scripts/bundle writes beside the archive'
      : 'the output of scripts/bundle --json';
    throw new AppError('BAD_REQUEST', `--archive: ${recordFile} cannot be read as ${hint}`, { cause: err });
  }
  if (isArchive) return { file: given, record: parse(ArchiveRecord, json, recordFile, 'BAD_REQUEST') };
  const { file } = parse(BundleOutput, json, recordFile, 'BAD_REQUEST');
  const { fileName, sizeBytes, sha256, manifest } = json as Record<string, unknown>; // an object, as was just parsed
  return { file, record: parse(ArchiveRecord, { fileName, sizeBytes, sha256, manifest }, recordFile, 'BAD_REQUEST') };
}

function findJars(places: readonly string[]): string[] {
  const all = places.flatMap((place) => {
    const found = statSync(place, { throwIfNoEntry: false });
    if (found === undefined) throw new AppError('BAD_REQUEST', `--jars: ${place} does not exist`);
    if (!found.isDirectory()) return [place];
    const names = readdirSync(place).filter((name) => name.endsWith('.jar'));
    return names.sort().map((name) => path.join(place, name));
  });
  const ours = all.filter((file) => path.basename(file) === MASTER_JAR);
  const [first] = ours;
  if (ours.length !== 1 || first === undefined)
    throw new AppError(
      'BAD_REQUEST',
      `--jars: expected one ${MASTER_JAR}, found ${ours.length} in ${places.join(', ')}`,
    );
  return [first, ...all.filter((file) => file !== first)];
}

async function localFile(file: string, name = path.basename(file)): Promise<LocalFile> {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined || found.size === 0)
    throw new AppError('BAD_REQUEST', `${file}: expected a file with content`);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  const sha256 = hash.digest('hex');
  return { file, name, path: `${sha256.slice(0, HASH_CHARS)}/${name}`, sizeBytes: found.size, sha256 };
}
