import { discard, readText, type TransportAnswer } from '#hadoop-auth';
import type { AppError } from '#contracts';
import type { Call, Located, NameNodeCalls } from './name-node-calls.ts';
import { remoteError, type CallSubject } from './remote-error.ts';

/** Longest message of a DataNode that is read. */
const REFUSAL_BYTES_MAX = 1024 * 1024;

/** Hosts that failed; when all that can be had have failed, all are asked again. */
export class BadHosts {
  #hosts: readonly string[] = [];

  get names(): readonly string[] {
    return this.#hosts;
  }

  /** True where the next attempt goes to a host that has not failed yet, as far as is known. */
  add(host: string): boolean {
    const isNew = host !== '' && !this.#hosts.includes(host);
    this.#hosts = isNew ? [...this.#hosts, host] : [];
    return isNew && this.#hosts.length === 1;
  }

  clear(): void {
    if (this.#hosts.length > 0) this.#hosts = [];
  }
}

/** Asks the NameNode which DataNode an operation on data goes to, at first for another one than those that failed. */
export function findDataNode(
  calls: NameNodeCalls,
  call: Call,
  badHosts: BadHosts,
): Promise<Located & { readonly subject: CallSubject }> {
  let excluded: string | undefined = badHosts.names.join(',') || undefined;
  return calls.retrying(call, async (subject, token) => {
    const params = { ...call.params, excludedatanodes: excluded };
    // A small cluster may have no other: then the NameNode says that it finds none.
    excluded = undefined;
    return { ...(await calls.locate({ ...call, params }, subject, token)), subject };
  });
}

/** What a DataNode answered instead of doing it. */
export async function refusal(answer: TransportAnswer, subject: CallSubject): Promise<AppError> {
  if (answer.status >= 400) return remoteError(answer.status, await readText(answer, REFUSAL_BYTES_MAX), subject);
  await discard(answer);
  return remoteError(answer.status, '', subject);
}
