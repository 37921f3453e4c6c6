import { AppError, type TaskKind } from '#contracts';
import type { ObjectStore } from '#object-store';
import {
  dissolveGroup,
  endBereft,
  settleJob,
  type RetryPolicy,
  type Seal,
  type Task,
  type Transaction,
  type Transition,
} from '#store';
import type { OutcomeOf, SealedAttempt, TaskFollowUp } from './follow-up.ts';

/** A result that was checked outside of the transaction, and what records its meaning inside. */
export interface VerifiedResult {
  commit(trx: Transaction, task: Task): Promise<void>;
}

/** A follow-up with its kind forgotten. */
interface AnyFollowUp {
  verify(task: Task, seal: Seal, store: ObjectStore): Promise<VerifiedResult>;
  failed(trx: Transaction, task: Task, problem: AppError): Promise<void>;
  cancelled(trx: Transaction, task: Task): Promise<void>;
}

/** The follow-ups of all kinds of tasks. */
export class FollowUps {
  readonly #byKind = new Map<TaskKind, AnyFollowUp>();
  readonly #policy: RetryPolicy;

  /** @param policy how long groups wait that were not all there */
  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  /** @throws INTERNAL when the kind has one already */
  register<K extends TaskKind, V>(kind: K, followUp: TaskFollowUp<K, V>): void {
    if (this.#byKind.has(kind)) throw new AppError('INTERNAL', `tasks of kind ${kind} have a follow-up already`);
    // The casts hold: `#of` looks a follow-up up by the task's kind, and a seal's outcome has its task's kind.
    const typed = (task: Task) => task as unknown as Task<K>;
    this.#byKind.set(kind, {
      async verify(task, seal, store) {
        const sealed: SealedAttempt<K> = { ...seal, outcome: seal.outcome as OutcomeOf<K> };
        const verified = await followUp.verify(typed(task), sealed, store);
        return { commit: (trx, ended) => followUp.committed(trx, typed(ended), sealed, verified) };
      },
      failed: (trx, task, problem) => followUp.failed(trx, typed(task), problem),
      cancelled: (trx, task) => followUp.cancelled(trx, typed(task)),
    });
  }

  /** Checks a sealed result. @throws what the follow-up's `verify` throws */
  verify(task: Task, seal: Seal, store: ObjectStore): Promise<VerifiedResult> {
    return this.#of(task).verify(task, seal, store);
  }

  /**
   * Runs what follows from a transition, in its transaction: the follow-up of the kind, then the ends of tasks that cannot
   * go on without this one, then the job's end. A lost member of a group gives the others back. Nothing follows from a
   * repeat or from another state.
   */
  async follow(trx: Transaction, transition: Transition, verified: VerifiedResult | null = null): Promise<void> {
    if (transition.repeat) return;
    const { state, task, problem } = transition;
    switch (state) {
      case 'SUCCEEDED':
        if (verified === null) throw new AppError('INTERNAL', `task ${task.id} succeeded without being verified`);
        await verified.commit(trx, task);
        break;
      case 'FAILED':
        await this.#of(task).failed(trx, task, problem ?? new AppError('INTERNAL', 'the task failed without a reason'));
        await this.followAll(trx, await endBereft(trx, task, state));
        break;
      case 'CANCELLED':
        await this.#of(task).cancelled(trx, task);
        await this.followAll(trx, await endBereft(trx, task, state));
        break;
      case 'READY':
        if (task.groupId !== null) await this.followAll(trx, await dissolveGroup(trx, task.groupId, this.#policy));
        return;
      case 'WAITING':
      case 'LEASED':
      case 'RUNNING':
      case 'COMMITTING':
        return;
    }
    await settleJob(trx, task, state, problem);
  }

  /** The same for several, in order. */
  async followAll(trx: Transaction, transitions: readonly Transition[]): Promise<void> {
    for (const transition of transitions) await this.follow(trx, transition);
  }

  #of(task: Task): AnyFollowUp {
    const followUp = this.#byKind.get(task.kind);
    if (followUp === undefined) throw new AppError('INTERNAL', `tasks of kind ${task.kind} have no follow-up`);
    return followUp;
  }
}
