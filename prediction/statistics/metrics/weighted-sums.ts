import { AppError } from '#contracts';
import { addSum, emptySum, sumOf, type CompensatedSum } from '../numeric/compensated-sum.ts';
import { checkedRows, type MetricInput } from './metric-input.ts';
import type { MetricResults, MetricStates } from './metric-states.ts';

/** The sum of the weights, and sums of weight x term by name. */
export interface WeightedSums<Name extends string> {
  readonly total: CompensatedSum;
  readonly of: Readonly<Record<Name, CompensatedSum>>;
}

export function weightedSums<Name extends string>(names: readonly Name[]): WeightedSums<Name> {
  // A record of all names, and of nothing else.
  const of = Object.fromEntries(names.map((name) => [name, emptySum()])) as Record<Name, CompensatedSum>;
  return { total: emptySum(), of };
}

/** The rows of positive weight; others count as absent. @throws INTERNAL when the input breaks its promises */
export function forEachWeighted(input: MetricInput, sink: (row: number, weight: number) => void): void {
  const { rowCount, weight } = checkedRows(input);
  for (let row = 0; row < rowCount; row += 1) {
    const own = weight === undefined ? 1 : (weight[row] ?? 0);
    if (own > 0) sink(row, own);
  }
}

export function mergeSums<Name extends string>(sums: WeightedSums<Name>, others: WeightedSums<Name>): void {
  addSum(sums.total, others.total);
  // The names are those of both.
  for (const name of Object.keys(sums.of) as Name[]) addSum(sums.of[name], others.of[name]);
}

/** Mean of a term, as `weightedMean` gives it. */
export const meanOfSum = <Name extends string>({ total, of }: WeightedSums<Name>, name: Name): number =>
  sumOf(of[name]) / sumOf(total);

/** What is defined and finite of these values. */
export function definedOf(values: Readonly<Record<string, number | undefined>>): MetricResults {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && Number.isFinite(value)),
  );
}

/** @throws INTERNAL unless the other state is of the same kind */
export function sameKind<S extends MetricStates>(kind: new (...args: never[]) => S, other: MetricStates): S {
  if (other instanceof kind) return other;
  throw new AppError('INTERNAL', 'metrics: states of two target types cannot be merged');
}
