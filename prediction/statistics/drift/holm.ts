/**
 * P-values of several tests at once, raised so that at most one family of tests in 1 / alpha has any value of alpha or less by chance,
 * however the tests depend on each other, and also where some of them see a true change.
 *
 * @param pValues null: not tested, and counts as no test
 * @returns in the same order, each at least what it was and at most 1
 * @see S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979)
 */
export function holmAdjusted(pValues: readonly (number | null)[]): (number | null)[] {
  const tested = pValues
    .flatMap((pValue, place) => (pValue === null ? [] : [{ pValue, place }]))
    .sort((a, b) => a.pValue - b.pValue);
  const adjusted: (number | null)[] = pValues.map(() => null);
  let reached = 0;
  tested.forEach(({ pValue, place }, rank) => {
    reached = Math.min(1, Math.max(reached, (tested.length - rank) * pValue));
    adjusted[place] = reached;
  });
  return adjusted;
}
