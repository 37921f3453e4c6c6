import type { InputFeature } from './feature-values.ts';
import type { PlacedStep } from './placed-steps.ts';
import { historyTable, type HistoryTable } from './series-history.ts';

/** The columns of a history; `place` is that of the row's series, -1 where it is not known. */
export interface HistoryTarget {
  readonly column: number;
  readonly date: number;
  readonly table: HistoryTable;
  readonly restPlace: number;
  place: number;
}

/** The histories that single rows are looked up in. */
export interface RowHistories {
  /** By the index of their step. */
  readonly byStep: ReadonlyMap<number, HistoryTarget>;
  /** Forgets the series of the row before. */
  reset(): void;
  /** Writes all columns; `numbers` has the row's dates by feature. */
  write(numbers: Float64Array, values: Float64Array): void;
}

/** @param steps steps that are used */
export function rowHistories(features: readonly InputFeature[], steps: readonly PlacedStep[]): RowHistories {
  const byStep = new Map<number, HistoryTarget>();
  for (const { number, step, first } of steps) {
    if (step.kind !== 'series-history') continue;
    const isNumber = step.series !== null && features[step.series]?.parse.kind === 'number';
    const table = historyTable(step, isNumber);
    const restPlace = step.series === null ? table.placeOf('') : -1;
    byStep.set(number, { column: first, date: step.feature, table, restPlace, place: restPlace });
  }
  const all = [...byStep.values()];
  return {
    byStep,
    reset: () => {
      for (const history of all) history.place = history.restPlace;
    },
    write: (numbers, values) => {
      for (const { table, place, date, column: first } of all) table.write(place, numbers[date] ?? NaN, values, first);
    },
  };
}
