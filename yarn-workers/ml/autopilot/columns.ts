import {
  AppError,
  complaint,
  type FeatureProfile,
  type StoredColumn,
  type TimeCounts,
  type ValueCount,
} from '#contracts';
import { quoted } from './quoted.ts';
import type { AutopilotFacts } from './request.ts';

/** A dataset's column with its profile. */
export interface PlanColumn {
  readonly column: StoredColumn;
  readonly profile: FeatureProfile;
  /** All non-missing values in order of first appearance; null above DISTINCT_VALUES_MAX. */
  readonly distinctValues: readonly ValueCount[] | null;
  /** Rows by time of a column of dates; null of others, and in profiles of older programs. */
  readonly timeCounts: TimeCounts | null;
}

/** Names that a message lists at most. */
const NAMES_SHOWN_MAX = 20;

/**
 * The columns by name.
 *
 * @throws INTERNAL when profile and table are of different datasets
 */
export function planColumns({
  profile,
  table,
}: Pick<AutopilotFacts, 'profile' | 'table'>): ReadonlyMap<string, PlanColumn> {
  const byName = new Map<string, PlanColumn>();
  for (const [position, column] of table.columns.entries()) {
    const feature = profile.features[position];
    if (feature?.name !== column.name)
      throw new AppError('INTERNAL', `profile and table disagree about column ${position}`);
    byName.set(column.name, {
      column,
      profile: feature,
      distinctValues: profile.distinctValues[position] ?? null,
      timeCounts: profile.timeCounts?.[position] ?? null,
    });
  }
  return byName;
}

/** @throws FEATURE_UNKNOWN naming the field, the name and the names there are */
export function columnNamed(columns: ReadonlyMap<string, PlanColumn>, name: string, field: string): PlanColumn {
  const found = columns.get(name);
  if (found !== undefined) return found;
  const names = [...columns.keys()];
  const shown = names.slice(0, NAMES_SHOWN_MAX).map(quoted).join(', ');
  const more = names.length > NAMES_SHOWN_MAX ? ` and ${names.length - NAMES_SHOWN_MAX} more` : '';
  throw complaint('FEATURE_UNKNOWN', field, `the dataset has no feature ${quoted(name)}; use one of ${shown}${more}`);
}
