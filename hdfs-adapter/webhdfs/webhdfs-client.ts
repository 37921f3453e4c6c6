import { AppError, isAppError } from '#contracts';
import { readText, type HttpTransport, type Identity } from '#hadoop-auth';
import type { HdfsAccess } from './access.ts';
import { BadHosts, findDataNode, refusal } from './data-nodes.ts';
import {
  AclAnswer,
  BooleanAnswer,
  ChecksumAnswer,
  ContentSummaryAnswer,
  FileStatusAnswer,
  ListingAnswer,
  LongAnswer,
  PathAnswer,
  toContentSummary,
  toFileStatus,
  TokenAnswer,
  type ContentSummary,
  type FileStatus,
} from './file-status.ts';
import { parseHdfsPath } from './hdfs-path.ts';
import { NameNodeCalls, parseAnswer, type Call } from './name-node-calls.ts';
import { NameNodes } from './name-nodes.ts';
import { FileReader, type OpenOptions } from './read-file.ts';
import { DEFAULT_RETRIES, type RetryBudget } from './retry.ts';
import { SessionToken } from './session-token.ts';
import { writeFile, type FileBody } from './write-file.ts';

export interface WebHdfsOptions {
  /** Origins of all NameNodes of one nameservice, or of HttpFS servers. */
  readonly urls: readonly string[];
  /** What may stand between `hdfs://` and a path. @default none: only `/path` is taken */
  readonly authorities?: readonly string[];
  readonly transport: HttpTransport;
  readonly identity: Identity;
  /** @default the service itself */
  readonly access?: HdfsAccess;
  readonly retries?: RetryBudget;
}

export interface HdfsCallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface CreateOptions extends HdfsCallOptions {
  /** @default false: an existing file is HDFS_FILE_EXISTS */
  readonly overwrite?: boolean;
  /** Octal. @default what the cluster's umask leaves of 644 */
  readonly permission?: string;
  readonly replication?: number;
  readonly blockSizeBytes?: number;
}

type Method = Call['method'];
type Params = NonNullable<Call['params']>;

/**
 * HDFS over REST, by WebHDFS or HttpFS: whole files as streams, everything else as JSON. Calls find the active NameNode and
 * are tried again within a budget where that may help; a read goes on where it broke off. Memory is a few chunks.
 *
 * All methods throw HDFS_PATH_INVALID, HDFS_FILE_MISSING, HDFS_PERMISSION_DENIED, HDFS_SAFE_MODE, HDFS_UNAVAILABLE,
 * HDFS_TOKEN_INVALID and what `#hadoop-auth` throws; messages name operation, path, user and server.
 *
 * @see https://hadoop.apache.org/docs/r3.4.1/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
 */
export class WebHdfsClient {
  readonly #authorities: readonly string[];
  readonly #calls: NameNodeCalls;
  /** The same for data: with a token where the others go by Kerberos. */
  readonly #dataCalls: NameNodeCalls;
  readonly #session: SessionToken | null = null;

  constructor(options: WebHdfsOptions) {
    const { transport, identity, access = { kind: 'self' }, retries = DEFAULT_RETRIES } = options;
    const nameNodes = new NameNodes(options.urls);
    this.#authorities = options.authorities ?? [];
    this.#calls = new NameNodeCalls({ nameNodes, transport, identity, access, retries });
    this.#dataCalls = this.#calls;
    if (identity.kind !== 'kerberos' || access.kind === 'token') return;
    const session = new SessionToken(
      () => this.getDelegationToken(),
      (token) => this.cancelDelegationToken(token),
    );
    this.#session = session;
    const byToken: HdfsAccess = { kind: 'token', token: () => session.get(), refused: () => session.drop() };
    this.#dataCalls = new NameNodeCalls({ nameNodes, transport, identity, access: byToken, retries });
  }

