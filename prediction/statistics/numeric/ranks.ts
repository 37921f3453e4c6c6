import { indicesWhere } from './indices.ts';
import { ascendingOrder } from './order.ts';

/** Ranks from 0 of the numbers that are there, equal ones with the mean of theirs; NaN where missing. */
export function averageRanks(values: Float64Array): Float64Array {
  const there = indicesWhere(values.length, (row) => !Number.isNaN(values[row]));
  const order = ascendingOrder(Float64Array.from(there, (row) => values[row] ?? 0));
  const ranks = new Float64Array(values.length).fill(NaN);
  const rowAt = (place: number): number => there[order[place] ?? 0] ?? 0;
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[rowAt(to)] === values[rowAt(from)]) to += 1;
    for (let place = from; place < to; place += 1) ranks[rowAt(place)] = (from + to - 1) / 2;
    from = to;
  }
  return ranks;
}
