import type { AlertFinding } from '#contracts';
import { holmAdjusted } from '#statistics';

/** What was looked at, out or not. The p-value is its own, not corrected yet; null: there is no test of it. */
export type Signal = AlertFinding;

/** A difference that chance makes more often than this is not kept: no rule calls it an alarm. */
const KEPT_P_MAX = 0.01;

/** Findings of one look that are kept, those furthest out. */
const FINDINGS_MAX = 200;

/**
 * Those that are out by more than matters, and too far for chance: p-values are corrected for all that was looked at together. Signals without a test are
 * kept also where they are not out: their past is all that can be said of them.
 */
export function findingsOf(signals: readonly Signal[]): AlertFinding[] {
  const corrected = holmAdjusted(signals.map(({ pValue }) => pValue));
  return signals
    .map((signal, place): AlertFinding => ({ ...signal, pValue: corrected[place] ?? null }))
    .filter(({ excess, pValue }) => pValue === null || (excess > 1 && pValue <= KEPT_P_MAX))
    .sort((a, b) => b.excess - a.excess)
    .slice(0, FINDINGS_MAX);
}
