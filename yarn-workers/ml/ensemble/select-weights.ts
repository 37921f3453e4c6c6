import { AppError } from '#contracts';
import type { LossTerm } from '../fit/stopping-loss.ts';

/** Models with their raw scores of the same rows; what is known of the rows. */
export interface SelectionRows {
  /** By model: rows x outputs, row-major. */
  readonly raw: readonly Float64Array[];
  readonly outputCount: number;
  /** A row's share of the loss; lower is better. */
  readonly term: LossTerm;
  /** One a row; null: all 1. */
  readonly weights: Float64Array | null;
}

export interface SelectionLimits {
  /** Models of positive weight at most. */
  readonly membersMax: number;
  /** Models taken at most, each as often as it is taken. */
  readonly stepsMax: number;
}

/** Weights that a selection found. */
export interface Selection {
  /** One a model, adding up to 1; those that were not taken have 0. */
  readonly weights: number[];
  /** Sum of the terms of the rows with these weights. */
  readonly loss: number;
}

/** A selection that goes on. */
interface Bag {
  /** How often each model was taken. */
  readonly counts: number[];
  /** Sum of the raw scores of what was taken, by row and output. */
  readonly sum: Float64Array;
  readonly taken: number;
  readonly loss: number;
}

/**
 * Greedy forward selection with replacement, sorted initialisation: begins with the best n models by themselves (the n whose
 * mean is best), then takes, again and again, the model that makes the mean of all taken best; the best mean on the way is
 * the answer. On the rows given it is never worse than the best single model. Nothing is random: of equal losses the earlier
 * model wins, and the fewer steps. Losses are summed in the order of `rows`.
 *
 * Bagging the selection, the paper's third means against overfitting, is left out: `docs/benchmarks.md` has what it adds.
 *
 * @param rows indices of the rows that decide
 * @throws INTERNAL without any model
 * @see Caruana, Niculescu-Mizil, Crew, Ksikes 2004, "Ensemble selection from libraries of models", sections 2.1 to 2.3
 */
export function selectWeights(data: SelectionRows, rows: Uint32Array, limits: SelectionLimits): Selection {
  if (data.raw.length === 0) throw new AppError('INTERNAL', 'there is no model to select from');
  let bag = bestStart(data, rows, limits);
  let best = bag;
  while (bag.taken < limits.stepsMax) {
    const next = bestStep(data, rows, bag, limits.membersMax);
    if (next === null) break;
    bag = next;
    if (bag.loss < best.loss) best = bag;
  }
  return { weights: best.counts.map((count) => count / best.taken), loss: best.loss };
}

/** The best mean of the first n of the models sorted by their own losses. */
function bestStart(data: SelectionRows, rows: Uint32Array, { membersMax, stepsMax }: SelectionLimits): Bag {
  const empty: Bag = { counts: data.raw.map(() => 0), sum: emptySum(data), taken: 0, loss: Infinity };
  const order = data.raw
    .map((_, model) => ({ model, loss: lossWith(data, rows, empty, model) }))
    .sort((a, b) => compare(a.loss, b.loss) || a.model - b.model);
  let bag = empty;
  let best: Bag | null = null;
  for (const { model } of order.slice(0, Math.min(membersMax, stepsMax))) {
    bag = taken(data, bag, model, lossWith(data, rows, bag, model));
    if (best === null || bag.loss < best.loss) best = bag;
  }
  return best ?? bag;
}

/** NaN, which a model that predicts nothing may give, is worse than anything. */
function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a - b;
}

/** The bag with the one model more that makes its mean best; null if none may be taken or gives a number. */
function bestStep(data: SelectionRows, rows: Uint32Array, bag: Bag, membersMax: number): Bag | null {
  const isFull = bag.counts.filter((count) => count > 0).length >= membersMax;
  let found: { readonly model: number; readonly loss: number } | null = null;
  for (const [model, count] of bag.counts.entries()) {
    if (isFull && count === 0) continue;
    const loss = lossWith(data, rows, bag, model);
    if (loss < (found?.loss ?? Infinity)) found = { model, loss };
  }
  return found === null ? null : taken(data, bag, found.model, found.loss);
}

const emptySum = ({ raw }: SelectionRows): Float64Array => new Float64Array(raw[0]?.length ?? 0);

/** The loss of the mean of what was taken and one model more. */
function lossWith(
  { raw, outputCount, term, weights }: SelectionRows,
  rows: Uint32Array,
  bag: Bag,
  model: number,
): number {
  const scores = raw[model] ?? new Float64Array(0);
  const { sum } = bag;
  const count = bag.taken + 1;
  const mean = new Float64Array(outputCount);
  let loss = 0;
  for (const row of rows) {
    const at = row * outputCount;
    for (let i = 0; i < outputCount; i += 1) mean[i] = ((sum[at + i] ?? 0) + (scores[at + i] ?? NaN)) / count;
    const share = term(mean, 0, row);
    loss += weights === null ? share : share * (weights[row] ?? 1);
  }
  return loss;
}

function taken({ raw }: SelectionRows, bag: Bag, model: number, loss: number): Bag {
  const scores = raw[model] ?? new Float64Array(0);
  const sum = bag.sum.map((value, at) => value + (scores[at] ?? NaN));
  const counts = bag.counts.map((count, other) => count + Number(other === model));
  return { counts, sum, taken: bag.taken + 1, loss };
}
