import { AppError, type DatePartitions, type Partitioning, type TimeWindow } from '#contracts';
import { secondsOf } from './instants.ts';
import { HOLDOUT, TRAINING, UNUSED, type PartitionRows, type Partitions, type TrainingSpans } from './types.ts';

interface Window {
  readonly from: number;
  readonly until: number;
  readonly rowCount: number;
  /** For messages. */
  readonly name: string;
}

/** The spans between all boundaries; what is true of one row of a span is true of all. */
interface Spans {
  /** Ascending; span s is from cuts[s - 1] (inclusive) to cuts[s]. */
  readonly cuts: readonly number[];
  readonly holds: (window: Window, span: number) => boolean;
}

/**
 * Deals rows by their date: backtest k's validation rows are fold k, the latest rows are the holdout, and a backtest's member trains
 * on the rows of its training window only, which ends a gap before its validation rows. A row that neither trains nor is
 * predicted is in no partition ({@link UNUSED}).
 *
 * @throws DATASET_CHANGED where a date is missing or the windows do not hold the rows that were planned; TARGET_CLASS_TOO_SMALL
 */
export function dealByDate(partitioning: Partitioning, rows: PartitionRows): Partitions {
  const { dates } = partitioning;
  const times = rows.times ?? null;
  if (dates === undefined || times === null)
    throw new AppError('INTERNAL', 'partitioning by date without boundaries or dates');
  const training = dates.backtests.map((one, fold) =>
    windowOf(one.training, `the training rows of backtest ${fold + 1}`),
  );
  const validation = dates.backtests.map((one, fold) =>
    windowOf(one.validation, `the validation rows of backtest ${fold + 1}`),
  );
  const holdout = dates.holdout === null ? [] : [windowOf(dates.holdout, 'the holdout')];
  const all = [...training, ...validation, ...holdout];
  const spans = spansOf(all);
  const spanOf = spansOfRows(times, spans.cuts);
  checkCounts(all, spans, spanOf, dates, rows.rowCount);
  const spanNumbers = Array.from({ length: spans.cuts.length + 1 }, (_, span) => span);
  const partitionOfSpan = Int8Array.from(spanNumbers, (span) => {
    const fold = validation.findIndex((window) => spans.holds(window, span));
    if (fold >= 0) return fold;
    if (holdout.some((window) => spans.holds(window, span))) return HOLDOUT;
    return training.some((window) => spans.holds(window, span)) ? TRAINING : UNUSED;
  });
  const dealt = {
    of: Int8Array.from(spanOf, (span) => partitionOfSpan[span] ?? UNUSED),
    foldCount: validation.length,
    spans: {
      of: spanOf,
      count: spanNumbers.length,
      trains: training.map((window) => Uint8Array.from(spanNumbers, (span) => Number(spans.holds(window, span)))),
    },
  };
  checkClasses(dealt.spans, rows, dates);
  return dealt;
}

const windowOf = ({ from, until, rowCount }: TimeWindow, name: string): Window => ({
  from: secondsOf(from),
  until: until === null ? Infinity : secondsOf(until),
  rowCount,
  name,
});

function spansOf(windows: readonly Window[]): Spans {
  const cuts = [...new Set(windows.flatMap(({ from, until }) => [from, until]))]
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const startOf = (span: number): number => cuts[span - 1] ?? -Infinity;
  return { cuts, holds: ({ from, until }, span) => from <= startOf(span) && startOf(span) < until };
}

function spansOfRows(times: Float64Array, cuts: readonly number[]): Uint8Array {
  const spanOf = new Uint8Array(times.length);
  for (let row = 0; row < times.length; row += 1) {
    const time = times[row] ?? NaN;
    if (Number.isNaN(time)) throw changed(`row ${row} has no date`);
    let [low, high] = [0, cuts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cuts[middle] ?? Infinity) <= time) low = middle + 1;
      else high = middle;
    }
    spanOf[row] = low;
  }
  return spanOf;
}

const changed = (what: string): AppError => new AppError('DATASET_CHANGED', `partitioning by date: ${what}`);

function checkCounts(
  windows: readonly Window[],
  { cuts, holds }: Spans,
  spanOf: Uint8Array,
  { unusedRowCount }: DatePartitions,
  rowCount: number,
): void {
  const sizes = new Float64Array(cuts.length + 1);
  for (const span of spanOf) sizes[span] = (sizes[span] ?? 0) + 1;
  const sizeOf = (isIn: (span: number) => boolean): number =>
    sizes.reduce((sum, size, span) => (isIn(span) ? sum + size : sum), 0);
  for (const window of windows) {
    const found = sizeOf((span) => holds(window, span));
    if (found !== window.rowCount)
      throw changed(`${window.name} are ${found}, the plan has counted ${window.rowCount}`);
  }
  const used = sizeOf((span) => windows.some((window) => holds(window, span)));
  if (rowCount - used !== unusedRowCount)
    throw changed(`${rowCount - used} rows are in no partition, the plan has counted ${unusedRowCount}`);
}

/** Every class is among the training rows of each backtest. */
function checkClasses(
  { of, trains }: TrainingSpans,
  { classes, classLabels }: PartitionRows,
  { backtests }: DatePartitions,
): void {
  if (classes === null) return;
  for (const [fold, isTraining] of trains.entries()) {
    const counts = new Float64Array(classLabels.length);
    for (const [row, index] of classes.entries())
      if (isTraining[of[row] ?? 0] === 1) counts[index] = (counts[index] ?? 0) + 1;
    const lost = counts.indexOf(0);
    if (lost < 0) continue;
    const { from, until } = backtests[fold]?.training ?? { from: '', until: '' };
    throw new AppError(
      'TARGET_CLASS_TOO_SMALL',
      `target: class ${JSON.stringify(classLabels[lost])} has no row from ${from} until ${until ?? 'the end'}, where backtest ${fold + 1} trains; use fewer backtests or an expanding window, or merge or remove the class`,
    );
  }
}
