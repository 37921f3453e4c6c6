import { AppError, type TimeWindow, type TrainTask } from '#contracts';
import { ascendingOrder, hash32, rowHash } from '#statistics';
import { secondsOf } from '../../partition/instants.ts';
import type { Member } from '../row-roles.ts';

const ORIGIN_SALT = 0x5a17_0039;

/** The latest time that a row's columns may know of; -Infinity: nothing. */
export type OriginOf = (row: number) => number;

/**
 * Draws for each row how far back its forecast begins, as far as some validation row of the member is after the end of the training
 * rows; in a refit those of the last backtest. Distances are counted in different times of the table, so that months, and days on which
 * nothing is written down, are one step. By seed and row number; always before the row's own time.
 */
export function originsOf(
  task: Pick<TrainTask, 'partitioning' | 'seed'>,
  times: Float64Array,
  { fold }: Member,
): OriginOf {
  const backtests = task.partitioning.dates?.backtests ?? [];
  const backtest = fold === null ? backtests.at(-1) : backtests[fold];
  if (backtest === undefined) throw new AppError('INTERNAL', 'a history needs partitioning by date');
  const endOf = ({ until }: TimeWindow): number => (until === null ? Infinity : secondsOf(until));
  const [from, until] = [secondsOf(backtest.validation.from), endOf(backtest.validation)];
  const trainedUntil = endOf(backtest.training);
  const ranks = new Int32Array(times.length);
  const distinct: number[] = [];
  for (const row of ascendingOrder(times)) {
    const time = times[row] ?? NaN;
    if (time !== distinct.at(-1)) distinct.push(time);
    ranks[row] = distinct.length - 1;
  }
  const lastKnown = distinct.findLastIndex((time) => time < trainedUntil);
  const distances = ranks.filter((_, row) => {
    const time = times[row] ?? NaN;
    return time >= from && time < until;
  });
  const salted = hash32(task.seed, ORIGIN_SALT);
  return (row) => {
    const drawn = distances[rowHash(salted, row) % Math.max(1, distances.length)] ?? Infinity;
    return distinct[(ranks[row] ?? 0) - (drawn - lastKnown)] ?? -Infinity;
  };
}
