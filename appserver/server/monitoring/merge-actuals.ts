import type { Actual } from '#store';

/** What outcomes do to those that are known. */
export interface MergedActuals {
  /** One of each id: what is to be kept in place of what is known, in order of first appearance. */
  readonly kept: readonly Actual[];
  readonly added: number;
  readonly corrected: number;
  readonly repeated: number;
  readonly outdated: number;
}

type Known = Pick<Actual, 'actual' | 'atMs'>;

/**
 * Merges outcomes in the order in which they were sent: of two of an id the one of the later time holds, of equal times the one that was
 * sent later.
 *
 * @param known by key
 */
export function mergeActuals(known: ReadonlyMap<string, Known>, actuals: readonly Actual[]): MergedActuals {
  const kept = new Map<string, Actual>();
  let [added, corrected, repeated, outdated] = [0, 0, 0, 0];
  for (const actual of actuals) {
    const before = kept.get(actual.key) ?? known.get(actual.key);
    if (before !== undefined && actual.atMs < before.atMs) {
      if (actual.actual === before.actual) repeated += 1;
      else outdated += 1;
      continue;
    }
    if (before === undefined) added += 1;
    else if (before.actual === actual.actual) repeated += 1;
    else corrected += 1;
    kept.set(actual.key, actual);
  }
  return { kept: [...kept.values()], added, corrected, repeated, outdated };
}
