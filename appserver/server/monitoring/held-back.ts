import type { InsightOf, TargetSpec } from '#contracts';
import { segmentKey } from '#statistics';
import type { HeldBack } from './segments.ts';

/**
 * Held-back training rows of the levels of a feature, by `segmentKey`: what a model's own segments say. All others together are left out, since they are
 * others than those that live events are counted by.
 */
export function heldBackLevels(
  { features }: InsightOf<'segments'>,
  feature: string,
  { targetType, positiveClass }: TargetSpec,
): Map<string, HeldBack> {
  const segments = features.find((one) => one.feature === feature)?.segments ?? [];
  /** Probabilities are told of the second class. */
  const meanOf = (mean: number | undefined): number | null => {
    if (mean === undefined || targetType === 'multiclass') return null;
    return targetType === 'binary' && positiveClass === 0 ? 1 - mean : mean;
  };
  return new Map(
    segments.flatMap(({ kind, level, rowCount, meanPredicted, score }) =>
      kind === 'level' || kind === 'missing'
        ? [[segmentKey({ kind, level }), { rowCount, meanPredicted: meanOf(meanPredicted[0]), score }] as const]
        : [],
    ),
  );
}
