import { Worker } from 'node:worker_threads';
import { programFile } from '#runtime';
import { CONTROL_BYTES, openControl, type Control } from './control.ts';
import { groupBroken } from './exchange.ts';
import type { GroupLimits } from './limits.ts';
import type { FromMeshThread, Membership, MeshThreadData, RankAddress, ToMeshThread } from './messages.ts';

/** Longest wait for the mesh to tell the other ranks why. */
const TELL_MS_MAX = 2_000;

export interface MeshClientOptions {
  readonly member: Membership;
  readonly limits: GroupLimits;
  readonly listenHost: string;
  readonly onStray: (reason: string) => void;
}

/** The thread of a rank's mesh, as the training thread sees it. */
export class MeshClient {
  readonly control: Control;
  readonly #thread: Worker;
  readonly #listening = Promise.withResolvers<number>();
  readonly #connected = Promise.withResolvers<undefined>();
  readonly #broken = Promise.withResolvers<never>();

  constructor({ member, limits, listenHost, onStray }: MeshClientOptions) {
    const memory = new SharedArrayBuffer(CONTROL_BYTES);
    this.control = openControl(memory);
    const workerData: MeshThreadData = { member, limits, listenHost, control: memory };
    this.#thread = new Worker(programFile('mesh-thread'), { workerData });
    // Nobody may wait for it any more.
    this.#broken.promise.catch(() => undefined);
    const onBroken = (reason: string): void => this.#broken.reject(groupBroken(member, reason));
    this.#thread.on('message', (message: FromMeshThread) => {
      if (message.type === 'listening') this.#listening.resolve(message.port);
      else if (message.type === 'connected') this.#connected.resolve(undefined);
      else if (message.type === 'stray') onStray(message.reason);
      else onBroken(message.reason);
    });
    this.#thread.on('error', (err) => onBroken(`its mesh failed: ${String(err)}`));
  }

  /** Rejects with GROUP_BROKEN when this thread's event loop learns of it. */
  get broken(): Promise<never> {
    return this.#broken.promise;
  }

  /**
   * Connects to all other ranks.
   *
   * @param peers is told where this rank listens and tells where all do
   * @throws GROUP_BROKEN; what `peers` throws; the thread has ended then
   */
  async meet(peers: (port: number) => Promise<readonly RankAddress[]>): Promise<void> {
    try {
      const port = await Promise.race([this.#listening.promise, this.broken]);
      this.post({ type: 'meet', addresses: await Promise.race([peers(port), this.broken]) });
      await Promise.race([this.#connected.promise, this.broken]);
    } catch (err) {
      this.break('it did not meet the others');
      await this.#thread.terminate();
      throw err;
    }
  }

  post(message: ToMeshThread): void {
    this.#thread.postMessage(message);
  }

  /** Breaks the group, if it is not broken, and blocks until the other ranks were told why, as far as they can be. */
  break(reason: string): void {
    this.post({ type: 'break', reason });
    this.control.awaitTold(TELL_MS_MAX);
  }

  /** Says goodbye to the other ranks and ends the thread. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#thread.once('exit', resolve));
    this.post({ type: 'leave' });
    await ended;
  }
}
