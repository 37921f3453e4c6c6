import type { TrainTask } from '#contracts';
import { readingOf } from '../blueprints/reading.ts';
import { isDistributable } from '../fit/member-data.ts';
import { forecastTraining } from './forecast-training.ts';
import { workerLimitFor } from './worker-limit.ts';

/** What a task may be fitted by. */
export interface RanksFacts {
  /** Tasks that may fit one model together. */
  readonly ranksMax: number;
  /** Limit of the largest worker that there may be. */
  readonly workerBytesMax: number;
}

/**
 * By how many tasks a model is fitted together: by one where a worker has the memory, else by the fewest that have it, or by as many as
 * there may be. It can be done of models that LightGBM boosts, but those that drop trees or have linear leaves, where one part of the rows
 * validates, or none does (a refit).
 */
export function ranksOf(task: TrainTask, { ranksMax, workerBytesMax }: RanksFacts): number {
  const isSplit = task.refit !== null || task.partitioning.validation === 'tvh';
  if (!isSplit || task.partitioning.method === 'date' || !isDistributable(readingOf(task).settings)) return 1;
  for (let ranks = 1; ranks < ranksMax; ranks += 1) {
    const part = ranks === 1 ? task : { ...task, ranks };
    if (workerLimitFor(forecastTraining(part).peakBytes) <= workerBytesMax) return ranks;
  }
  return ranksMax;
}
