import { createRandom, type Random } from '#statistics';

/** Splits `size` values at seeded places into `parts` ranges, some of which may be empty. */
export function splits(random: Random, size: number, parts: number): [number, number][] {
  const cuts = Array.from({ length: parts - 1 }, () => random.below(size + 1)).sort((a, b) => a - b);
  const edges = [0, ...cuts, size];
  return edges.slice(1).map((edge, i) => [edges[i] ?? 0, edge]);
}

/** Makes one sketch per part and merges them as a seeded tree: two neighbours at a time, so that any bracketing occurs. */
export function mergeAtRandom<T>(random: Random, parts: readonly T[], merge: (into: T, other: T) => void): T {
  const left = [...parts];
  while (left.length > 1) {
    const at = random.below(left.length - 1);
    const [into, other] = left.slice(at, at + 2);
    if (into === undefined || other === undefined) throw new Error('two neighbours were expected');
    merge(into, other);
    left.splice(at + 1, 1);
  }
  const [merged] = left;
  if (merged === undefined) throw new Error('parts were expected');
  return merged;
}

/** Approximately normal values, by the sum of twelve uniform ones. */
export function normals(seed: number, size: number, mean = 0, deviation = 1): Float64Array {
  const random = createRandom(seed);
  return new Float64Array(size).map(() => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += random.uniform();
    return mean + deviation * sum;
  });
}

/** The value as it comes back from being written as JSON. */
export const throughJson = <T>(data: T): T => JSON.parse(JSON.stringify(data)) as T;
