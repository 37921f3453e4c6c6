import { PSI_MODERATE, type Baseline } from '#statistics';
import { featureDrifts } from '../monitoring/feature-drift.ts';
import type { FeatureSeries } from '../monitoring/feature-totals.ts';
import type { OutcomeTotals } from '../monitoring/outcome-totals.ts';
import { driftFacts, tellingBins, type TargetBaseline } from '../monitoring/target-drift.ts';
import type { TimeRange } from '../monitoring/time-range.ts';
import type { Signal } from './signals.ts';

/** What was counted of a model in the time that is looked at. */
export interface DriftCounts {
  readonly baseline: Baseline;
  readonly features: ReadonlyMap<string, FeatureSeries>;
  readonly predictions: OutcomeTotals;
}

/** How far features and predictions are from training: the stability index, as a multiple of that of a shift to look at. */
export function driftSignals(
  { baseline, features, predictions }: DriftCounts,
  target: Omit<TargetBaseline, 'spread'>,
  range: TimeRange,
): Signal[] {
  const signals = featureDrifts(baseline, features, null, range).flatMap((entry): Signal[] => {
    const { feature, psi, pValue, unseenRate } = entry;
    if (psi === null) return [];
    const { training, live } = entry.missingRate;
    const facts = {
      psi,
      ...(training === null || live === null ? {} : { missingRate: { training, live } }),
      ...(unseenRate === null ? {} : { unseenRate }),
    };
    return [{ kind: 'feature-drift', feature, excess: psi / PSI_MODERATE, pValue, facts }];
  });
  const spread = baseline.predictions ?? null;
  const { psi, pValue } = driftFacts(tellingBins({ ...target, spread }, predictions.state));
  if (psi !== null)
    signals.push({ kind: 'prediction-drift', feature: null, excess: psi / PSI_MODERATE, pValue, facts: { psi } });
  return signals;
}
