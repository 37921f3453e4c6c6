import { AppError, nullable, strict, Type, type Static } from '#contracts';
import { hash32 } from '../numeric/murmur3.ts';

/**
 * Quantiles of the finite values of a feature in bounded memory (NaN and infinite values are passed over). Exact while
 * no more than k values were added; afterwards the rank of any answer is off by at most
 * `rankErrorOf(k)` of the count with 99 % probability, whatever the order, the batches and the merges.
 * Holds about 3 k + 32 log2(n / k) numbers.
 *
 * @see Z. Karnin, K. Lang, E. Liberty, Optimal quantile approximation in streams, FOCS 2016. Its coin is a hash of
 * (seed, number of compactions), so that the same additions give the same sketch.
 */
export interface QuantileSketch {
  readonly k: number;
  readonly seed: number;
  /** Values that were added. */
  count: number;
  /** Exact; Infinity and -Infinity when there are none. */
  min: number;
  max: number;
  compactionCount: number;
  /** A value on level h stands for 2^h values. Level 0 is in order of arrival, the others ascending. */
  readonly levels: Level[];
  /** By level; a function of k and the number of levels. */
  capacities: readonly number[];
}

interface Level {
  items: Float64Array;
  size: number;
}

/** @default of k: 0.14 % rank error, some 50 kB when full */
export const QUANTILE_SKETCH_K = 2048;
const K_MIN = 8;
const K_MAX = 65_536;
/** No level is smaller: sorting and carrying fewer values costs more than it saves. */
const LEVEL_SIZE_MIN = 32;
/** Each level is this much smaller than the one above it. */
const LEVEL_RATIO = 2 / 3;
const LEVELS_MAX = 60;
const FIRST_ALLOCATION = 64;
/** Below this size an insertion sort beats the call of the built-in one. */
const INSERTION_SORT_MAX = 48;

/**
 * Rank error, as a share of the count, that holds with 99 % probability. Fitted by Apache DataSketches to the same
 * algorithm; the test of this file measures that ours keeps it.
 * @see https://datasketches.apache.org/docs/KLL/KLLSketch.html
 */
export function rankErrorOf(k: number): number {
  return 2.296 / k ** 0.9723;
}

/** @param seed of the coin, any uint32 @throws INTERNAL unless k is an integer in [8, 65536] */
export function createQuantileSketch(k = QUANTILE_SKETCH_K, seed = 0): QuantileSketch {
  if (!Number.isInteger(k) || k < K_MIN || k > K_MAX)
    throw new AppError('INTERNAL', `quantile sketch: k ${k} is not in [${K_MIN}, ${K_MAX}]`);
  return assemble(k, seed >>> 0, { count: 0, min: null, max: null, compactionCount: 0, levels: [[]] });
}

type Content = Pick<QuantileSketchData, 'count' | 'min' | 'max' | 'compactionCount' | 'levels'>;

function assemble(k: number, seed: number, { count, min, max, compactionCount, levels }: Content): QuantileSketch {
  return {
    k,
    seed,
    count,
    min: min ?? Infinity,
    max: max ?? -Infinity,
    compactionCount,
    levels: levels.map((items) => ({ items: Float64Array.from(items), size: items.length })),
    capacities: capacitiesOf(k, levels.length),
  };
}

/** True while every quantile is exact. */
export function isExactQuantiles(sketch: QuantileSketch): boolean {
  return sketch.levels.length === 1;
}

/** The sizes above which levels are compacted shrink by a constant factor below the highest level. */
function capacitiesOf(k: number, levelCount: number): number[] {
  return Array.from({ length: levelCount }, (_, h) =>
    Math.max(LEVEL_SIZE_MIN, Math.ceil(k * LEVEL_RATIO ** (levelCount - 1 - h))),
  );
}

function reserve(level: Level, size: number): Float64Array {
  if (level.items.length >= size) return level.items;
  const grown = new Float64Array(Math.max(size, 2 * level.items.length, FIRST_ALLOCATION));
  grown.set(level.items.subarray(0, level.size));
  level.items = grown;
  return grown;
}

