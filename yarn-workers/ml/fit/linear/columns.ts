import { NUMBER_COLUMN, CATEGORY_COLUMN, type LinearArrays } from '#scoring';
import { addTerm, emptySum, neumaierSum, sumOf } from '#statistics';
import { codeOf, codeShares, knotShares, lastAtOrBelow } from './column-shares.ts';
import type { TermOutputs } from '../text/text-components.ts';
import type { TextPlan } from '../text/text-columns.ts';
import type { Block, Coefficients } from './design.ts';

/** A matrix column that a linear model reads. */
export interface ColumnSpec {
  readonly kind: 'number' | 'category';
  /** Codes of a category; 0 of a number. */
  readonly codeCount: number;
  /** What a number must do: 1 rise, -1 fall, 0 what it likes. */
  readonly sign: -1 | 0 | 1;
}

interface Planned {
  /** See `codeShares` and `knotShares`: the mean of what the column adds follows from it. */
  readonly shares: Float64Array;
}

/** How a number becomes columns of the design: found from the training rows. */
interface NumberPlan extends Planned {
  readonly kind: 'number';
  readonly sign: -1 | 0 | 1;
  readonly mean: number;
  /** 0 where the training rows have no two values: the column says nothing, and has no knots. */
  readonly deviation: number;
  /** Least value, inner knots, largest value; strictly ascending. */
  readonly knots: Float64Array;
  /** Training rows miss it: there is an indicator. */
  readonly hasMissing: boolean;
}

interface CategoryPlan extends Planned {
  readonly kind: 'category';
  readonly codeCount: number;
}

export type ColumnPlan = NumberPlan | CategoryPlan;

/** Values beyond are taken as this: squares stay finite, and all knots are numbers that an artefact may hold. */
const NUMBER_MAX = 1e99;
/** Values that quantiles are found from: every so many rows where there are more. */
const QUANTILE_VALUES_MAX = 100_000;

const within = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);
const bounded = (value: number): number => within(value, -NUMBER_MAX, NUMBER_MAX);

/**
 * Weighted mean and deviation of a number's known values, and its knots.
 *
 * @param values of the training rows; NaN is missing, infinite values say nothing of mean and knots
 * @param weights of the rows, summing up to 1
 * @param pieces of the broken line at most; 1 gives a straight line
 */
export function planColumn(
  { kind, codeCount, sign }: ColumnSpec,
  values: Float64Array,
  weights: Float64Array,
  pieces: number,
): ColumnPlan {
  if (kind === 'category') return withShares({ kind, codeCount }, values, weights);
  const total = emptySum();
  const weight = emptySum();
  let least = Infinity;
  let most = -Infinity;
  let hasMissing = false;
  for (let row = 0; row < values.length; row += 1) {
    const cell = values[row] ?? NaN;
    if (Number.isNaN(cell)) hasMissing = true;
    if (!Number.isFinite(cell)) continue;
    const value = bounded(cell);
    least = Math.min(least, value);
    most = Math.max(most, value);
    addTerm(total, (weights[row] ?? 0) * value);
    addTerm(weight, weights[row] ?? 0);
  }
  const planned = (mean: number, deviation: number, knots: Float64Array): ColumnPlan =>
    withShares({ kind, sign, mean, deviation, knots, hasMissing }, values, weights);
  const saysNothing = (): ColumnPlan => planned(0, 0, new Float64Array(0));
  if (!(most > least)) return saysNothing();
  const mean = sumOf(total) / sumOf(weight);
  const squares = emptySum();
  for (let row = 0; row < values.length; row += 1) {
    const cell = values[row] ?? NaN;
    if (Number.isFinite(cell)) addTerm(squares, (weights[row] ?? 0) * (bounded(cell) - mean) ** 2);
  }
  const deviation = Math.sqrt(sumOf(squares) / sumOf(weight));
  // Squares of differences below 1e-162 are 0.
  if (!(deviation > 0)) return saysNothing();
  const inner = sign === 0 ? innerKnots(values, least, most, pieces) : [];
  return planned(mean, deviation, Float64Array.from([least, ...inner, most]));
}

/** A plan with the shares of some rows. */
const withShares = (
  plan: Omit<NumberPlan, 'shares'> | Omit<CategoryPlan, 'shares'>,
  values: Float64Array,
  weights: Float64Array,
): ColumnPlan => ({ ...plan, shares: sharesOf(plan, values, weights) });

/** See {@link Planned}: sums over the rows. */
export const sharesOf = (
  plan: Omit<NumberPlan, 'shares'> | Omit<CategoryPlan, 'shares'>,
  values: Float64Array,
  weights: Float64Array,
): Float64Array =>
  plan.kind === 'category'
    ? codeShares(plan.codeCount, values, weights)
    : knotShares(pointsOf(plan.knots), values, weights);

