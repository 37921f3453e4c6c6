import type { TargetSpec } from '#contracts';
import { hash32, indicesWhere, rowHash } from '#statistics';
import { stoppingLoss } from '../fit/stopping-loss.ts';
import type { Objective } from '../blueprints/objective.ts';
import type { OutOfFoldSource } from '../fit/out-of-fold-source.ts';
import type { OutOfFold } from '../fit/out-of-fold.ts';
import { HOLDOUT } from '../partition/types.ts';
import { SELECTION_TERMS_MAX, VALIDATION_PARTS } from './limits.ts';
import type { LinkScale } from './link-scale.ts';
import type { SelectionLimits, SelectionRows } from './select-weights.ts';

const SAMPLE_SALT = 0x5a17_0011;
const PART_SALT = 0x5a17_0012;

/**
 * The part of each row: weights for it are chosen on the other parts. Folds are the parts; validation rows of a single split are
 * dealt by hash(seed, row). HOLDOUT for the rows of the holdout.
 */
export function partsOf({ rows, partitions, foldCount }: OutOfFold, seed: number): Int8Array {
  if (foldCount > 1) return partitions;
  const salted = hash32(seed, PART_SALT);
  return partitions.map((partition, index) =>
    partition === HOLDOUT ? HOLDOUT : rowHash(salted, rows[index] ?? 0) % VALIDATION_PARTS,
  );
}

/** Number of parts that {@link partsOf} tells apart. */
export const partCountOf = ({ foldCount }: Pick<OutOfFold, 'foldCount'>): number =>
  foldCount > 1 ? foldCount : VALIDATION_PARTS;

/**
 * Which rows choose weights: all validation rows, or as many by hash(seed, row) as all selections can look at. Some ten thousand where there are
 * many models, so memory does not grow with the rows.
 */
export async function selectionRows(
  source: OutOfFoldSource,
  seed: number,
  modelCount: number,
  { stepsMax }: Pick<SelectionLimits, 'stepsMax'>,
): Promise<(block: OutOfFold) => Uint32Array> {
  const placesIn = ({ rows, partitions }: OutOfFold): Uint32Array =>
    indicesWhere(rows.length, (place) => partitions[place] !== HOLDOUT);
  let rowCount = 0;
  for await (const block of source.blocks()) rowCount += placesIn(block).length;
  const termsPerRow = source.facts.outputCount * modelCount * (stepsMax + 2) * (partCountOf(source.facts) + 1);
  const share = SELECTION_TERMS_MAX / (termsPerRow * Math.max(1, rowCount));
  if (share >= 1) return placesIn;
  const salted = hash32(seed, SAMPLE_SALT);
  return (block) => placesIn(block).filter((place) => rowHash(salted, block.rows[place] ?? 0) < share * 0x1_0000_0000);
}

/** Raw scores of the rows at `places`: rows x outputs. */
export function rawAt(scale: LinkScale, { predictions }: OutOfFold, places: Uint32Array): Float64Array {
  const { outputCount } = scale;
  const out = new Float64Array(places.length * outputCount);
  const row = new Float64Array(outputCount);
  for (const [index, place] of places.entries()) {
    scale.toRaw(predictions, place, 1, row);
    out.set(row, index * outputCount);
  }
  return out;
}

/** What is true of the rows at `places`: index of the class (binary: 1 is positive), or the value. */
export function labelsAt({ classes, values }: OutOfFold, places: Uint32Array, target: TargetSpec): Float64Array {
  const isPositive = (index: number): number => Number(index === (target.positiveClass ?? 1));
  return Float64Array.from(places, (place) => {
    const index = classes?.[place];
    if (index === undefined) return values?.[place] ?? NaN;
    return target.targetType === 'binary' ? isPositive(index) : index;
  });
}

/**
 * What the rows at `places` count by: the objective's own loss, which stands for metrics that only rank.
 *
 * @param labels one a place
 */
export function termsAt(
  data: OutOfFold,
  places: Uint32Array,
  labels: Float64Array,
  objective: Objective,
): Pick<SelectionRows, 'outputCount' | 'term' | 'weights'> {
  const weights = data.weights === null ? null : Float64Array.from(places, (place) => data.weights?.[place] ?? 1);
  const { outputCount } = data;
  return { outputCount, term: stoppingLoss(objective, labels, outputCount), weights };
}
