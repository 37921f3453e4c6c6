import type { WebHdfsClient } from '#webhdfs';
import type { CallOptions } from './object-store.ts';
import { parseObjectPath } from './object-path.ts';
import { walkHdfs } from './hdfs-walk.ts';

/** Shared folders lie below ones that everybody may pass through and nobody else may list. */
const PASSAGE = '711';
const PRIVATE = '700';

/**
 * Opens single folders of a store to an end user, whose jobs then read or write them under his own name, and closes them
 * again. The service owns the store; an ACL of HDFS holds 32 entries, so the way to a folder is passed by everybody
 * (`711`) and only the folder itself names the user.
 *
 * @see https://hadoop.apache.org/docs/r3.4.1/hadoop-project-dist/hadoop-hdfs/HdfsPermissionsGuide.html#ACLs_.28Access_Control_Lists.29
 */
export class HdfsSharing {
  readonly #client: WebHdfsClient;
  readonly #root: string;
  readonly #service: string;
  readonly #clientOf: (user: string) => WebHdfsClient;

  /**
   * @param service short name of the store's owner, who keeps access to what users write
   * @param clientOf acts in the name of a user: a file's ACL is its owner's
   */
  constructor(client: WebHdfsClient, root: string, service: string, clientOf: (user: string) => WebHdfsClient) {
    this.#client = client;
    this.#root = client.resolve(root);
    this.#service = service;
    this.#clientOf = clientOf;
  }

  /** Makes a folder, if need be, in which the user may write objects; the service reads them. @throws HDFS_PERMISSION_DENIED */
  async openForWriting(prefix: string, user: string, options: CallOptions = {}): Promise<void> {
    const folder = await this.#openWay(prefix, options);
    await this.#client.mkdirs(folder, { ...options, permission: PRIVATE });
    const entries = [`user:${user}:rwx`, `default:user:${user}:rwx`, `default:user:${this.#service}:rwx`];
    await this.#client.modifyAcl(folder, entries, options);
  }

  /** Lets the user read all objects that are in a folder now. @throws HDFS_FILE_MISSING */
  async openForReading(prefix: string, user: string, options: CallOptions = {}): Promise<void> {
    const folder = await this.#openWay(prefix, options);
    const segments = parseObjectPath(prefix);
    await this.#client.modifyAcl(folder, [`user:${user}:r-x`], options);
    for await (const { status } of walkHdfs(this.#client, this.#root === '/' ? '' : this.#root, segments, options)) {
      if (status.owner === user) continue;
      const owner = status.owner === this.#service ? this.#client : this.#clientOf(status.owner);
      await owner.modifyAcl(status.path, [`user:${user}:r--`], options);
    }
  }

  /** Takes a folder away from everybody but the service. What users wrote stays, out of their reach. */
  async close(prefix: string, options: CallOptions = {}): Promise<void> {
    const folder = this.#folderOf(parseObjectPath(prefix));
    await this.#client.removeAcl(folder, undefined, options);
    await this.#client.setPermission(folder, PRIVATE, options);
  }

  async #openWay(prefix: string, options: CallOptions): Promise<string> {
    const segments = parseObjectPath(prefix);
    for (let depth = 0; depth < segments.length; depth += 1) {
      const above = this.#folderOf(segments.slice(0, depth));
      const found = await this.#client.find(above, options);
      if (found === null) await this.#client.mkdirs(above, { ...options, permission: PASSAGE });
      else if (found.permission !== PASSAGE) await this.#client.setPermission(above, PASSAGE, options);
    }
    return this.#folderOf(segments);
  }

  #folderOf(segments: readonly string[]): string {
    return [this.#root === '/' ? '' : this.#root, ...segments].join('/') || '/';
  }
}
