import type { TrainTask } from '#contracts';
import { readingOf } from '../blueprints/reading.ts';
import { isDistributable } from './member-data.ts';

/** What a task may be fitted by. */
export interface RanksFacts {
  /** Tasks that may fit one model together. */
  readonly ranksMax: number;
}

/**
 * By how many tasks a model is to be fitted together: as many as there may be where it can be done, else by one. It can of models that LightGBM
 * boosts, but those that drop trees or have linear leaves, where one part of the rows validates, or none does (a refit).
 */
export function ranksOf(task: TrainTask, { ranksMax }: RanksFacts): number {
  const isSplit = task.refit !== null || task.partitioning.validation === 'tvh';
  return isSplit && task.partitioning.method !== 'date' && isDistributable(readingOf(task).settings) ? ranksMax : 1;
}
