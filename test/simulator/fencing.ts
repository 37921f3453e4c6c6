import { isFinalTaskState } from '#store';
import type { TaskState } from '#contracts';
import type { ServedRequest } from './app-server.ts';
import type { WireAnswer } from './network.ts';

/** What an answer says, whichever it is. */
interface AnswerBody {
  readonly taskId?: string;
  readonly fence?: number;
  readonly directive?: string;
  readonly state?: TaskState;
}

/**
 * Watches at the app servers' doors: once a fence was given out, no statement of a lower one that arrives afterwards is
 * accepted, and a statement that is repeated is answered alike.
 */
export class Fencing {
  readonly #report: (finding: string) => void;
  /** Highest fence that was given out, by task. */
  readonly #given = new Map<string, number>();
  /** Final states that were answered to commits, by task and fence. */
  readonly #committed = new Map<string, TaskState>();

  constructor(report: (finding: string) => void) {
    this.#report = report;
  }

  /** A request has arrived; returns what is to be told of its answer. */
  arrive({ verb, taskId, fence }: ServedRequest): (answer: WireAnswer) => void {
    const newest = taskId === null ? 0 : (this.#given.get(taskId) ?? 0);
    return ({ status, text }) => {
      if (status !== 200) return;
      const body = JSON.parse(text) as AnswerBody; // the app server checked it against its schema
      if (verb === 'claims') this.#give(body);
      else if (taskId !== null) this.#check(verb, `task ${taskId}`, { fence, newest }, body);
    };
  }

  #give({ taskId, fence }: AnswerBody): void {
    if (taskId !== undefined && fence !== undefined)
      this.#given.set(taskId, Math.max(fence, this.#given.get(taskId) ?? 0));
  }

  #check(
    verb: string,
    task: string,
    { fence, newest }: { fence: number; newest: number },
    { directive, state }: AnswerBody,
  ): void {
    const isAccepted =
      (directive !== undefined && directive !== 'cancel') || state === 'COMMITTING' || state === 'SUCCEEDED';
    if (fence < newest && isAccepted) {
      this.#report(`I3 ${task}: ${verb} of fence ${fence} was accepted after fence ${newest} had been given out`);
    }
    if (verb !== 'commit' || state === undefined || !isFinalTaskState(state)) return;
    const first = this.#committed.get(`${task}/${fence}`);
    if (first !== undefined && first !== state)
      this.#report(`${task}: commit of fence ${fence} was answered ${first}, then ${state}`);
    this.#committed.set(`${task}/${fence}`, state);
  }
}
