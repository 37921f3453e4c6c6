import { AppError, isAppError } from '#contracts';
import { discard, type TransportAnswer } from '#hadoop-auth';
import { BadHosts, findDataNode, refusal } from './data-nodes.ts';
import type { Call, NameNodeCalls } from './name-node-calls.ts';
import type { CallSubject } from './remote-error.ts';
import { Attempts } from './retry.ts';

export type FileBody = Uint8Array | AsyncIterable<Uint8Array>;

/** A body that knows whether anything of it was taken: until then a write may begin anew. */
class TrackedBody implements AsyncIterable<Uint8Array> {
  isTaken = false;
  sizeBytes = 0;
  readonly #body: FileBody;

  constructor(body: FileBody) {
    this.#body = body;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    this.isTaken = true;
    const chunks = this.#body instanceof Uint8Array ? [this.#body] : this.#body;
    for await (const chunk of chunks) {
      this.sizeBytes += chunk.byteLength;
      yield chunk;
    }
  }
}

/**
 * Sends a body to the DataNode that the NameNode names (CREATE or APPEND), at the pace of the DataNode. Tried again as
 * long as no byte of the body was taken; what breaks off later is HDFS_WRITE_FAILED, and the file may be there in part.
 *
 * @returns bytes sent
 * @throws HDFS_WRITE_FAILED, HDFS_QUOTA_EXCEEDED, what the body throws
 */
export async function writeFile(calls: NameNodeCalls, call: Call, body: FileBody): Promise<number> {
  const tracked = new TrackedBody(body);
  const attempts = new Attempts(calls.options.retries, call.signal);
  const badHosts = new BadHosts();
  for (;;) {
    const found = await findDataNode(calls, call, badHosts);
    if ('answer' in found) throw await refusal(found.answer, found.subject);
    const { location, subject } = found;
    try {
      await send(calls, call, { ...subject, origin: location.origin }, location, tracked);
      return tracked.sizeBytes;
    } catch (err) {
      if (tracked.isTaken) throw err;
      await attempts.next(err, badHosts.add(location.hostname));
    }
  }
}

async function send(
  calls: NameNodeCalls,
  call: Call,
  subject: CallSubject,
  location: URL,
  body: TrackedBody,
): Promise<void> {
  let answer: TransportAnswer;
  try {
    answer = await calls.options.transport.request({
      method: call.method,
      url: location,
      headers: { 'content-type': 'application/octet-stream' },
      body,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    if (answer.status < 300) return await discard(answer);
  } catch (err) {
    throw body.isTaken && isAppError(err, 'HADOOP_UNAVAILABLE') ? brokenOff(subject, body, err) : err;
  }
  const refused = await refusal(answer, subject);
  throw body.isTaken && refused.retryable ? brokenOff(subject, body, refused) : refused;
}

/** Not to be tried again here: the bytes are gone. */
function brokenOff({ operation, path, user, origin }: CallSubject, body: TrackedBody, cause: AppError): AppError {
  const what = `${operation} ${path} as ${user} at ${origin}`;
  return new AppError('HDFS_WRITE_FAILED', `${what}: broke off after ${body.sizeBytes} bytes`, { cause });
}
