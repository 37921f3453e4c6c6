import { AppError } from '#contracts';
import { BadHosts, findDataNode, refusal } from './data-nodes.ts';
import type { FileStatus } from './file-status.ts';
import type { Call, NameNodeCalls } from './name-node-calls.ts';
import { Attempts } from './retry.ts';

export interface OpenOptions {
  /** First byte. @default 0 */
  readonly offset?: number;
  /** Bytes to read, cut to the file's end. @default to the end */
  readonly length?: number;
  /** The file as it was looked up before: spares a call, and a file that has changed since is an error. */
  readonly file?: FileStatus;
  readonly signal?: AbortSignal;
}

/** A read that goes on where it broke off: another DataNode is asked for the rest. */
export class FileReader {
  readonly #calls: NameNodeCalls;
  readonly #lookUp: (path: string, signal: AbortSignal | undefined) => Promise<FileStatus>;
  readonly #file: FileStatus;
  readonly #signal: AbortSignal | undefined;
  readonly #attempts: Attempts;
  /** Those that failed since the last byte came. */
  readonly #badHosts = new BadHosts();
  #isResumed = false;

  constructor(
    calls: NameNodeCalls,
    lookUp: (path: string, signal: AbortSignal | undefined) => Promise<FileStatus>,
    file: FileStatus,
    signal: AbortSignal | undefined,
  ) {
    this.#calls = calls;
    this.#lookUp = lookUp;
    this.#file = file;
    this.#signal = signal;
    this.#attempts = new Attempts(calls.options.retries, signal);
  }

  /**
   * The bytes from `start` (inclusive) to `end` (exclusive).
   *
   * @throws HDFS_READ_TRUNCATED when the rest cannot be had within the budget, HDFS_FILE_CHANGED
   */
  async *read(start: number, end: number): AsyncGenerator<Uint8Array> {
    let at = start;
    while (at < end) {
      const host = { name: '' };
      try {
        for await (const chunk of await this.#open(at, end, host)) {
          if (at + chunk.byteLength > end) throw this.#truncated(start, end, at + chunk.byteLength);
          at += chunk.byteLength;
          this.#progressed();
          yield chunk;
        }
        if (at < end) throw this.#truncated(start, end, at);
      } catch (err) {
        await this.#prepareResume(err, host.name, () => this.#truncated(start, end, at, err));
      }
    }
  }

  async #open(at: number, end: number, host: { name: string }): Promise<AsyncIterable<Uint8Array>> {
    if (this.#isResumed) await this.#requireUnchanged();
    const { path } = this.#file;
    const params = { offset: at, length: end - at };
    const call: Call = { method: 'GET', operation: 'OPEN', path, params, signal: this.#signal };
    const found = await findDataNode(this.#calls, call, this.#badHosts);
    if ('answer' in found) return found.answer.body;
    const { location, subject } = found;
    host.name = location.hostname;
    const signal = this.#signal === undefined ? {} : { signal: this.#signal };
    const answer = await this.#calls.options.transport.request({ method: 'GET', url: location, ...signal });
    if (answer.status === 200) return answer.body;
    throw await refusal(answer, { ...subject, origin: location.origin });
  }

  #progressed(): void {
    this.#badHosts.clear();
    this.#attempts.progressed();
  }

  async #prepareResume(err: unknown, host: string, truncated: () => AppError): Promise<void> {
    this.#signal?.throwIfAborted();
    if (!(err instanceof AppError) || !err.retryable) throw err;
    this.#isResumed = true;
    try {
      await this.#attempts.next(err, this.#badHosts.add(host));
    } catch (last) {
      throw last instanceof AppError && last.retryable ? truncated() : last;
    }
  }

  async #requireUnchanged(): Promise<void> {
    const { path, sizeBytes, modifiedAt } = this.#file;
    const now = await this.#lookUp(path, this.#signal);
    if (now.sizeBytes === sizeBytes && now.modifiedAt.getTime() === modifiedAt.getTime()) return;
    const said = ({ sizeBytes: size, modifiedAt: time }: FileStatus): string =>
      `${size} bytes of ${time.toISOString()}`;
    throw new AppError('HDFS_FILE_CHANGED', `OPEN ${path}: expected ${said(this.#file)}, found ${said(now)}`);
  }

  #truncated(start: number, end: number, at: number, cause?: unknown): AppError {
    const message = `OPEN ${this.#file.path}: expected ${end - start} bytes from ${start}, found ${at - start}`;
    return new AppError('HDFS_READ_TRUNCATED', message, { cause, details: { path: this.#file.path, start, end, at } });
  }
}
