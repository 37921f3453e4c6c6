import { CLASS_CURVES_MAX, type InsightKind, type TargetSpec } from '#contracts';
import { neumaierSum } from '#statistics';
import {
  classWeights,
  INSIGHT_ROWS_MAX,
  largestFirst,
  outcomesOf,
  type InsightRows,
  type Outcomes,
} from './insight-rows.ts';

/** Probabilities of an answer about every class at most, rows by classes: each costs up to 0.6 µs. */
const CLASS_CELLS_MAX = 8_000_000;

/** Whether an insight says something of each class, beside the curve of one: where none is asked for and there are more than two. */
export const isOfEveryClass = (kind: InsightKind, { classes }: TargetSpec, label: string | undefined): boolean =>
  label === undefined && classes.length > 2 && (kind === 'roc' || kind === 'precision-recall');

/** Rows that an insight is computed from at most. */
export const insightRowsMax = (kind: InsightKind, target: TargetSpec, label: string | undefined): number =>
  isOfEveryClass(kind, target, label)
    ? Math.min(INSIGHT_ROWS_MAX, Math.floor(CLASS_CELLS_MAX / target.classes.length))
    : INSIGHT_ROWS_MAX;

/** What is known of one class against all others. */
interface ClassScore<P> {
  /** Null where it is undefined. */
  readonly score: number | null;
  readonly points: () => P[];
}

/** A class with its score; without points where it has no score, or others have more weight. */
interface ScoredClass<P> {
  readonly label: string;
  readonly weight: number;
  readonly score: number | null;
  readonly points?: P[];
}

/**
 * All classes by falling weight, of equal ones in class order, each with its score; the first CLASS_CURVES_MAX that have one with their points.
 * One class after the other, so that memory is that of one.
 *
 * @returns the scores with their unweighted mean over the classes that have one; null where none has
 */
export function everyClass<P>(
  rows: InsightRows,
  scoreOf: (outcomes: Outcomes) => ClassScore<P>,
): { readonly mean: number | null; readonly classes: readonly ScoredClass<P>[] } {
  const weights = classWeights(rows);
  let curveCount = 0;
  const classes = largestFirst(weights).map((index): ScoredClass<P> => {
    const { score, points } = scoreOf(outcomesOf(rows, index));
    const known = { label: rows.target.classes[index]?.label ?? '', weight: weights[index] ?? 0, score };
    if (score === null || curveCount >= CLASS_CURVES_MAX) return known;
    curveCount += 1;
    return { ...known, points: points() };
  });
  const scores = classes.flatMap(({ score }) => score ?? []);
  return { mean: scores.length === 0 ? null : neumaierSum(scores) / scores.length, classes };
}
