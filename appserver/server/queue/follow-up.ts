import type { SealedFile, TaskKind, TaskOutcome } from '#contracts';
import type { AppError } from '#contracts';
import type { ObjectStore } from '#object-store';
import type { Task, Transaction } from '#store';

/** The outcome that a task of this kind reports. */
export type OutcomeOf<K extends TaskKind> = Extract<TaskOutcome, { kind: K }>;

/** A finished attempt: its files lie under `attemptPath` of the object store and never change again. */
export interface SealedAttempt<K extends TaskKind = TaskKind> {
  readonly fence: number;
  /** Folder of the object store; a file's path is `${attemptPath}/${file.name}`. */
  readonly attemptPath: string;
  readonly files: readonly SealedFile[];
  readonly outcome: OutcomeOf<K>;
}

/**
 * What a kind of task means to the rest of the platform. Methods that take a transaction run in the one that ends the
 * task: what they write and the task's end are one. They lock nothing that is locked before the job and the task,
 * send statements only through `trx`, and may run again after a deadlock. Two tasks of one job never run them at the
 * same time: the job's row is locked first.
 */
export interface TaskFollowUp<K extends TaskKind = TaskKind, V = unknown> {
  /**
   * Checks what a worker sealed, outside of any transaction, perhaps more than once. Sizes and SHA-256 of all files
   * have been checked already. The returned facts reach `committed`.
   *
   * @throws RESULT_MISMATCH, ARTIFACT_INVALID: the attempt is charged to the task and it is tried again;
   *   HDFS_OUTPUT_EXISTS, HDFS_OUTPUT_REFUSED: the task fails; any other error leaves it sealed, to be verified again
   */
  verify(task: Task<K>, sealed: SealedAttempt<K>, store: ObjectStore): Promise<V>;
  /** The result is recorded. New tasks may be made here. */
  committed(trx: Transaction, task: Task<K>, sealed: SealedAttempt<K>, verified: V): Promise<void>;
  /** The task is given up. */
  failed(trx: Transaction, task: Task<K>, problem: AppError): Promise<void>;
  /** The task was cancelled; nothing of it will be written any more. */
  cancelled(trx: Transaction, task: Task<K>): Promise<void>;
}
