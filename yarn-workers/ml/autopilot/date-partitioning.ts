import { complaint, type AppError, type Partitioning, type PartitioningRequest, type TimeCounts } from '#contracts';
import { planBacktests } from './backtests.ts';
import type { PlanColumn } from './columns.ts';
import { quoted } from './quoted.ts';
import { gapSecondsOf } from './gap.ts';
import { DEFAULT_BACKTESTS, DEFAULT_HOLDOUT_FRACTION, DEFAULT_VALIDATION_FRACTION } from './limits.ts';
import type { PartitioningFacts } from './partitioning.ts';
import { seriesOf } from './series.ts';

/** Request fields that only the method `date` has. */
export const DATE_FIELDS = ['gap', 'backtests', 'window', 'seriesColumn'] as const;

const refuse = (field: string, message: string): AppError =>
  complaint('PARTITION_INVALID', `partitioning.${field}`, message);

/**
 * `date`: the latest rows are the holdout, `backtests` windows before it are validated. `cv` is more than one backtest, `tvh` is one.
 *
 * @param column the date column
 * @param isSmall whether there is time for several fits a model
 * @throws PARTITION_INVALID, TOO_FEW_ROWS, FEATURE_UNKNOWN naming the field and what to do
 */
export function datePartitioning(
  asked: PartitioningRequest,
  column: PlanColumn,
  isSmall: boolean,
  facts: PartitioningFacts,
): Partitioning {
  const counts = datesOf(column);
  const series = seriesOf(asked.seriesColumn, column, counts, facts);
  const backtests = backtestsOf(asked, isSmall);
  const validationFraction = asked.validationFraction ?? (backtests === 1 ? DEFAULT_VALIDATION_FRACTION : null);
  const holdoutFraction = asked.holdoutFraction ?? DEFAULT_HOLDOUT_FRACTION;
  return {
    method: 'date',
    validation: backtests === 1 ? 'tvh' : 'cv',
    folds: backtests,
    validationFraction,
    holdoutFraction,
    column: column.column.name,
    seed: facts.seed,
    dates: {
      ...planBacktests({
        counts,
        firstDate: column.profile.min ?? 0,
        backtests,
        gapSeconds: asked.gap === undefined ? 0 : gapSecondsOf(asked.gap),
        window: asked.window ?? 'expanding',
        holdoutFraction,
        validationFraction,
      }),
      ...(series === undefined ? {} : { series }),
    },
  };
}

function backtestsOf({ backtests, folds, validation }: PartitioningRequest, isSmall: boolean): number {
  if (folds !== undefined) throw refuse('folds', 'has no meaning for the method date; use backtests');
  if (validation === 'tvh' && backtests !== undefined && backtests > 1)
    throw refuse('backtests', `is ${backtests}, but validation tvh has one; leave validation out`);
  if (validation === 'cv' && backtests === 1)
    throw refuse('backtests', 'is 1, but validation cv has more; leave validation out');
  const automatic = validation === 'cv' || (validation === undefined && isSmall) ? DEFAULT_BACKTESTS : 1;
  return backtests ?? automatic;
}

/** The rows by time, of a column that has a date in every row. */
function datesOf({ column: { name, parse }, profile, timeCounts }: PlanColumn): TimeCounts {
  if (parse.kind !== 'date') {
    const shown = profile.topValues[0]?.value;
    const example = shown === undefined ? '' : ` such as ${quoted(shown)}`;
    throw refuse(
      'column',
      `${quoted(name)} is ${profile.type} and not read as dates: expected one format in all rows, found values${example}; write them as 2026-01-31 or 2026-01-31T12:00:00Z, or use another column`,
    );
  }
  if (profile.missingCount > 0)
    throw refuse(
      'column',
      `${quoted(name)} is missing in ${profile.missingCount} rows, whose time is not known; fill it in, remove these rows or use another column`,
    );
  if (timeCounts === null)
    throw refuse(
      'column',
      `${quoted(name)} was profiled by an older program, which did not count dates; register the dataset again`,
    );
  return timeCounts;
}
