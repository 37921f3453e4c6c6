import type { TrainPartTask } from '#contracts';
import { peakMemoryBytes } from '../child/peak-memory.ts';
import type { TaskHandler } from '../child/task-run.ts';
import { fitTask } from './fit-task.ts';

/** Fits a model as one of the ranks that do not write it. */
export const runTrainPart: TaskHandler<TrainPartTask> = async (run) => {
  const { contentHash, timings } = await fitTask(run, run.task.spec.train);
  return { kind: 'train-part', contentHash, fitMs: timings.totalMs, peakMemoryBytes: peakMemoryBytes() };
};
