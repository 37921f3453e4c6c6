import type { TaskOutcome, TaskSpec } from '#contracts';
import type { ChildTask } from '../ipc/messages.ts';
import type { AttemptFolder } from './attempt-folder.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { TaskContext } from './context.ts';
import type { Meeting } from './meeting.ts';
import type { Reporter } from './progress.ts';

/** One attempt as a handler sees it. */
export interface TaskRun<S extends TaskSpec = TaskSpec> {
  readonly task: ChildTask & { readonly spec: S };
  readonly context: TaskContext;
  readonly reporter: Reporter;
  /** Where results are written; what it has written is what is sealed. */
  readonly attempt: AttemptFolder;
  /** What an earlier attempt left, and what this one leaves, to go on from. */
  readonly checkpoints: Pick<Checkpoints, 'open' | 'offer'>;
  /** Finds the other ranks of the task's group. */
  readonly meeting: Pick<Meeting, 'ask'>;
  /** Folder for temporary files of this attempt; removed afterwards. */
  readonly scratchDir: string;
  /** Milliseconds until the task must have sealed; null = no deadline. */
  readonly remainingMs: () => number | null;
}

/** Performs a task of one kind: reads, writes files into the attempt folder, says what came out. */
export type TaskHandler<S extends TaskSpec> = (run: TaskRun<S>) => Promise<TaskOutcome>;
