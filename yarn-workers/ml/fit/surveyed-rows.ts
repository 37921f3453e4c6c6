import type { TrainTask } from '#contracts';
import type { GbmSettings, ModelSettings } from '../blueprints/settings.ts';
import { binSampleRows, sampledForBins } from './bin-sample.ts';
import type { FitIo } from './clock.ts';
import type { ReadRows } from './encoder.ts';
import { isBinned } from './member-data.ts';
import { countRows, trainingRows, type RowRoles } from './row-roles.ts';

/** Rows that were kept while the features were surveyed, as they were read. */
export interface SurveyedRows {
  /** Of spans of the table, one after the other. */
  readonly read: readonly ReadRows[];
  /** About how many they are, or all training rows: a smaller sample is among them. */
  readonly most: number;
}

/** The rows that bins will be found from, so that no further pass over the table is needed for them. */
export interface RowsToKeep {
  readonly isKept: (row: number) => boolean;
  /** As {@link SurveyedRows}. */
  readonly most: number;
}

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

/** Rows that are kept where a single member of a large table is to be boosted; null: none are. */
export function rowsToKeep(
  task: Pick<TrainTask, 'seed'>,
  single: ReturnType<typeof singleBinned>,
  featureCount: number,
): RowsToKeep | null {
  if (single === null) return null;
  const { trains, trainingCount } = single;
  const most = binSampleRows(featureCount);
  return { isKept: sampledForBins(task.seed, trains, trainingCount, most), most };
}

/** Gives rows once, and then lets go of them. */
export function givenOnce(read: readonly ReadRows[], kept: RowsToKeep | null): () => SurveyedRows | null {
  let rows: SurveyedRows | null = kept === null ? null : { read, most: kept.most };
  return () => {
    const given = rows;
    rows = null;
    return given;
  };
}
