import type { MetricName, TargetSpec } from '#contracts';
import { hash32, rowHash, type MetricStates } from '#statistics';
import { NOISE_GROUPS } from '../ensemble/limits.ts';
import { HOLDOUT } from '../partition/types.ts';
import type { OutOfFoldFacts } from './out-of-fold-file.ts';
import { metricInputAt, type OutOfFold } from './out-of-fold.ts';
import { statesMaker } from './scores.ts';

const GROUP_SALT = 0x5a17_0013;

/** The group of each row, below {@link NOISE_GROUPS}, by hash(seed, row). */
export function noiseGroups(rows: Uint32Array, seed: number): Uint8Array {
  const salted = hash32(seed, GROUP_SALT);
  return Uint8Array.from(rows, (row) => rowHash(salted, row) % NOISE_GROUPS);
}

/**
 * A metric of rows that come in blocks, of each partition, and without each of {@link NOISE_GROUPS} groups of rows: what `metricOf` gives of
 * rows that are in memory. Memory: a state of metrics for each partition and group, 64 MiB together.
 */
export class GroupedScores {
  readonly #facts: Pick<OutOfFoldFacts, 'foldCount' | 'isByDate'>;
  readonly #target: TargetSpec;
  readonly #metric: MetricName;
  readonly #seed: number;
  readonly #newStates: () => MetricStates;
  /** By partition, the holdout last, then by group. */
  readonly #states: readonly MetricStates[];
  readonly #rowCounts: Float64Array;

  constructor(
    facts: Pick<OutOfFoldFacts, 'foldCount' | 'isByDate'>,
    target: TargetSpec,
    metric: MetricName,
    seed: number,
  ) {
    this.#facts = facts;
    this.#target = target;
    this.#metric = metric;
    this.#seed = seed;
    const count = (facts.foldCount + 1) * NOISE_GROUPS;
    this.#newStates = statesMaker(target, count);
    this.#states = Array.from({ length: count }, this.#newStates);
    this.#rowCounts = new Float64Array(count);
  }

  add(block: OutOfFold): void {
    const groups = noiseGroups(block.rows, this.#seed);
    const stateOf = Uint32Array.from(groups, (group, place) => {
      const partition = block.partitions[place] ?? HOLDOUT;
      return this.#partAt(partition) * NOISE_GROUPS + group;
    });
    for (const [index, places] of placesByKey(stateOf, this.#states.length).entries()) {
      if (places.length === 0) continue;
      this.#rowCounts[index] = (this.#rowCounts[index] ?? 0) + places.length;
      this.#states[index]?.add(metricInputAt(block, this.#target, places));
    }
  }

  /** Rows of a partition. */
  rowCount(partition: number): number {
    const first = this.#partAt(partition) * NOISE_GROUPS;
    return this.#rowCounts.subarray(first, first + NOISE_GROUPS).reduce((sum, count) => sum + count, 0);
  }

  /** Of a partition, without a group; null where it is undefined or has no rows. */
  ofPartition(partition: number, without: number | null): number | null {
    return this.#valueOf([partition], without) ?? null;
  }

  /** Of the rows that rank models, without a group: of all folds together, of backtests the mean. */
  ranked(without: number | null): number | null {
    const folds = Array.from({ length: this.#facts.foldCount }, (_, fold) => fold);
    if (this.#facts.isByDate !== true) return this.#valueOf(folds, without) ?? null;
    const found = folds.map((fold) => this.#valueOf([fold], without)).filter((value) => value !== undefined);
    if (found.length === 0 || found.includes(null)) return null;
    return found.reduce<number>((sum, value) => sum + (value ?? NaN), 0) / found.length;
  }

  #partAt(partition: number): number {
    return partition === HOLDOUT ? this.#facts.foldCount : partition;
  }

  /** @returns null where it is undefined; undefined where there are no rows */
  #valueOf(partitions: readonly number[], without: number | null): number | null | undefined {
    const merged = this.#newStates();
    let rowCount = 0;
    for (const partition of partitions)
      for (let group = 0; group < NOISE_GROUPS; group += 1) {
        const index = this.#partAt(partition) * NOISE_GROUPS + group;
        const states = this.#states[index];
        if (group === without || states === undefined) continue;
        merged.merge(states);
        rowCount += this.#rowCounts[index] ?? 0;
      }
    return rowCount === 0 ? undefined : (merged.results()[this.#metric] ?? null);
  }
}

/** The places of each key, ascending. */
function placesByKey(keys: Uint32Array, keyCount: number): Uint32Array[] {
  const counts = new Uint32Array(keyCount);
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  const places = Array.from(counts, (count) => new Uint32Array(count));
  const filled = new Uint32Array(keyCount);
  for (let place = 0; place < keys.length; place += 1) {
    const key = keys[place] ?? 0;
    const own = places[key];
    if (own !== undefined) own[filled[key] ?? 0] = place;
    filled[key] = (filled[key] ?? 0) + 1;
  }
  return places;
}
