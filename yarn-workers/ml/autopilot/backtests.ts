import { complaint, type AppError, type DatePartitions, type TimeCounts, type TrainingWindow } from '#contracts';
import { instantText } from '../partition/instants.ts';
import { gapText } from './gap.ts';
import { BACKTEST_TRAINING_ROWS_MIN, BACKTEST_VALIDATION_ROWS_MIN } from './limits.ts';
import { timelineOf, type Timeline } from './timeline.ts';

/** What the windows of a partitioning by date are decided from. */
export interface BacktestFacts {
  readonly counts: TimeCounts;
  /** The first date in seconds since 1970. */
  readonly firstDate: number;
  readonly backtests: number;
  readonly gapSeconds: number;
  readonly window: TrainingWindow;
  readonly holdoutFraction: number;
  /** Of all rows, what each backtest validates; null: rows before the holdout / (backtests + 1). */
  readonly validationFraction: number | null;
}

/**
 * Decides which time is for what, from the end: the holdout is the latest `holdoutFraction` of the rows, a gap before it is left out, and the
 * latest rows before that are validated, backtest by backtest, each by the member that trains on what ends a gap before.
 * A boundary is a date of the data (or a multiple of the unit that dates are counted by): the one that comes nearest to the
 * wanted number of rows, of two the later, so rows of one date are never parted. Where dates are counted by a unit, a gap is rounded up to it.
 *
 * On one row a date and without a holdout these are the splits of scikit-learn's `TimeSeriesSplit(backtests, gap=...)`, and rolling
 * those with `max_train_size`, the rows of the first one.
 *
 * @see R. Hyndman and G. Athanasopoulos, Forecasting: principles and practice, 3rd edition, section 5.10
 * @throws PARTITION_INVALID, TOO_FEW_ROWS naming the field and what to do
 */
export function planBacktests(facts: BacktestFacts): DatePartitions {
  const { gapSeconds, window } = facts;
  const line = timelineOf(facts.counts, facts.firstDate);
  const { holdoutFrom, usableUntil, usable } = holdoutOf(line, facts);
  const validationFrom = validationStarts(line, usable, facts);
  const trainingUntil = validationFrom.map((from) => line.cutBefore(from, gapSeconds));
  const length = (trainingUntil[0] ?? 0) - line.startAt(0);
  const spans = validationFrom.map((from, index) => {
    const until = trainingUntil[index] ?? 0;
    return {
      training: [window === 'rolling' ? until - length : line.startAt(0), until] as const,
      validation: [from, validationFrom[index + 1] ?? usableUntil] as const,
    };
  });
  const backtests = spans.map(({ training, validation }) => ({
    training: line.window(...training),
    validation: line.window(...validation),
  }));
  for (const [index, one] of backtests.entries()) checkBacktest(line, facts, index, one);
  const used = spans.flatMap(({ training, validation }) => [training, validation]);
  const unusedRowCount = rowsOutside(line, holdoutFrom === null ? used : [...used, [holdoutFrom, null]]);
  const holdout = holdoutFrom === null ? null : line.window(holdoutFrom, null);
  return { gapSeconds, window, backtests, holdout, unusedRowCount };
}

type Span = readonly [from: number, until: number | null];
type Backtest = DatePartitions['backtests'][number];

/** Where the holdout begins, and up to where rows can be used before it: an instant, and how many times begin before it. */
function holdoutOf(line: Timeline, facts: BacktestFacts) {
  const { holdoutFraction, gapSeconds, backtests } = facts;
  if (holdoutFraction === 0) return { holdoutFrom: null, usableUntil: null, usable: line.timeCount };
  if (line.timeCount < backtests + 2) throw tooFewDates(line.timeCount, backtests + 2, facts);
  const wanted = Math.max(1, Math.round(holdoutFraction * line.rowCount));
  const holdoutFrom = line.startAt(line.nearest(line.rowCount - wanted, line.timeCount));
  const usableUntil = line.cutBefore(holdoutFrom, gapSeconds);
  const usable = line.indexAt(usableUntil);
  if (usable === 0) throw gapTooLarge(facts, `no row before the holdout, which begins ${instantText(holdoutFrom)}`);
  return { holdoutFrom, usableUntil, usable };
}

