import path from 'node:path';
import {
  AppError,
  parse,
  RUNTIME_MANIFEST_BYTES_MAX,
  RUNTIME_MANIFEST_FILE,
  RUNTIME_MANIFEST_VERSION,
  RuntimeManifest,
  type LaunchResource,
  type RuntimeFile,
} from '#contracts';
import { readBody, type Clock } from '#runtime';
import type { WebHdfsClient } from '#webhdfs';

/** The programs of containers, as YARN is to be told of them. */
export interface RuntimeFiles {
  readonly archiveSha256: string;
  readonly worker: LaunchResource;
  readonly master: readonly LaunchResource[];
  /** Certificates to trust for HDFS, in PEM; null: those of Node. */
  readonly authorities: LaunchResource | null;
  /** Likewise for the app server. */
  readonly serverAuthorities: LaunchResource | null;
}

/** An installation is looked for anew after this time. */
const FRESH_MS = 60_000;
/** Name of the folder into which YARN unpacks the worker. */
export const WORKER_FOLDER = 'worker';

/**
 * The programs that `trainyard hadoop install` put into HDFS, read at most once a minute. YARN compares size and time of
 * every file to the millisecond, so both are taken from the NameNode, not from the manifest; a file of another size than
 * the manifest's is a damaged installation.
 */
export class RuntimeFolder {
  readonly #hdfs: WebHdfsClient;
  readonly #folder: string;
  readonly #authority: string;
  readonly #clock: Clock;
  readonly #needsServerAuthorities: boolean;
  #found: { readonly files: RuntimeFiles; readonly atMs: number } | null = null;

  /**
   * @param authority of `hdfs://authority/`, as nodes of the cluster know it
   * @param needsServerAuthorities whether containers would not know the app server by the certificates of Node
   */
  constructor(hdfs: WebHdfsClient, folder: string, authority: string, clock: Clock, needsServerAuthorities: boolean) {
    this.#hdfs = hdfs;
    this.#folder = folder;
    this.#authority = authority;
    this.#clock = clock;
    this.#needsServerAuthorities = needsServerAuthorities;
  }

  /** @throws YARN_RUNTIME_MISSING; what HDFS throws */
  async files(signal?: AbortSignal): Promise<RuntimeFiles> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#found !== null && nowMs - this.#found.atMs < FRESH_MS) return this.#found.files;
    const files = await this.#read(signal);
    this.#found = { files, atMs: nowMs };
    return files;
  }

  async #read(signal: AbortSignal | undefined): Promise<RuntimeFiles> {
    const file = path.posix.join(this.#folder, RUNTIME_MANIFEST_FILE);
    if ((await this.#hdfs.find(file, { signal })) === null)
      throw new AppError('YARN_RUNTIME_MISSING', `${file} does not exist: run trainyard hadoop install`);
    const bytes = await readBody(
      this.#hdfs.open(file, signal === undefined ? {} : { signal }),
      RUNTIME_MANIFEST_BYTES_MAX,
    );
    const manifest = parse(RuntimeManifest, JSON.parse(bytes.toString('utf8')), file, 'YARN_RUNTIME_MISSING');
    if (manifest.formatVersion !== RUNTIME_MANIFEST_VERSION)
      throw new AppError(
        'YARN_RUNTIME_MISSING',
        `${file}: expected format version ${RUNTIME_MANIFEST_VERSION}, found ${manifest.formatVersion}: run trainyard hadoop install of this version`,
      );
    const { authorities, serverAuthorities } = manifest;
    if (serverAuthorities === undefined && this.#needsServerAuthorities)
      throw new AppError(
        'YARN_RUNTIME_MISSING',
        `${file}: expected the certificates of server.caFile, found none: run trainyard hadoop install again`,
      );
    const worker = await this.#resource(manifest.worker, signal);
    const master = await Promise.all(manifest.master.map((jar) => this.#resource(jar, signal)));
    return {
      archiveSha256: manifest.archiveSha256,
      worker: { ...worker, name: WORKER_FOLDER, type: 'ARCHIVE' },
      master,
      authorities: authorities === null ? null : await this.#resource(authorities, signal),
      serverAuthorities: serverAuthorities === undefined ? null : await this.#resource(serverAuthorities, signal),
    };
  }

  async #resource(file: RuntimeFile, signal: AbortSignal | undefined): Promise<LaunchResource> {
    const place = path.posix.join(this.#folder, file.path);
    const { sizeBytes, modifiedAt } = await this.#hdfs.status(place, { signal });
    if (sizeBytes !== file.sizeBytes)
      throw new AppError(
        'YARN_RUNTIME_MISSING',
        `${place}: expected ${file.sizeBytes} bytes, found ${sizeBytes}: run trainyard hadoop install again`,
      );
    return {
      name: file.name,
      url: `hdfs://${this.#authority}${place}`,
      sizeBytes,
      modifiedAtMs: modifiedAt.getTime(),
      type: 'FILE',
      // Localised by the NodeManager as itself: works without any token, also for a pool that outlives its tokens.
      visibility: 'PUBLIC',
    };
  }
}