/** Adds the finite values of `values[from..to)`. */
export function addAllToQuantiles(sketch: QuantileSketch, values: Float64Array, from = 0, to = values.length): void {
  const bottom = levelAt(sketch, 0);
  let { min, max } = sketch;
  let i = from;
  while (i < to) {
    const capacity = sketch.capacities[0] ?? 0;
    const stop = Math.min(to, i + Math.max(1, capacity + 1 - bottom.size));
    const items = reserve(bottom, bottom.size + stop - i);
    let size = bottom.size;
    for (; i < stop; i++) {
      const value = values[i] ?? NaN;
      if (value - value !== 0) continue;
      items[size++] = value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    sketch.count += size - bottom.size;
    bottom.size = size;
    if (size > capacity) compact(sketch);
  }
  sketch.min = min;
  sketch.max = max;
}

function levelAt(sketch: QuantileSketch, index: number): Level {
  const level = sketch.levels[index];
  if (level === undefined) throw new AppError('INTERNAL', `quantile sketch: no level ${index}`);
  return level;
}

/** Halves every level that is over its size into the next one, from the bottom up. */
function compact(sketch: QuantileSketch): void {
  let h = 0;
  while (h < sketch.levels.length) {
    const level = levelAt(sketch, h);
    if (level.size <= (sketch.capacities[h] ?? 0)) {
      h++;
    } else if (h + 1 === sketch.levels.length) {
      addLevel(sketch);
      h = 0;
    } else {
      if (h === 0) sortLevel(level);
      const start = level.size & 1;
      const offset = hash32(sketch.seed, sketch.compactionCount) & 1;
      sketch.compactionCount++;
      promote(level, start, offset, levelAt(sketch, h + 1));
      level.size = start;
      h++;
    }
  }
}

function addLevel(sketch: QuantileSketch): void {
  if (sketch.levels.length === LEVELS_MAX)
    throw new AppError('INTERNAL', `quantile sketch: more than ${LEVELS_MAX} levels`);
  sketch.levels.push({ items: new Float64Array(0), size: 0 });
  sketch.capacities = capacitiesOf(sketch.k, sketch.levels.length);
}

/** Merges every second value of an ascending level, from `start + offset` on, into the ascending level above, from the back. */
function promote(level: Level, start: number, offset: number, above: Level): void {
  const moved = (level.size - start) >> 1;
  const items = reserve(above, above.size + moved);
  const source = level.items;
  let a = above.size - 1;
  let place = above.size + moved - 1;
  for (let m = start + offset + 2 * (moved - 1); m >= start; m -= 2) {
    const value = source[m] ?? 0;
    while (a >= 0 && (items[a] ?? 0) > value) items[place--] = items[a--] ?? 0;
    items[place--] = value;
  }
  above.size += moved;
}

function sortLevel(level: Level): void {
  const { items, size } = level;
  if (size > INSERTION_SORT_MAX) {
    items.subarray(0, size).sort();
    return;
  }
  for (let i = 1; i < size; i++) {
    const value = items[i] ?? 0;
    let j = i - 1;
    for (; j >= 0 && (items[j] ?? 0) > value; j--) items[j + 1] = items[j] ?? 0;
    items[j + 1] = value;
  }
}

/** Merges another part of the same data into `sketch`; the other is not changed. @throws INTERNAL when its k is another */
export function mergeQuantiles(sketch: QuantileSketch, other: QuantileSketch): void {
  if (sketch.k !== other.k) throw new AppError('INTERNAL', `quantile sketch: k ${sketch.k} merged with k ${other.k}`);
  while (sketch.levels.length < other.levels.length) addLevel(sketch);
  other.levels.forEach((level, h) => {
    const into = levelAt(sketch, h);
    const added = level.items.slice(0, level.size);
    if (h > 0) {
      const all = new Float64Array(into.size + added.length);
      all.set(into.items.subarray(0, into.size));
      all.set(added, into.size);
      into.items = all.sort();
      into.size = all.length;
    } else {
      reserve(into, into.size + added.length).set(added, into.size);
      into.size += added.length;
    }
  });
  sketch.count += other.count;
  sketch.min = Math.min(sketch.min, other.min);
  sketch.max = Math.max(sketch.max, other.max);
  sketch.compactionCount += other.compactionCount;
  compact(sketch);
}

/** {@link QuantileSketch} as JSON. */
export const QuantileSketchData = strict({
  k: Type.Integer({ minimum: K_MIN, maximum: K_MAX }),
  seed: Type.Integer({ minimum: 0, maximum: 4294967295 }),
  count: Type.Integer({ minimum: 0 }),
  min: nullable(Type.Number()),
  max: nullable(Type.Number()),
  compactionCount: Type.Integer({ minimum: 0 }),
  levels: Type.Array(Type.Array(Type.Number()), { minItems: 1, maxItems: LEVELS_MAX }),
});
export type QuantileSketchData = Static<typeof QuantileSketchData>;

export function quantilesToData(sketch: QuantileSketch): QuantileSketchData {
  const { k, seed, count, min, max, compactionCount } = sketch;
  return {
    k,
    seed,
    count,
    min: count === 0 ? null : min,
    max: count === 0 ? null : max,
    compactionCount,
    levels: sketch.levels.map((level) => [...level.items.subarray(0, level.size)]),
  };
}

/** @throws VALIDATION_FAILED when the levels do not stand for `count` values or one is not in order */
export function quantilesFromData(data: QuantileSketchData): QuantileSketch {
  const weight = data.levels.reduce((sum, items, h) => sum + items.length * 2 ** h, 0);
  const isOrdered = data.levels
    .slice(1)
    .every((items) => items.every((item, i) => i === 0 || item >= (items[i - 1] ?? 0)));
  if (weight !== data.count || !isOrdered || data.count > 0 !== (data.min !== null && data.max !== null)) {
    throw new AppError(
      'VALIDATION_FAILED',
      `quantile sketch: levels stand for ${weight} values, expected ${data.count}, in order`,
    );
  }
  return assemble(data.k, data.seed, data);
}
