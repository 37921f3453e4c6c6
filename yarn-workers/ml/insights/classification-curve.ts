import { addTerm, emptySum, sumOf } from '#statistics';
import { fallingOrder, type Outcomes } from './insight-rows.ts';

/** Weights at places 0 up to `count`; thresholds from 1 on. */
export interface ClassificationCurve {
  readonly count: number;
  readonly thresholds: Float64Array;
  readonly hits: Float64Array;
  readonly misses: Float64Array;
}

/** Weight of true and of false positives at each different probability, from the highest on; at place 0 nothing is positive. */
export function curveOf(outcomes: Outcomes): ClassificationCurve {
  const { predicted, actual, weights } = outcomes;
  const order = fallingOrder(outcomes);
  const size = order.length + 1;
  const thresholds = new Float64Array(size);
  const hits = new Float64Array(size);
  const misses = new Float64Array(size);
  const [hit, miss] = [emptySum(), emptySum()];
  let count = 0;
  for (let place = 0; place < order.length; place += 1) {
    const row = order[place] ?? 0;
    addTerm(actual[row] === 1 ? hit : miss, weights[row] ?? NaN);
    const threshold = predicted[row] ?? NaN;
    if (predicted[order[place + 1] ?? -1] === threshold) continue;
    count += 1;
    thresholds[count] = threshold;
    hits[count] = sumOf(hit);
    misses[count] = sumOf(miss);
  }
  return { count, thresholds, hits, misses };
}
