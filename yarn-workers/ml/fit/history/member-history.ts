import { AppError } from '#contracts';
import { daysBetween, historyColumns, historyValue, seasonLength, type HistoryStep } from '#scoring';
import { compareCodePoints } from '../../text-order.ts';
import type { MemberContext } from '../fit-member.ts';
import { trainingRows, type Member } from '../row-roles.ts';
import { HISTORY_NUMBERS_MAX, HISTORY_SERIES_MAX, HISTORY_WINDOWS } from './limits.ts';
import { originsOf } from './origins.ts';
import { knownAt, recentValues, seasonalValues, timelineOf, type Timeline } from './timeline.ts';

/** What stands in rows that train instead of what the step says, which is made from them. */
export interface HeldOutHistory {
  /** Writes the columns of a row that trains; those of others are left as the step made them. */
  write(row: number, out: Float64Array, at: number): void;
}

/** What a member knows of the past of each series. */
export interface MemberHistory {
  readonly step: HistoryStep;
  readonly heldOut: HeldOutHistory;
}

/** What a history is made from. */
export type HistoryContext = Pick<MemberContext, 'task' | 'features' | 'rows' | 'roles' | 'objective'>;

/**
 * The history of each series: the step has what was known at the end of the member's training rows; a training row has what was known at an
 * origin before it (`originsOf`), so that models learn from columns as old as those that they will predict from. Also rows
 * outside a sample are known, and rows of weight 0 are not.
 *
 * @see S. Ben Taieb, R. Hyndman 2014, "A gradient boosting approach to multi-step forecasting": direct forecasts, one model for all horizons here
 */
export function memberHistory(context: HistoryContext, member: Member): MemberHistory {
  const { task, rows, roles, objective } = context;
  const { values, times, weights, key } = rows;
  const series = task.partitioning.dates?.series;
  if (series === undefined || values === null || times === null)
    throw new AppError('INTERNAL', `${task.blueprintId} needs a target that is a number, of a series`);
  const trains = trainingRows({ ...roles, sample: null }, member);
  const keys = key?.keys ?? [''];
  const line = timelineOf({ values, times, weights, codes: key?.codes ?? null, keys }, trains, series.season);
  const log = objective.link === 'log';
  const step = stepOf(context, line, keys, log);
  const columnCount = historyColumns(step).length;
  const originOf = originsOf(task, times, member);
  const write = (row: number, out: Float64Array, at: number): void => {
    if (!trains(row)) return;
    out.fill(NaN, at, at + columnCount);
    const known = knownAt(line, key?.codes[row] ?? 0, line.entryOf[row] ?? -1, originOf(row));
    if (known === null) return;
    out[at] = daysBetween(known.time, times[row] ?? NaN);
    // Without a season the last two are not read.
    for (let i = 1; i < columnCount; i += 1) out[at + i] = historyValue(known.values[i - 1] ?? NaN, log);
  };
  return { step, heldOut: { write } };
}

/** What is known at the end of all entries, of the series with most rows. */
function stepOf(
  { task, features }: HistoryContext,
  line: Timeline,
  keys: readonly string[],
  log: boolean,
): HistoryStep {
  const indexOf = (name: string | null): number => features.findIndex(({ manifest }) => manifest.name === name);
  const { column = null, season = null } = task.partitioning.dates?.series ?? {};
  const placeCount = seasonLength(season);
  const most = Math.floor(HISTORY_NUMBERS_MAX / (2 + HISTORY_WINDOWS.length + 2 * placeCount));
  const kept = keys
    .flatMap((key, code) =>
      (line.rowCounts[code] ?? 0) > 0 ? [{ key, code, rowCount: line.rowCounts[code] ?? 0 }] : [],
    )
    .sort((a, b) => b.rowCount - a.rowCount || compareCodePoints(a.key, b.key))
    .slice(0, Math.min(HISTORY_SERIES_MAX, most))
    .map(({ key, code }) => ({ key, first: line.starts[code] ?? 0, last: (line.starts[code + 1] ?? 0) - 1 }));
  return {
    kind: 'series-history',
    feature: indexOf(task.partitioning.column),
    series: column === null ? null : indexOf(column),
    season,
    windows: [...HISTORY_WINDOWS],
    log,
    keys: kept.map(({ key }) => key),
    times: kept.map(({ last }) => line.times[last] ?? NaN),
    values: kept.flatMap(({ first, last }) => recentValues(line, first, last)),
    seasonal: kept.flatMap(({ first, last }) => {
      const newest = newestByPlace(line, first, last, placeCount);
      return newest.flatMap((entry) => (entry < 0 ? [null, null] : seasonalValues(line, entry)));
    }),
  };
}

function newestByPlace({ places }: Timeline, first: number, last: number, placeCount: number): number[] {
  const newest = Array.from({ length: placeCount }, () => -1);
  for (let entry = first; entry <= last; entry += 1) {
    const place = places[entry] ?? -1;
    if (place >= 0) newest[place] = entry;
  }
  return newest;
}
