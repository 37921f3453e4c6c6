import type { TrainTask } from '#contracts';
import type { ModelSettings } from '../blueprints/settings.ts';
import { binSampleRows, sampledForBins } from './bin-sample.ts';
import type { FitIo } from './clock.ts';
import type { ReadRows } from './encoder.ts';
import { isBinned } from './member-data.ts';
import { rowKeeper, type RowKeeper } from './row-keeper.ts';
import { countRows, trainingRows, type RowRoles } from './row-roles.ts';

/** Rows that were kept while the features were surveyed, as they were read. */
export interface SurveyedRows {
  readonly read: ReadRows;
  /** About how many they are, or all training rows: a smaller sample is among them. */
  readonly most: number;
}

/** What keeps the rows that bins will be found from, so that no further pass over the table is needed for them. */
export interface SurveyedRowKeeper {
  readonly add: RowKeeper['add'];
  /** Given once, and then let go. */
  readonly take: () => SurveyedRows | null;
}

const NOTHING: SurveyedRowKeeper = { add: () => undefined, take: () => null };

/** Keeps rows where a single member of a large table is to be boosted. */
export function surveyedRowKeeper(
  task: Pick<TrainTask, 'seed'>,
  settings: ModelSettings | null,
  roles: RowRoles,
  featureCount: number,
  io: FitIo,
): SurveyedRowKeeper {
  const [member, ...others] = roles.members;
  if (member === undefined || others.length > 0 || member.bag !== undefined) return NOTHING;
  const trains = trainingRows(roles, member);
  const trainingCount = countRows(roles.of.length, trains);
  if (!isBinned(settings, trainingCount * featureCount, io)) return NOTHING;
  const most = binSampleRows(featureCount);
  let keeper: RowKeeper | null = rowKeeper(sampledForBins(task.seed, trains, trainingCount, most));
  return {
    add: (batch) => keeper?.add(batch),
    take: () => {
      const read = keeper?.rows() ?? null;
      keeper = null;
      return read === null ? null : { read, most };
    },
  };
}
