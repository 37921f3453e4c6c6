import type { InsightOf } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import type { Outcomes } from './insight-rows.ts';
import { meansOf } from './lift.ts';

const BINS = 10;

/**
 * Reliability: what came true by ten bins of probability of equal width, and the expected calibration error.
 *
 * @see Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning", equation 2
 */
export function calibrationOf(outcomes: Outcomes, label: string): InsightOf<'calibration'> {
  const rows = Array.from({ length: BINS }, (): number[] => []);
  for (const [row, probability] of outcomes.predicted.entries()) rows[binOf(probability)]?.push(row);
  const error = emptySum();
  const total = emptySum();
  const bins = rows.flatMap((own, bin) => {
    if (own.length === 0) return [];
    const means = meansOf(outcomes, own);
    addTerm(error, means.weight * Math.abs(means.meanPredicted - means.meanActual));
    addTerm(total, means.weight);
    return [{ from: bin / BINS, to: (bin + 1) / BINS, rowCount: own.length, ...means }];
  });
  return { kind: 'calibration', label, expectedError: sumOf(error) / sumOf(total), bins };
}

/** The first bin whose upper edge is not below a probability. */
function binOf(probability: number): number {
  let bin = 0;
  while (bin < BINS - 1 && probability > (bin + 1) / BINS) bin += 1;
  return bin;
}
