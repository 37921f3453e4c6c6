import type { ManifestContent } from '#contracts';
import { kilometresBetween, placesOf, writeDistance, type DistanceStep, type FeatureValues } from '#scoring';
import { stepsWithColumns } from './steps-with-columns.ts';

/** The columns of a distance, and those with the latitudes and longitudes of its two places. */
export interface ColumnDistance {
  /** Features with the columns of their numbers: one of a number, two of a feature that is a place. */
  readonly inputs: readonly (readonly [feature: number, column: number])[];
  /** Fills the four columns of numbers from decoded features. */
  writeNumbers(decoded: ReadonlyMap<number, FeatureValues>, values: Float64Array, columnCount: number): void;
  /** Makes the columns of a row, which begins at `start`, anew. */
  follow(values: Float64Array, start: number): void;
}

/** @param firstNumbers column from which on latitudes and longitudes come, four a distance */
export const placeDistances = (steps: ManifestContent['steps'], firstNumbers: number): ColumnDistance[] =>
  stepsWithColumns(steps, 'place-distance', { first: firstNumbers, width: 4 }, columnDistance);

function columnDistance(step: DistanceStep, column: number, numbers: number): ColumnDistance {
  const { feature, longitude, other, otherLongitude } = step;
  return {
    inputs: [feature, longitude ?? feature, other, otherLongitude ?? other].map((input, place) => [
      input,
      numbers + place,
    ]),
    writeNumbers: (decoded, values, columnCount) => {
      const [own, others] = [placesOf(decoded, feature, longitude), placesOf(decoded, other, otherLongitude)];
      if (own === null || others === null) return;
      const columns = [own.latitudes, own.longitudes, others.latitudes, others.longitudes];
      for (const [place, from] of columns.entries())
        for (let row = 0, at = numbers + place; at < values.length; row += 1, at += columnCount)
          values[at] = from[row] ?? NaN;
    },
    follow: (values, start) => {
      const numberAt = (place: number): number => values[start + numbers + place] ?? NaN;
      writeDistance(
        step,
        kilometresBetween(numberAt(0), numberAt(1), numberAt(2), numberAt(3)),
        values,
        start + column,
      );
    },
  };
}
