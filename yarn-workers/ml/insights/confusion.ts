import { CONFUSION_CLASSES_MAX, type InsightOf } from '#contracts';
import { DEFAULT_THRESHOLD } from '#scoring';
import { addTerm, emptySum, sumOf, type CompensatedSum } from '#statistics';
import { classWeights, largestFirst, type InsightRows } from './insight-rows.ts';

/**
 * Weights of rows by actual and predicted class, with precision, recall and F1 of each class. Of more than
 * CONFUSION_CLASSES_MAX classes those of most weight keep a row and column of their own, in class order; the others share one.
 */
export function confusionOf(rows: InsightRows): InsightOf<'confusion'> {
  const { data, target, chosen } = rows;
  const groups = groupsOf(rows);
  const size = groups.labels.length;
  const sums = Array.from({ length: size }, () => Array.from({ length: size }, () => emptySum()));
  for (const place of chosen) {
    const actual = groups.of[data.classes?.[place] ?? -1] ?? -1;
    const predicted = groups.of[predictedClassOf(rows, place)] ?? -1;
    const cell = sums[actual]?.[predicted];
    if (cell !== undefined) addTerm(cell, data.weights?.[place] ?? 1);
  }
  const weights = sums.map((row) => row.map(sumOf));
  return {
    kind: 'confusion',
    labels: groups.labels.map((index) => (index === null ? null : (target.classes[index]?.label ?? ''))),
    weights,
    classes: groups.labels.map((index, group) => {
      const label = index === null ? null : (target.classes[index]?.label ?? '');
      return { label, ...ratesOf(sums, weights, group) };
    }),
  };
}

const total = (terms: readonly CompensatedSum[]): number => {
  const sum = emptySum();
  for (const term of terms) addTerm(sum, sumOf(term));
  return sumOf(sum);
};

function ratesOf(sums: readonly (readonly CompensatedSum[])[], weights: readonly (readonly number[])[], group: number) {
  const hits = weights[group]?.[group] ?? 0;
  const weight = total(sums[group] ?? []);
  const predicted = total(sums.flatMap((row) => row[group] ?? []));
  return {
    precision: predicted === 0 ? null : hits / predicted,
    recall: weight === 0 ? null : hits / weight,
    f1: predicted + weight === 0 ? null : (2 * hits) / (predicted + weight),
    weight,
  };
}

/** Class of each row and column (null: the others), and the row of each class. */
function groupsOf(rows: InsightRows): { labels: (number | null)[]; of: number[] } {
  const indices = Array.from(rows.target.classes.keys());
  if (indices.length <= CONFUSION_CLASSES_MAX) return { labels: indices, of: indices };
  const largest = largestFirst(classWeights(rows))
    .slice(0, CONFUSION_CLASSES_MAX - 1)
    .sort((a, b) => a - b);
  const placeOf = new Map(largest.map((index, place) => [index, place]));
  return { labels: [...largest, null], of: indices.map((index) => placeOf.get(index) ?? largest.length) };
}

/** As a prediction names it: the positive class from the threshold on; the first of the most probable ones. */
function predictedClassOf({ data, target }: InsightRows, place: number): number {
  const { predictions, outputCount } = data;
  if (target.targetType === 'binary') {
    const positive = target.positiveClass ?? 1;
    return (predictions[place] ?? NaN) >= DEFAULT_THRESHOLD ? positive : 1 - positive;
  }
  let best = 0;
  for (let index = 1; index < outputCount; index += 1)
    if ((predictions[place * outputCount + index] ?? 0) > (predictions[place * outputCount + best] ?? 0)) best = index;
  return best;
}
