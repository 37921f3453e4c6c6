/** A running sum with the rounding errors it has met; the sum proper is {@link sumOf}. */
export interface CompensatedSum {
  sum: number;
  compensation: number;
}

/** A sum of nothing: 0. */
export function emptySum(): CompensatedSum {
  return { sum: 0, compensation: 0 };
}

/**
 * Adds one term. The relative error of the result is about 1e-16 + n * 1e-32 * sum(|x|) / |sum(x)|, whatever the order.
 * @see A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54 (1974), method IV
 */
export function addTerm(total: CompensatedSum, term: number): void {
  const before = total.sum;
  const after = before + term;
  total.compensation += Math.abs(before) >= Math.abs(term) ? before - after + term : term - after + before;
  total.sum = after;
}

/** The value of a running sum. Infinite and NaN terms give what plain addition gives. */
export function sumOf(total: CompensatedSum): number {
  const corrected = total.sum + total.compensation;
  return Number.isFinite(total.sum) ? corrected : total.sum;
}

/** Adds another running sum to `total`, with the rounding errors that both have met. */
export function addSum(total: CompensatedSum, other: Readonly<CompensatedSum>): void {
  addTerm(total, other.sum);
  total.compensation += other.compensation;
}

/** Compensated sum of `values[from..to)`; 0 of nothing. @see {@link addTerm} */
export function neumaierSum(values: ArrayLike<number>, from = 0, to = values.length): number {
  const total = emptySum();
  for (let i = from; i < to; i++) addTerm(total, values[i] ?? 0);
  return sumOf(total);
}

/** Several running sums side by side, for sums by class. */
export interface CompensatedSums {
  readonly sums: Float64Array;
  readonly compensations: Float64Array;
}

export function emptySums(size: number): CompensatedSums {
  return { sums: new Float64Array(size), compensations: new Float64Array(size) };
}

/** Adds one term to the sum at `index`. @see {@link addTerm} */
export function addTermAt(totals: CompensatedSums, index: number, term: number): void {
  const before = totals.sums[index] ?? 0;
  const after = before + term;
  const error = Math.abs(before) >= Math.abs(term) ? before - after + term : term - after + before;
  totals.sums[index] = after;
  totals.compensations[index] = (totals.compensations[index] ?? 0) + error;
}

/** Adds other running sums, each to the one at its index. */
export function addSums(totals: CompensatedSums, others: CompensatedSums): void {
  others.sums.forEach((sum, index) => {
    addTermAt(totals, index, sum);
    totals.compensations[index] = (totals.compensations[index] ?? 0) + (others.compensations[index] ?? 0);
  });
}

/** The values of all the sums. */
export function sumsOf(totals: CompensatedSums): Float64Array {
  return totals.sums.map((sum, i) => (Number.isFinite(sum) ? sum + (totals.compensations[i] ?? 0) : sum));
}
