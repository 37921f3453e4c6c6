import { AppError } from '#contracts';
import type { MessageFromChild, MetMessage } from '../ipc/messages.ts';

/** What a rank of a group is told: its host, and what the app server says. */
export type Met = Pick<MetMessage, 'host' | 'answer'>;

/** Asks the supervisor about the other ranks of a run's group, one question at a time. */
export class Meeting {
  readonly #runId: string;
  readonly #send: (message: MessageFromChild) => void;
  #asked: ((met: Met) => void) | null = null;

  constructor(runId: string, send: (message: MessageFromChild) => void) {
    this.#runId = runId;
    this.#send = send;
  }

  /**
   * Who this rank is; with the port at which it listens, answered when the addresses of all ranks are known. Where there is no answer to be had
   * the supervisor ends this process.
   */
  async ask(port: number | null): Promise<Met> {
    if (this.#asked !== null) throw new AppError('INTERNAL', 'a rank asks for the others twice at a time');
    const met = new Promise<Met>((resolve) => (this.#asked = resolve));
    this.#send({ type: 'meet', runId: this.#runId, port });
    return met;
  }

  /** The supervisor's answer. */
  hear(met: Met): void {
    const asked = this.#asked;
    this.#asked = null;
    asked?.(met);
  }
}
