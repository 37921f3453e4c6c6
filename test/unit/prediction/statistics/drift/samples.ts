import type { Random } from '#statistics';

/** Counts of a sample of a distribution over bins. */
export function sampled(shares: readonly number[], count: number, random: Random): number[] {
  const counts = shares.map(() => 0);
  for (let drawn = 0; drawn < count; drawn += 1) {
    let left = random.uniform();
    let bin = 0;
    while (bin < shares.length - 1 && left >= (shares[bin] ?? 0)) {
      left -= shares[bin] ?? 0;
      bin += 1;
    }
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}
