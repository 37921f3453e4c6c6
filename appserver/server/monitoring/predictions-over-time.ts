import type { PredictionsOverTime, TargetSpec } from '#contracts';
import { momentsFromData, meanOf, quantilesFromData, quantilesOf, type HistogramData } from '#statistics';
import type { OutcomeTotals } from './outcome-totals.ts';

type ModelPredictions = PredictionsOverTime['data'][number]['models'][number];

const FRACTIONS = [0.05, 0.25, 0.5, 0.75, 0.95] as const;

/** What a model has predicted. */
export const modelPredictions = (modelId: string, totals: OutcomeTotals, target: TargetSpec): ModelPredictions => ({
  modelId,
  eventCount: totals.eventCount,
  ...predictionFacts(totals.state, target),
});

/** Counts of classes, or the spread of values. @param state null: there were none */
export function predictionFacts(
  state: OutcomeTotals['state'],
  { classes }: TargetSpec,
): Omit<ModelPredictions, 'modelId' | 'eventCount'> {
  const counts = state?.classCounts ?? null;
  const moments = state?.moments ?? null;
  const sketch = state?.quantiles ?? null;
  const [p5, p25, p50, p75, p95] = (sketch === null ? null : quantilesOf(quantilesFromData(sketch), FRACTIONS)) ?? [];
  const isKnown = moments !== null && moments.count > 0;
  return {
    classCounts: counts === null ? null : classes.map(({ label }, index) => ({ label, count: counts[index] ?? 0 })),
    meanProbability: meanOfBins(state?.probabilities ?? null),
    mean: isKnown ? meanOf(momentsFromData(moments)) : null,
    min: isKnown ? moments.min : null,
    max: isKnown ? moments.max : null,
    quantiles:
      p5 === undefined || p25 === undefined || p50 === undefined || p75 === undefined || p95 === undefined
        ? null
        : { p5, p25, p50, p75, p95 },
  };
}

/** As if all of a bin lay in its middle. */
function meanOfBins(histogram: HistogramData | null): number | null {
  if (histogram === null) return null;
  const { edges, counts } = histogram;
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  return counts.reduce((sum, count, bin) => sum + count * (((edges[bin] ?? 0) + (edges[bin + 1] ?? 0)) / 2), 0) / total;
}
