import { AppError, type TargetSpec } from '#contracts';
import { averageRanks } from '#statistics';
import { LEAKAGE_FOLDS } from './limits.ts';
import type { Parts } from './parts.ts';

/** How well the parts of a column foretell the target: 0 for chance or worse, 1 for perfect. */
export type Foretell = (parts: Parts) => number;

/**
 * What scores columns, each by itself: a row's prediction comes from the rows of the same part in the other folds, shrunk by one row of
 * the mean. Gini of a binary target; Goodman and Kruskal's lambda of a multiclass one; else R² of the target's ranks, which
 * no outlier and no skewness can dominate.
 *
 * @param folds of each row, below LEAKAGE_FOLDS
 * @see L. Goodman, W. Kruskal 1954, "Measures of association for cross classifications"; D. Micci-Barreca 2001, "A preprocessing scheme
 * for high-cardinality categorical attributes" (shrunk means)
 */
export function foretellerOf(
  { targetType, positiveClass }: TargetSpec,
  rows: { readonly classes: Int32Array | null; readonly values: Float64Array | null },
  folds: Uint8Array,
): Foretell {
  const { classes, values } = rows;
  if (targetType === 'multiclass' && classes !== null) return (parts) => lambda(parts, classes, folds);
  if (classes !== null) {
    const labels = Float64Array.from(classes, (index) => Number(index === positiveClass));
    return (parts) => gini(heldOutMeans(parts, labels, folds), labels);
  }
  if (values === null) throw new AppError('INTERNAL', 'a target has classes or values');
  const ranks = averageRanks(values);
  return (parts) => explained(heldOutMeans(parts, ranks, folds), ranks);
}

/** The mean label of a row's part in the other folds. */
function heldOutMeans({ codes, count }: Parts, labels: Float64Array, folds: Uint8Array): Float64Array {
  const sums = new Float64Array(count * LEAKAGE_FOLDS);
  const sizes = new Float64Array(count * LEAKAGE_FOLDS);
  const totals = new Float64Array(LEAKAGE_FOLDS);
  const rows = new Float64Array(LEAKAGE_FOLDS);
  for (const [row, fold] of folds.entries()) {
    const label = labels[row] ?? 0;
    addAt(sums, (codes[row] ?? 0) * LEAKAGE_FOLDS + fold, label);
    addAt(sizes, (codes[row] ?? 0) * LEAKAGE_FOLDS + fold, 1);
    addAt(totals, fold, label);
    addAt(rows, fold, 1);
  }
  const others = (of: Float64Array, first: number, fold: number): number => {
    let sum = 0;
    for (let other = 0; other < LEAKAGE_FOLDS; other += 1) if (other !== fold) sum += of[first + other] ?? 0;
    return sum;
  };
  return labels.map((_, row) => {
    const fold = folds[row] ?? 0;
    const first = (codes[row] ?? 0) * LEAKAGE_FOLDS;
    const mean = others(totals, 0, fold) / Math.max(1, others(rows, 0, fold));
    return (others(sums, first, fold) + mean) / (others(sizes, first, fold) + 1);
  });
}

function gini(predictions: Float64Array, labels: Float64Array): number {
  const ranks = averageRanks(predictions);
  let positives = 0;
  let sum = 0;
  for (const [row, label] of labels.entries()) {
    positives += label;
    sum += label * ((ranks[row] ?? 0) + 1);
  }
  const negatives = labels.length - positives;
  if (positives === 0 || negatives === 0) return 0;
  const auc = (sum - (positives * (positives + 1)) / 2) / (positives * negatives);
  return Math.max(0, 2 * auc - 1);
}

function explained(predictions: Float64Array, labels: Float64Array): number {
  const mean = (labels.length - 1) / 2;
  let left = 0;
  let all = 0;
  for (const [row, label] of labels.entries()) {
    left += (label - (predictions[row] ?? 0)) ** 2;
    all += (label - mean) ** 2;
  }
  return all === 0 ? 0 : Math.max(0, 1 - left / all);
}

/** By how much fewer rows are wrong when the part's most frequent class is said instead of the most frequent one of all. */
function lambda({ codes }: Parts, classes: Int32Array, folds: Uint8Array): number {
  let known = 0;
  let guessed = 0;
  for (let fold = 0; fold < LEAKAGE_FOLDS; fold += 1) {
    const ofPart = new Map<number, Map<number, number>>();
    const ofAll = new Map<number, number>();
    for (const [row, own] of folds.entries()) {
      if (own === fold) continue;
      const index = classes[row] ?? -1;
      const counts = ofPart.get(codes[row] ?? 0) ?? new Map<number, number>();
      counts.set(index, (counts.get(index) ?? 0) + 1);
      ofPart.set(codes[row] ?? 0, counts);
      ofAll.set(index, (ofAll.get(index) ?? 0) + 1);
    }
    const mode = modeOf(ofAll);
    const modes = new Map(Array.from(ofPart, ([code, counts]) => [code, modeOf(counts)]));
    for (const [row, own] of folds.entries()) {
      if (own !== fold) continue;
      known += Number((modes.get(codes[row] ?? 0) ?? mode) === classes[row]);
      guessed += Number(mode === classes[row]);
    }
  }
  const wrong = classes.length - guessed;
  return wrong === 0 ? 0 : Math.max(0, (known - guessed) / wrong);
}

/** The most frequent class, of equal ones the first. */
function modeOf(counts: ReadonlyMap<number, number>): number {
  let mode = -1;
  let most = 0;
  for (const [index, count] of counts) {
    if (count < most || (count === most && index > mode)) continue;
    mode = index;
    most = count;
  }
  return mode;
}

function addAt(sums: Float64Array, at: number, value: number): void {
  sums[at] = (sums[at] ?? 0) + value;
}