  /** The absolute path within HDFS that `/path` or `hdfs://authority/path` names. @throws HDFS_PATH_INVALID */
  resolve(path: string): string {
    return parseHdfsPath(path, this.#authorities);
  }

  /** The bytes of a file or a range of it. @throws HDFS_READ_TRUNCATED, HDFS_FILE_CHANGED */
  async *open(path: string, options: OpenOptions = {}): AsyncGenerator<Uint8Array> {
    const { offset = 0, length = Infinity, signal } = options;
    const file = options.file ?? (await this.status(path, { signal }));
    if (file.type !== 'file') throw notAFile('OPEN', file.path, file.type);
    const lookUp = (name: string): Promise<FileStatus> => this.status(name, { signal });
    const reader = new FileReader(this.#dataCalls, lookUp, file, signal);
    yield* reader.read(Math.min(offset, file.sizeBytes), Math.min(offset + length, file.sizeBytes));
  }

  /**
   * Writes a new file, parents included; what cannot be finished leaves a part of it under its name.
   *
   * @returns bytes written
   * @throws HDFS_FILE_EXISTS, HDFS_WRITE_FAILED, HDFS_QUOTA_EXCEEDED, what the body throws
   */
  create(path: string, body: FileBody, options: CreateOptions = {}): Promise<number> {
    const { overwrite = false, permission, replication, blockSizeBytes, signal } = options;
    const params = { overwrite, permission, replication, blocksize: blockSizeBytes };
    return writeFile(this.#dataCalls, this.#call('PUT', 'CREATE', path, params, signal), body);
  }

  /** Writes at the end of a file. Returns the bytes written. @throws HDFS_FILE_BUSY, HDFS_WRITE_FAILED, HDFS_QUOTA_EXCEEDED */
  append(path: string, body: FileBody, { signal }: HdfsCallOptions = {}): Promise<number> {
    return writeFile(this.#dataCalls, this.#call('POST', 'APPEND', path, {}, signal), body);
  }

  /** The entries of a folder by name (UTF-8 byte order), read in batches; of a file, itself. `after` skips names up to it. */
  async *list(path: string, options: HdfsCallOptions & { readonly after?: string } = {}): AsyncGenerator<FileStatus> {
    let startAfter = options.after;
    for (;;) {
      // HttpFS knows the documented name only, a NameNode of Hadoop 3.5 only the one in lower case.
      const params = { startAfter, startafter: startAfter };
      const call = this.#call('GET', 'LISTSTATUS_BATCH', path, params, options.signal);
      const { DirectoryListing } = await this.#calls.json(call, ListingAnswer);
      const entries = DirectoryListing.partialListing.FileStatuses.FileStatus;
      for (const entry of entries) yield toFileStatus(entry, call.path);
      const last = entries.at(-1)?.pathSuffix;
      if (DirectoryListing.remainingEntries <= 0 || last === undefined || last === startAfter) return;
      startAfter = last;
    }
  }

  async status(path: string, { signal }: HdfsCallOptions = {}): Promise<FileStatus> {
    const call = this.#call('GET', 'GETFILESTATUS', path, {}, signal);
    return toFileStatus((await this.#calls.json(call, FileStatusAnswer)).FileStatus, call.path);
  }

  /** As {@link status}, null where nothing is. */
  async find(path: string, options: HdfsCallOptions = {}): Promise<FileStatus | null> {
    try {
      return await this.status(path, options);
    } catch (err) {
      if (isAppError(err, 'HDFS_FILE_MISSING')) return null;
      throw err;
    }
  }

  /** Size and quotas of a folder with all below it. */
  async contentSummary(path: string, { signal }: HdfsCallOptions = {}): Promise<ContentSummary> {
    const call = this.#call('GET', 'GETCONTENTSUMMARY', path, {}, signal);
    return toContentSummary(await this.#calls.json(call, ContentSummaryAnswer));
  }

  /**
   * Makes a folder and its parents; one that is there keeps its permission. A permission (octal) is that of the folder
   * alone: `op=MKDIRS` would give it to every parent too.
   */
  async mkdirs(path: string, options: HdfsCallOptions & { readonly permission?: string } = {}): Promise<void> {
    const call = this.#call('PUT', 'MKDIRS', path, { permission: options.permission }, options.signal);
    const parent = call.path.slice(0, call.path.lastIndexOf('/'));
    if (options.permission !== undefined && parent !== '')
      await this.#requireTrue({ ...call, path: parent, params: {} }, 'a folder');
    await this.#requireTrue(call, 'a folder');
  }

  /**
   * Renames; over something that is there only with `overwrite`, which takes its place as one step. HttpFS cannot do
   * that: it refuses as if it had not been asked for. @throws HDFS_FILE_EXISTS, HDFS_REQUEST_INVALID
   */
  async rename(
    from: string,
    to: string,
    options: HdfsCallOptions & { readonly overwrite?: boolean } = {},
  ): Promise<void> {
    const destination = this.resolve(to);
    const { overwrite = false, signal } = options;
    // With renameoptions a NameNode answers exceptions instead of false; HttpFS knows the boolean only.
    const params = { destination, renameoptions: overwrite ? 'OVERWRITE' : 'NONE' };
    const call = this.#call('PUT', 'RENAME', from, params, signal);
    await this.#calls.retrying(call, async (subject, token) => {
      const text = await readText(await this.#calls.ask(call, subject, token), 1024 * 1024);
      if (text.trim() === '' || parseAnswer(BooleanAnswer, text, subject).boolean) return;
      const expected = `expected ${call.path} to be there and ${destination} not`;
      throw new AppError('HDFS_REQUEST_INVALID', `RENAME ${call.path} as ${subject.user}: HDFS refused; ${expected}`);
    });
  }

  /** Deletes a file or folder, past the trash. False where nothing was. @throws HDFS_REQUEST_INVALID for a full folder */
  async delete(path: string, options: HdfsCallOptions & { readonly recursive?: boolean } = {}): Promise<boolean> {
    const call = this.#call('DELETE', 'DELETE', path, { recursive: options.recursive === true }, options.signal);
    return (await this.#calls.json(call, BooleanAnswer)).boolean;
  }

  /** @param permission octal, e.g. `750` */
  setPermission(path: string, permission: string, { signal }: HdfsCallOptions = {}): Promise<void> {
    return this.#calls.done(this.#call('PUT', 'SETPERMISSION', path, { permission }, signal));
  }

  setOwner(
    path: string,
    { owner, group }: { readonly owner?: string; readonly group?: string },
    { signal }: HdfsCallOptions = {},
  ): Promise<void> {
    return this.#calls.done(this.#call('PUT', 'SETOWNER', path, { owner, group }, signal));
  }

  setModifiedAt(path: string, time: Date, { signal }: HdfsCallOptions = {}): Promise<void> {
    return this.#calls.done(this.#call('PUT', 'SETTIMES', path, { modificationtime: time.getTime() }, signal));
  }

  /** Entries beside owner, group and other: `user:alice:rwx`, `default:user:alice:rwx`. */
  async getAcl(path: string, { signal }: HdfsCallOptions = {}): Promise<readonly string[]> {
    return (await this.#calls.json(this.#call('GET', 'GETACLSTATUS', path, {}, signal), AclAnswer)).AclStatus.entries;
  }

  /** Adds entries, or changes those of the same name. */
  modifyAcl(path: string, entries: readonly string[], { signal }: HdfsCallOptions = {}): Promise<void> {
    return this.#calls.done(this.#call('PUT', 'MODIFYACLENTRIES', path, { aclspec: entries.join(',') }, signal));
  }

  /** @param entries without permissions: `user:alice`, `default:user:alice`; all of them when left out */
  removeAcl(path: string, entries?: readonly string[], { signal }: HdfsCallOptions = {}): Promise<void> {
    const call =
      entries === undefined
        ? this.#call('PUT', 'REMOVEACL', path, {}, signal)
        : this.#call(
            'PUT',
            'REMOVEACLENTRIES',
            path,
            { aclspec: entries.map((entry) => `${entry}:`).join(',') },
            signal,
          );
    return this.#calls.done(call);
  }

  /** Whether the user may do this. @param action three letters of `rwx-`, e.g. `r-x` */
  async mayAccess(path: string, action: string, { signal }: HdfsCallOptions = {}): Promise<boolean> {
    try {
      await this.#calls.done(this.#call('GET', 'CHECKACCESS', path, { fsaction: action }, signal));
      return true;
    } catch (err) {
      if (isAppError(err, 'HDFS_PERMISSION_DENIED')) return false;
      throw err;
    }
  }

  /** HDFS's own checksum of a file, as `algorithm:hex`; comparable between files of the same block size only. */
  async checksum(path: string, { signal }: HdfsCallOptions = {}): Promise<string> {
    const call = this.#call('GET', 'GETFILECHECKSUM', path, {}, signal);
    const found = await findDataNode(this.#dataCalls, call, new BadHosts());
    const { transport } = this.#dataCalls.options;
    const request = { method: 'GET', ...(signal === undefined ? {} : { signal }) } as const;
    const answer = 'answer' in found ? found.answer : await transport.request({ ...request, url: found.location });
    if (answer.status !== 200) throw await refusal(answer, found.subject);
    const { FileChecksum } = parseAnswer(ChecksumAnswer, await readText(answer, 1024 * 1024), found.subject);
    return `${FileChecksum.algorithm}:${FileChecksum.bytes.slice(0, FileChecksum.length * 2)}`;
  }

  async homeDirectory({ signal }: HdfsCallOptions = {}): Promise<string> {
    return (await this.#calls.json(this.#call('GET', 'GETHOMEDIRECTORY', '/', {}, signal), PathAnswer)).Path;
  }

  /** A new delegation token of this client's user, secret. @param renewer who may renew it; by default the user */
  async getDelegationToken(renewer?: string, { signal }: HdfsCallOptions = {}): Promise<string> {
    const call = this.#tokenCall('GET', 'GETDELEGATIONTOKEN', { renewer }, signal);
    return (await this.#calls.json(call, TokenAnswer)).Token.urlString;
  }

  /** Prolongs a token; only its renewer may. Returns when it will expire. @throws HDFS_PERMISSION_DENIED */
  async renewDelegationToken(token: string, { signal }: HdfsCallOptions = {}): Promise<Date> {
    const call = this.#tokenCall('PUT', 'RENEWDELEGATIONTOKEN', { token }, signal);
    return new Date((await this.#calls.json(call, LongAnswer)).long);
  }

  /** Ends a token at once; its owner or renewer may. */
  cancelDelegationToken(token: string, { signal }: HdfsCallOptions = {}): Promise<void> {
    return this.#calls.done(this.#tokenCall('PUT', 'CANCELDELEGATIONTOKEN', { token }, signal));
  }

  /** Cancels the token that this client got for itself. The transport stays open: it is its maker's. */
  async close(): Promise<void> {
    await this.#session?.close();
  }

  async #requireTrue(call: Call, what: string): Promise<void> {
    if ((await this.#calls.json(call, BooleanAnswer)).boolean) return;
    throw new AppError('HDFS_REQUEST_INVALID', `${call.operation} ${call.path}: expected ${what}, HDFS answered false`);
  }

  #tokenCall(method: Method, operation: string, params: Params, signal: AbortSignal | undefined): Call {
    return { ...this.#call(method, operation, '/', params, signal), withoutToken: true };
  }

  #call(method: Method, operation: string, path: string, params: Params, signal: AbortSignal | undefined): Call {
    return { method, operation, path: this.resolve(path), params, signal };
  }
}

function notAFile(operation: string, path: string, type: string): AppError {
  return new AppError('HDFS_REQUEST_INVALID', `${operation} ${path}: expected a file, found a ${type}`);
}
