import type { TargetDrift, TargetSpec } from '#contracts';
import { classesAtThreshold } from '#ml';
import {
  driftLevelOf,
  driftOf,
  histogramEdges,
  PROBABILITY_BINS,
  rangeBins,
  type DriftBin,
  type OutcomeStateData,
  type PredictionSpread,
} from '#statistics';

type Facts = TargetDrift['predictions'];

/** What predictions are held against. */
export interface TargetBaseline {
  readonly target: TargetSpec;
  /** Null: not known, so that no drift is. */
  readonly spread: PredictionSpread | null;
  /** Of the deployment; undefined: the model's own. */
  readonly threshold: number | undefined;
}

/** Predicted classes, or values, beside those of training. @param live null: there were none */
export function predictionBins(baseline: TargetBaseline, live: OutcomeStateData | null): DriftBin[] {
  const { target, spread } = baseline;
  if (target.targetType === 'regression') {
    const { edges, counts } = spread ?? { edges: null, counts: null };
    return edges === null || counts === null ? [] : rangeBins(edges, counts, live?.values ?? null);
  }
  const training = trainingClasses(baseline);
  return target.classes.map(({ label }, index) => ({
    ...{ kind: 'level', from: null, to: null, level: label },
    trainingCount: training?.[index] ?? 0,
    liveCount: live?.classCounts?.[index] ?? 0,
  }));
}

function trainingClasses({ target, spread, threshold }: TargetBaseline): readonly number[] | null {
  if (spread === null) return null;
  const { probabilities } = spread;
  if (target.targetType !== 'binary' || probabilities === null) return spread.classCounts;
  return classesAtThreshold(probabilities, target.positiveClass ?? 1, threshold);
}

/** Probabilities beside those of training; null of numbers. */
export function probabilityBins({ spread, target }: TargetBaseline, live: OutcomeStateData | null): DriftBin[] | null {
  if (target.targetType === 'regression') return null;
  const fine = spread?.probabilities ?? [];
  const width = fine.length / PROBABILITY_BINS;
  const counts = Array.from({ length: PROBABILITY_BINS }, (_, bin) =>
    fine.slice(bin * width, (bin + 1) * width).reduce((sum, count) => sum + count, 0),
  );
  return rangeBins(histogramEdges(0, 1, PROBABILITY_BINS), counts, live?.probabilities ?? null);
}

/** What tells most of a change of predictions: probabilities where there are any, since a threshold hides what lies on one side of it. */
export const tellingBins = (baseline: TargetBaseline, live: OutcomeStateData | null): DriftBin[] =>
  probabilityBins(baseline, live) ?? predictionBins(baseline, live);

export function driftFacts(bins: readonly DriftBin[]): Facts {
  const drift = driftOf(bins);
  return { ...drift, drift: driftLevelOf(drift), bins: [...bins] };
}
