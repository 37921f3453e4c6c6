import { AppError, type ManifestContent } from '#contracts';
import type { Explainer } from './explainer.ts';

/** One feature's part in a raw score. */
export interface FeatureContribution {
  readonly feature: string;
  readonly contribution: number;
}

/**
 * One output of one row, explained on the link scale: base value + contributions named + rest = raw score. Names the
 * features of the largest magnitudes, of equal ones the first in the dataset; those of none are left out.
 */
export interface Explanation {
  readonly baseValue: number;
  readonly rawScore: number;
  readonly contributions: readonly FeatureContribution[];
  /** Sum of all that are not named. */
  readonly rest: number;
}

/** A row's contributions (outputs x features) and raw scores, as a `RowPrediction` holds them. */
export interface ExplainedRow {
  readonly rawScores: Float64Array;
  readonly contributions: Float64Array | null;
}

/**
 * @param top features to be named, at most
 * @throws INTERNAL for a row that was not explained
 */
export function explanationOf(
  { features, baseValues }: Pick<Explainer, 'features' | 'baseValues'>,
  { rawScores, contributions }: ExplainedRow,
  output: number,
  top: number,
): Explanation {
  if (contributions === null) throw new AppError('INTERNAL', 'a row that was not explained has no contributions');
  const first = output * features.length;
  const sizeOf = (place: number): number => Math.abs(contributions[first + place] ?? NaN);
  const order = Array.from(features.keys())
    .filter((place) => sizeOf(place) > 0)
    .sort((a, b) => sizeOf(b) - sizeOf(a) || a - b);
  const named = order.slice(0, top);
  let rest = 0;
  for (const place of order.slice(top).sort((a, b) => a - b)) rest += contributions[first + place] ?? NaN;
  return {
    baseValue: baseValues[output] ?? NaN,
    rawScore: rawScores[output] ?? NaN,
    contributions: named.map((place) => ({
      feature: features[place] ?? '',
      contribution: contributions[first + place] ?? NaN,
    })),
    rest,
  };
}

/** The label whose raw score an output is: the positive class, each class, or null for regression. */
export function outputLabel(
  content: Pick<ManifestContent, 'targetType' | 'classes' | 'positiveClass'>,
  output: number,
): string | null {
  if (content.targetType === 'regression') return null;
  return content.classes[content.targetType === 'binary' ? (content.positiveClass ?? 1) : output] ?? null;
}

/** The output that tables explain: the only one, or the predicted class's. */
export const explainedOutput = (content: Pick<ManifestContent, 'targetType'>, classIndex: number): number =>
  content.targetType === 'multiclass' ? classIndex : 0;

/**
 * Columns that explanations add to a table of predictions: `explanation_base`, then `explanation_<k>_feature` and
 * `explanation_<k>_contribution` by turns for k from 1 to `top`, then `explanation_rest`. Multiclass: of the predicted class.
 */
export function explanationColumns(top: number): { readonly name: string; readonly kind: 'text' | 'number' }[] {
  return [
    { name: 'explanation_base', kind: 'number' },
    ...Array.from({ length: top }, (_, index) => [
      { name: `explanation_${index + 1}_feature`, kind: 'text' as const },
      { name: `explanation_${index + 1}_contribution`, kind: 'number' as const },
    ]).flat(),
    { name: 'explanation_rest', kind: 'number' },
  ];
}

/** One row's cells in those columns; null where fewer features contribute than columns are there. */
export function explanationCells(explanation: Explanation, top: number): (string | number | null)[] {
  const { baseValue, contributions, rest } = explanation;
  return [
    baseValue,
    ...Array.from({ length: top }, (_, index) => {
      const one = contributions[index];
      return one === undefined ? [null, null] : [one.feature, one.contribution];
    }).flat(),
    rest,
  ];
}