/** Different quantiles between the least and the largest value. */
function innerKnots(values: Float64Array, least: number, most: number, pieces: number): number[] {
  if (pieces <= 1) return [];
  const stride = Math.ceil(values.length / QUANTILE_VALUES_MAX);
  const sorted = values
    .filter((value, row) => row % stride === 0 && Number.isFinite(value))
    .map(bounded)
    .sort();
  const quantiles = Array.from({ length: pieces - 1 }, (_, index) => {
    const at = Math.round(((index + 1) / pieces) * (sorted.length - 1));
    return sorted[at] ?? NaN;
  });
  return [...new Set(quantiles)].filter((value) => value > least && value < most);
}

/**
 * The blocks of a column:
 * - a category: a coefficient a code, and one for what has none (rare levels, pooled, and unseen ones);
 * - a number: its standardised value, the missing ones at the mean (0) with an indicator of their own; then, for a broken
 *   line, a hat function a inner knot (1 there, falling to 0 at its neighbours), of which those at odd and those at even
 *   places are a block each.
 *
 * Only numbers are standardised. Levels and hats keep 0 and 1, so that the penalty holds a level the more, the fewer rows it
 * has; of unit variance all levels would be shrunk alike.
 */
export function blocksOf(plan: ColumnPlan, values: Float64Array): Block[] {
  if (plan.kind === 'category') {
    const { codeCount } = plan;
    const codes = new Uint16Array(values.length);
    for (let row = 0; row < values.length; row += 1) codes[row] = codeOf(values[row] ?? NaN, codeCount);
    return [{ levelCount: codeCount + 1, codes, values: null, sparse: null, sign: 0, isComplete: true }];
  }
  const { hasMissing, sign, mean, deviation, knots } = plan;
  const [least, most] = rangeOf(knots);
  const line = new Float32Array(values.length);
  const codes = hasMissing ? new Uint16Array(values.length) : null;
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] ?? NaN;
    if (!Number.isNaN(value)) line[row] = deviation > 0 ? (within(value, least, most) - mean) / deviation : 0;
    else if (codes !== null) line[row] = codes[row] = 1;
  }
  const straight: Block = {
    levelCount: hasMissing ? 2 : 1,
    codes,
    values: line,
    sparse: null,
    sign,
    isComplete: false,
  };
  return [straight, ...hatBlocks(knots, values)];
}

/**
 * Where a number's line ends: beyond the training rows it goes on for as much again as their range and is flat then, so
 * that no value can make a prediction absurd and a trend still holds for a while.
 */
function rangeOf(knots: Float64Array): readonly [number, number] {
  const least = knots[0] ?? 0;
  const most = knots.at(-1) ?? 0;
  return [least - (most - least), most + (most - least)];
}

/** Where a number's function has its points: the ends, and between them the knots where it may bend. */
function pointsOf(knots: Float64Array): Float64Array {
  if (knots.length === 0) return knots;
  const [least, most] = rangeOf(knots);
  return Float64Array.from([least, ...(knots.length > 2 ? knots : []), most]);
}

/** Hats of the inner knots at odd places, and of those at even places. */
function hatBlocks(knots: Float64Array, values: Float64Array): Block[] {
  const innerCount = knots.length - 2;
  return [1, 0].flatMap((parity): Block[] => {
    const levelCount = parity === 1 ? Math.ceil(innerCount / 2) : Math.floor(innerCount / 2);
    if (levelCount <= 0) return [];
    const codes = new Uint16Array(values.length);
    const heights = new Float32Array(values.length);
    for (let row = 0; row < values.length; row += 1) {
      const value = values[row] ?? NaN;
      if (!(value >= (knots[0] ?? NaN) && value <= (knots.at(-1) ?? NaN))) continue;
      const low = lastAtOrBelow(knots, value);
      const share = (value - (knots[low] ?? 0)) / ((knots[low + 1] ?? Infinity) - (knots[low] ?? 0));
      // Of the two neighbouring knots one is of this parity.
      const knot = low % 2 === parity ? low : low + 1;
      if (knot < 1 || knot > innerCount) continue;
      codes[row] = levelOfKnot(knot);
      heights[row] = knot === low ? 1 - share : share;
    }
    return [{ levelCount, codes, values: heights, sparse: null, sign: 0, isComplete: false }];
  });
}

/** Place of an inner knot (1, 2, ...) within its block. */
const levelOfKnot = (knot: number): number => Math.ceil(knot / 2) - 1;

/** What a column adds to an output. */
interface ColumnFunction {
  readonly knots: readonly number[];
  readonly values: readonly number[];
  readonly otherwise: number;
}

function numberFunction(plan: NumberPlan, own: readonly Float64Array[]): ColumnFunction {
  const [line, odd, even] = own;
  const otherwise = plan.hasMissing ? (line?.[1] ?? 0) : 0;
  if (!(plan.deviation > 0)) return { knots: [], values: [], otherwise };
  const knots = [...pointsOf(plan.knots)];
  const slope = (line?.[0] ?? 0) / plan.deviation;
  const values = knots.map((knot, index) => {
    // Knot `index` of the function is `index - 1` of the plan.
    const inner = index - 1;
    const isInner = inner >= 1 && inner <= plan.knots.length - 2;
    const hat = isInner ? ((inner % 2 === 1 ? odd : even)?.[levelOfKnot(inner)] ?? 0) : 0;
    return slope * (knot - plan.mean) + hat;
  });
  return { knots, values, otherwise };
}