/** Where the validation rows of each backtest begin, ascending. */
function validationStarts(line: Timeline, usable: number, facts: BacktestFacts): number[] {
  const { backtests, validationFraction } = facts;
  const rowCount = line.rowsBefore(usable);
  if (usable < backtests + 1) throw tooFewDates(usable, backtests + 1, facts);
  const size =
    validationFraction === null
      ? Math.floor(rowCount / (backtests + 1))
      : Math.round(validationFraction * line.rowCount);
  if (size < BACKTEST_VALIDATION_ROWS_MIN || backtests * size >= rowCount)
    throw complaint(
      'TOO_FEW_ROWS',
      validationFraction === null ? 'partitioning.backtests' : 'partitioning.validationFraction',
      `${backtests} backtests that validate ${size} rows each leave nothing to train on, or nothing to validate, of ${rowCount} rows before the holdout and its gap; use fewer backtests, another validationFraction or a smaller holdout`,
    );
  const starts = Array.from({ length: backtests }, (_, index) =>
    line.nearest(rowCount - (backtests - index) * size, usable),
  );
  if (starts.some((start, index) => index > 0 && start <= (starts[index - 1] ?? 0)))
    throw tooFewDates(usable, backtests + 1, facts);
  return starts.map(line.startAt);
}

function checkBacktest(line: Timeline, facts: BacktestFacts, index: number, { training, validation }: Backtest): void {
  if (training.rowCount === 0)
    throw gapTooLarge(
      facts,
      `nothing to train on before backtest ${index + 1}, which validates from ${validation.from}`,
    );
  const [what, rowCount, needed] =
    training.rowCount < BACKTEST_TRAINING_ROWS_MIN
      ? ['trains on', training.rowCount, BACKTEST_TRAINING_ROWS_MIN]
      : ['validates', validation.rowCount, BACKTEST_VALIDATION_ROWS_MIN];
  if (rowCount >= needed) return;
  throw complaint(
    'TOO_FEW_ROWS',
    'partitioning.backtests',
    `backtest ${index + 1} of ${facts.backtests} ${what} ${rowCount} of ${line.rowCount} rows, expected at least ${needed}; use fewer backtests, a shorter gap or a smaller holdout`,
  );
}

const tooFewDates = (found: number, needed: number, { backtests, counts }: BacktestFacts): AppError =>
  complaint(
    'PARTITION_INVALID',
    'partitioning.backtests',
    `the rows to be parted have ${found} different dates${counts.unitSeconds === 0 ? '' : `, counted by ${gapText(counts.unitSeconds)}`}, and those of one date stay together; ${backtests} backtests need at least ${needed}, evenly filled; use fewer backtests, a smaller holdout or a finer date column`,
  );

const gapTooLarge = ({ gapSeconds, firstDate }: BacktestFacts, leaves: string): AppError =>
  complaint(
    'PARTITION_INVALID',
    'partitioning.gap',
    `a gap of ${gapText(gapSeconds)} leaves ${leaves}: the data begins ${instantText(firstDate)}; use a shorter gap, fewer backtests or a smaller holdout`,
  );

/** Rows of no span. */
function rowsOutside(line: Timeline, spans: readonly Span[]): number {
  const isUsed = new Uint8Array(line.timeCount);
  for (const [from, until] of spans)
    isUsed.fill(1, line.indexAt(from), until === null ? line.timeCount : line.indexAt(until));
  return isUsed.reduce(
    (sum, used, index) => (used === 1 ? sum : sum + line.rowsBefore(index + 1) - line.rowsBefore(index)),
    0,
  );
}
