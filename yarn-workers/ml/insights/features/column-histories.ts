import { historyPlaces, historyTable, type FeatureValues, type HistoryStep } from '#scoring';
import type { ManifestContent } from '#contracts';
import { stepsWithColumns } from './steps-with-columns.ts';

/** The columns of a history, and those with what they are looked up by: seconds of the date, and the place of the series. */
export interface ColumnHistory {
  readonly step: HistoryStep;
  readonly secondsColumn: number;
  readonly placeColumn: number;
  /** Fills the two columns from decoded features. */
  writeKeys(decoded: ReadonlyMap<number, FeatureValues>, values: Float64Array, columnCount: number): void;
  /** Makes the columns of a row, which begins at `start`, anew. */
  follow(values: Float64Array, start: number): void;
}

/** @param stepColumns columns of all steps, after which those of the histories come, two each */
export const placeHistories = (steps: ManifestContent['steps'], stepColumns: number): ColumnHistory[] =>
  stepsWithColumns(steps, 'series-history', { first: stepColumns, width: 2 }, columnHistory);

function columnHistory(step: HistoryStep, column: number, secondsColumn: number): ColumnHistory {
  const placeColumn = secondsColumn + 1;
  // Places are found already, so it makes no difference what series were read as.
  const table = historyTable(step, false);
  return {
    step,
    secondsColumn,
    placeColumn,
    writeKeys: (decoded, values, columnCount) => {
      const dates = decoded.get(step.feature);
      const series = step.series === null ? null : decoded.get(step.series);
      if (dates?.kind !== 'number' || series === undefined) return;
      const { placeAt } = historyPlaces(step)(series);
      for (let row = 0, start = 0; start < values.length; row += 1, start += columnCount) {
        values[start + secondsColumn] = dates.values[row] ?? NaN;
        values[start + placeColumn] = placeAt(row);
      }
    },
    follow: (values, start) => {
      table.write(values[start + placeColumn] ?? -1, values[start + secondsColumn] ?? NaN, values, start + column);
    },
  };
}

/** Makes histories anew of the dates and series as they are now. */
export function followHistories(histories: readonly ColumnHistory[], values: Float64Array, columnCount: number): void {
  for (const history of histories)
    for (let start = 0; start < values.length; start += columnCount) history.follow(values, start);
}
