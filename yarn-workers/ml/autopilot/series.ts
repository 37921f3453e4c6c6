import {
  complaint,
  type AppError,
  type DatePartitions,
  type ModellingFeature,
  type Season,
  type TimeCounts,
} from '#contracts';
import { columnNamed, type PlanColumn } from './columns.ts';
import { quoted } from './quoted.ts';
import type { PartitioningFacts } from './partitioning.ts';

/** Dates as different as this part of the rows are taken as one row a date, where their number is an estimate. */
const ONE_ROW_SHARE = 0.98;
/** Types of features that name a series. */
const SERIES_TYPES: readonly ModellingFeature['type'][] = ['categorical', 'boolean', 'numeric'];

const HOUR = 3_600;
const DAY = 86_400;
/** Distances of dates, from and to, with what comes round again: hourly rows by hour, daily ones by weekday, monthly and quarterly ones by month. */
const SEASONS_BY_STEP: readonly (readonly [from: number, to: number, season: Season])[] = [
  [0.95 * HOUR, 12 * HOUR, 'hour'],
  [0.9 * DAY, 1.6 * DAY, 'weekday'],
  [27 * DAY, 93 * DAY, 'month'],
];

const refuse = (message: string): AppError => complaint('PARTITION_INVALID', 'partitioning.seriesColumn', message);

/**
 * The series that the rows are, or undefined where they are none: a target that is a number, and one row a date, or a column that says
 * which series a row is of.
 *
 * @throws PARTITION_INVALID, FEATURE_UNKNOWN naming partitioning.seriesColumn
 */
export function seriesOf(
  seriesColumn: string | undefined,
  dateColumn: PlanColumn,
  counts: TimeCounts,
  facts: PartitioningFacts,
): DatePartitions['series'] {
  const { target, rowCount } = facts;
  const { profile } = dateColumn;
  const isRegression = target.targetType === 'regression';
  if (seriesColumn === undefined) {
    const needed = profile.uniqueIsEstimate ? ONE_ROW_SHARE * rowCount : rowCount;
    if (!isRegression || profile.uniqueCount < needed) return undefined;
  } else {
    if (!isRegression) throw refuse(`has no meaning for a ${target.targetType} target; leave it out`);
    checkSeriesColumn(seriesColumn, facts);
  }
  return { column: seriesColumn ?? null, season: seasonOf(stepOf(counts, profile)) };
}

function checkSeriesColumn(name: string, { columns, target, features }: PartitioningFacts): void {
  const { profile } = columnNamed(columns, name, 'partitioning.seriesColumn');
  if (name === target.name) throw refuse(`${quoted(name)} is the target; use another column`);
  const feature = features.find((one) => one.name === name);
  if (feature !== undefined && SERIES_TYPES.includes(feature.type)) return;
  const why = feature === undefined ? ' and not among the features that are modelled' : '';
  throw refuse(`${quoted(name)} is ${profile.type}${why}; name a categorical or numeric feature that is modelled`);
}

/** The distance of two dates: the median, or the mean where dates are counted by longer units. */
function stepOf({ unitSeconds, starts }: TimeCounts, { min, max, uniqueCount }: PlanColumn['profile']): number {
  if (unitSeconds > 0) return ((max ?? 0) - (min ?? 0)) / Math.max(1, uniqueCount - 1);
  const steps = starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
  return steps.toSorted((a, b) => a - b)[steps.length >> 1] ?? 0;
}

const seasonOf = (step: number): Season | null =>
  SEASONS_BY_STEP.find(([from, to]) => step >= from && step <= to)?.[2] ?? null;
