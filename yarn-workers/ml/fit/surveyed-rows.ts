import type { TrainTask } from '#contracts';
import type { GbmSettings, ModelSettings } from '../blueprints/settings.ts';
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

/** The training rows of a large table's single member, and how many they are; null where that is not what is to be boosted. */
export function singleBinned(
  settings: ModelSettings | null,
  roles: RowRoles,
  featureCount: number,
  io: FitIo,
): {
  readonly settings: GbmSettings;
  readonly trains: (row: number) => boolean;
  readonly trainingCount: number;
} | null {
  const [member, ...others] = roles.members;
  if (member === undefined || others.length > 0 || member.bag !== undefined) return null;
  const trains = trainingRows(roles, member);
  const trainingCount = countRows(roles.of.length, trains);
  return isBinned(settings, trainingCount * featureCount, io) ? { settings, trains, trainingCount } : null;
}

/** Keeps rows where a single member of a large table is to be boosted. */
export function surveyedRowKeeper(
  task: Pick<TrainTask, 'seed'>,
  single: ReturnType<typeof singleBinned>,
  featureCount: number,
): SurveyedRowKeeper {
  if (single === null) return NOTHING;
  const { trains, trainingCount } = single;
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
