import type { InsightOf, TargetSpec } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import type { OutOfFold } from '../../fit/out-of-fold.ts';
import { SEGMENT_ROWS_MIN } from './limits.ts';

type Segment = InsightOf<'segments'>['features'][number]['segments'][number];
export type Rates = NonNullable<Segment['rates']>;
export type Disparities = NonNullable<InsightOf<'segments'>['features'][number]['disparities']>;

/** A row is predicted positive from this probability on, as labels are where a deployment has no threshold of its own. */
export const RATE_THRESHOLD = 0.5;

/** Rates of decisions about the rows of a segment, by their weights; null for other targets than binary ones. */
export function ratesOf(rows: OutOfFold, { targetType, positiveClass }: TargetSpec): Rates | null {
  if (targetType !== 'binary') return null;
  const positive = positiveClass ?? 1;
  const [all, selected, positives, hits] = [emptySum(), emptySum(), emptySum(), emptySum()];
  for (let row = 0; row < rows.rows.length; row += 1) {
    const weight = rows.weights?.[row] ?? 1;
    const isSelected = (rows.predictions[row] ?? NaN) >= RATE_THRESHOLD;
    const isPositive = rows.classes?.[row] === positive;
    addTerm(all, weight);
    if (isSelected) addTerm(selected, weight);
    if (isPositive) addTerm(positives, weight);
    if (isSelected && isPositive) addTerm(hits, weight);
  }
  const ratio = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
  const falseAlarms = sumOf(selected) - sumOf(hits);
  return {
    selected: ratio(sumOf(selected), sumOf(all)) ?? 0,
    truePositive: ratio(sumOf(hits), sumOf(positives)),
    falsePositive: ratio(Math.max(0, falseAlarms), sumOf(all) - sumOf(positives)),
    precision: ratio(sumOf(hits), sumOf(selected)),
  };
}

/**
 * How far the rates of a feature's segments lie apart: the largest less the smallest, and for the ratio the smallest by the largest. Segments
 * of fewer than SEGMENT_ROWS_MIN rows, and of all other levels together, are left out.
 *
 * @returns null where fewer than two segments are left, or the target has no rates
 * @see Hardt, Price, Srebro 2016, "Equality of opportunity in supervised learning"; for the ratio 29 CFR 1607.4 D (four fifths)
 */
export function disparitiesOf(segments: readonly Pick<Segment, 'kind' | 'rowCount' | 'rates'>[]): Disparities | null {
  const rates = segments.flatMap(({ kind, rowCount, rates: own }) =>
    own === null || kind === 'others' || rowCount < SEGMENT_ROWS_MIN ? [] : [own],
  );
  if (rates.length < 2) return null;
  const rangeOf = (values: readonly (number | null)[]): { least: number; most: number } | null => {
    const known = values.filter((value) => value !== null);
    return known.length < values.length ? null : { least: Math.min(...known), most: Math.max(...known) };
  };
  const selected = rangeOf(rates.map((one) => one.selected));
  const hits = rangeOf(rates.map((one) => one.truePositive));
  const alarms = rangeOf(rates.map((one) => one.falsePositive));
  const difference = (range: ReturnType<typeof rangeOf>): number | null => range && range.most - range.least;
  const [opportunity, alarm] = [difference(hits), difference(alarms)];
  return {
    selectedDifference: difference(selected) ?? 0,
    selectedRatio: selected === null || selected.most === 0 ? null : selected.least / selected.most,
    truePositiveDifference: opportunity,
    falsePositiveDifference: alarm,
    equalizedOddsDifference: opportunity === null || alarm === null ? null : Math.max(opportunity, alarm),
  };
}