function functionOf(plan: ColumnPlan, own: readonly Float64Array[]): ColumnFunction {
  if (plan.kind === 'number') return numberFunction(plan, own);
  const values = Array.from({ length: plan.codeCount }, (_, code) => own[0]?.[code] ?? 0);
  return { knots: values.map((_, code) => code), values, otherwise: own[0]?.[plan.codeCount] ?? 0 };
}

/** What a column adds to the training rows on average. */
function meanOf({ shares }: ColumnPlan, { values, otherwise }: ColumnFunction): number {
  return neumaierSum([...values, otherwise].map((value, point) => value * (shares[point] ?? 0)));
}

/** A plan of a matrix column, or of the columns (one an output) that a text's scores are. */
export type DesignPlan = ColumnPlan | TextPlan;

/** How many blocks each plan has, in order. */
export function blockCountOf(plan: DesignPlan): number {
  if (plan.kind === 'text') return plan.hasMissing ? 2 : 1;
  return plan.kind === 'category' ? 1 : 1 + Math.min(2, Math.max(0, plan.knots.length - 2));
}

/** A function with its mean over the training rows. */
type MeanFunction = ColumnFunction & { readonly mean: number };

/** Scores of texts end a little beyond what their coefficients allow, so that rounding does not cut them off. */
const SCORE_MARGIN = 1 + 1e-6;

/**
 * A text's column of output c is the score itself: it is added to output c as it is, and to no other. Tf-idf vectors are of
 * length 1 at most, so no score is beyond the length of its coefficients.
 */
function textFunctions(plan: TextPlan, outputs: readonly (readonly Float64Array[])[]): MeanFunction[][] {
  return outputs.map(([terms = new Float64Array(0), indicator], column) => {
    const most = SCORE_MARGIN * Math.sqrt(neumaierSum(terms.map((value) => value * value)));
    const knots = most > 0 ? [-most, most] : [];
    const otherwise = indicator?.[0] ?? 0;
    const mean = neumaierSum(terms.map((value, term) => value * (plan.termMeans[term] ?? 0)));
    return outputs.map((_, output) =>
      output === column
        ? { knots, values: knots, otherwise, mean: mean + plan.missingShare * otherwise }
        : { knots, values: knots.map(() => 0), otherwise: 0, mean: 0 },
    );
  });
}

/** By matrix column and output. */
function functionsOf(plan: DesignPlan, outputs: readonly (readonly Float64Array[])[]): MeanFunction[][] {
  if (plan.kind === 'text') return textFunctions(plan, outputs);
  const functions = outputs.map((own) => functionOf(plan, own));
  return [functions.map((each) => ({ ...each, mean: meanOf(plan, each) }))];
}

/** The model on the scale of the matrix: what artefacts store. */
export function linearArrays(plans: readonly DesignPlan[], outputs: readonly Coefficients[]): LinearArrays {
  const offsets = [0];
  const kinds: number[] = [];
  const knots: number[] = [];
  const values: number[] = [];
  const otherwise: number[] = [];
  const means: number[] = [];
  let block = 0;
  for (const plan of plans) {
    const to = block + blockCountOf(plan);
    const own = outputs.map(({ blocks }) => blocks.slice(block, to));
    block = to;
    for (const functions of functionsOf(plan, own)) {
      for (const [point, knot] of (functions[0]?.knots ?? []).entries()) {
        knots.push(knot);
        for (const each of functions) values.push(each.values[point] ?? 0);
      }
      otherwise.push(...functions.map((each) => each.otherwise));
      means.push(...functions.map((each) => each.mean));
      kinds.push(plan.kind === 'category' ? CATEGORY_COLUMN : NUMBER_COLUMN);
      offsets.push(knots.length);
    }
  }
  return {
    outputCount: outputs.length,
    columnCount: kinds.length,
    intercept: Float64Array.from(outputs, ({ intercept }) => intercept),
    columnKind: Uint8Array.from(kinds),
    pointOffset: Int32Array.from(offsets),
    knot: Float64Array.from(knots),
    value: Float64Array.from(values),
    otherwise: Float64Array.from(otherwise),
    mean: Float64Array.from(means),
  };
}

/** The terms' coefficients of each text, by output, as its step holds them. */
export function termCoefficients(plans: readonly DesignPlan[], outputs: readonly Coefficients[]): TermOutputs[] {
  let block = 0;
  return plans.flatMap((plan) => {
    const first = block;
    block += blockCountOf(plan);
    if (plan.kind !== 'text') return [];
    return [{ text: plan.text, outputs: outputs.map(({ blocks }) => blocks[first] ?? new Float64Array(0)) }];
  });
}
