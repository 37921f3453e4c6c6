import type { AlertFinding } from '#contracts';
import { holmAdjusted } from '#statistics';

/** What was looked at, out or not. The p-value is its own, not corrected yet; null: there is no test of it. */
export type Signal = AlertFinding;

/** A difference that chance makes more often than this is not kept: no rule calls it an alarm. */
const KEPT_P_MAX = 0.01;

/** Those that are out by more than matters, and too far for chance: p-values are corrected for all that was looked at together. */
export function findingsOf(signals: readonly Signal[]): AlertFinding[] {
  const corrected = holmAdjusted(signals.map(({ pValue }) => pValue));
  return signals
    .map((signal, place): AlertFinding => ({ ...signal, pValue: corrected[place] ?? null }))
    .filter(({ excess, pValue }) => excess > 1 && (pValue === null || pValue <= KEPT_P_MAX));
}
