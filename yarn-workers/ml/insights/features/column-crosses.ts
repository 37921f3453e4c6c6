import type { ManifestContent } from '#contracts';
import { crossTable, rowPlaces, type CrossStep, type FeatureValues } from '#scoring';
import { stepsWithColumns } from './steps-with-columns.ts';

/** The column of a cross, and those with the places of its two features' keys. */
export interface ColumnCross {
  readonly step: CrossStep;
  readonly ownColumn: number;
  readonly otherColumn: number;
  /** Fills the two columns from decoded features. */
  writeKeys(decoded: ReadonlyMap<number, FeatureValues>, values: Float64Array, columnCount: number): void;
  /** Makes the column of a row, which begins at `start`, anew. */
  follow(values: Float64Array, start: number): void;
}

/** @param firstKeys column from which on places of keys come, two a cross */
export const placeCrosses = (steps: ManifestContent['steps'], firstKeys: number): ColumnCross[] =>
  stepsWithColumns(steps, 'category-cross', { first: firstKeys, width: 2 }, columnCross);

function columnCross(step: CrossStep, column: number, ownColumn: number): ColumnCross {
  const otherColumn = ownColumn + 1;
  const { sides, codeAt } = crossTable(step);
  return {
    ...{ step, ownColumn, otherColumn },
    writeKeys: (decoded, values, columnCount) => {
      const [own, other] = [decoded.get(step.feature), decoded.get(step.other)];
      if (own === undefined || other === undefined) return;
      const [placeOf, otherPlaceOf] = [rowPlaces(sides[0])(own), rowPlaces(sides[1])(other)];
      for (let row = 0, start = 0; start < values.length; row += 1, start += columnCount) {
        values[start + ownColumn] = placeOf(row);
        values[start + otherColumn] = otherPlaceOf(row);
      }
    },
    follow: (values, start) => {
      values[start + column] = codeAt(values[start + ownColumn] ?? NaN, values[start + otherColumn] ?? NaN);
    },
  };
}
