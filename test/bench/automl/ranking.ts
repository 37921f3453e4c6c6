import { METRIC_FACTS } from '#contracts';
import { createRandom } from '#statistics';
import { scoreOf, type BenchSet, type PredictedColumns } from './data-sets.ts';

/** Draws of the bootstrap. */
const DRAWS = 200;

/** A system's predictions of a set's test rows, one for each seed. */
export interface Predicted {
  readonly system: string;
  readonly bySeed: readonly PredictedColumns[];
}

/** How a system did on a set. */
export interface Standing {
  readonly system: string;
  /** Mean over the seeds. */
  readonly score: number;
  /** From 1, the best; equal scores share the mean of their ranks. */
  readonly rank: number;
}

/** Systems of a set by score, best first. */
export function standings(set: BenchSet, systems: readonly Predicted[]): Standing[] {
  const all = Uint32Array.from(set.actual.keys());
  const scored = systems.map(({ system, bySeed }) => ({ system, score: meanScore(set, bySeed, all) }));
  const goodness = (score: number): number => (isHigher(set) ? score : -score);
  return scored
    .map(({ system, score }) => {
      const better = scored.filter((other) => goodness(other.score) > goodness(score)).length;
      const equal = scored.filter((other) => other.score === score).length;
      return { system, score, rank: better + (equal + 1) / 2 };
    })
    .sort((a, b) => a.rank - b.rank);
}

/**
 * By how much one system is better than another on a set, above 0 if the first is, with its standard error: both are scored
 * on the same {@link DRAWS} draws of the test rows with replacement.
 *
 * @see Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 6
 */
export function pairedDifference(set: BenchSet, first: Predicted, second: Predicted): { gain: number; error: number } {
  const rowCount = set.actual.length;
  const gainOf = (rows: Uint32Array): number => {
    const gain = meanScore(set, first.bySeed, rows) - meanScore(set, second.bySeed, rows);
    return isHigher(set) ? gain : -gain;
  };
  const random = createRandom(1);
  const draws = Array.from({ length: DRAWS }, () =>
    gainOf(Uint32Array.from({ length: rowCount }, () => random.below(rowCount))),
  );
  const mean = draws.reduce((sum, value) => sum + value, 0) / DRAWS;
  const squares = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { gain: gainOf(Uint32Array.from(set.actual.keys())), error: Math.sqrt(squares / (DRAWS - 1)) };
}

const isHigher = ({ metric }: BenchSet): boolean => METRIC_FACTS[metric].direction === 'higher';

const meanScore = (set: BenchSet, bySeed: readonly PredictedColumns[], rows: Uint32Array): number =>
  bySeed.reduce((sum, predicted) => sum + scoreOf(set, predicted, rows), 0) / bySeed.length;
