import type { ManifestStep } from '#contracts';
import { LATITUDE_MAX, LONGITUDE_MAX, type FeatureValues } from '#scoring';
import type { Place, PlaceColumns } from '../../blueprints/places.ts';
import type { Member, TrainingGroups } from '../row-roles.ts';
import { keptPlaces } from './kept-places.ts';

/** Digits that a width keeps in an artefact. */
const WIDTH_DIGITS = 8;

/** What a pass over the features finds of places. */
export interface PlaceSurvey {
  /** Adds rows of a feature, which may be none of a place. */
  add(feature: number, decoded: FeatureValues, rowCount: number, firstRow: number): void;
  /** The steps of a member, by its training rows. */
  steps(member: Member): ManifestStep[];
}

/** The numbers of a feature that are there, by group of training rows. */
interface Numbers {
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  /** The largest without its sign. */
  readonly most: Float64Array;
}

/**
 * Gathers where the places are: the width of a degree of longitude is the cosine of the mean latitude of a member's training
 * rows. Names alone do not make a place: a pair with a number beyond what degrees can be in these rows has no step, and so has
 * one without any number.
 *
 * Memory: six numbers a pair and fold, and what `keptPlaces` keeps where there are cells.
 *
 * @param isKept the rows that cells are made of
 */
export function placeSurvey(
  { pairs, directions, cellSizes, distances, measures }: PlaceColumns,
  groups: TrainingGroups,
  isKept: (row: number) => boolean,
): PlaceSurvey {
  const places = pairs.map((pair) => ({ ...pair, kept: cellSizes > 0 ? keptPlaces(groups, isKept, cellSizes) : null }));
  const numbersOf = new Map(
    pairs
      .flatMap(({ latitude, longitude }) => [latitude, longitude])
      .map((feature): [number, Numbers] => [feature, noNumbers(groups.count)]),
  );
  return {
    add: (feature, decoded, rowCount, firstRow) => {
      const numbers = numbersOf.get(feature);
      if (numbers === undefined || decoded.kind !== 'number') return;
      for (let row = 0; row < rowCount; row += 1) addNumber(numbers, groups.of(firstRow + row), decoded.values[row]);
      for (const { latitude, longitude, kept } of places) {
        if (feature === latitude) kept?.addLatitudes(decoded.values, rowCount, firstRow);
        if (feature === longitude) kept?.addLongitudes(decoded.values, rowCount, firstRow);
      }
    },
    steps: (member) => {
      const trains = groups.trains(member);
      const found = places.flatMap((place) => {
        const [north, east] = [place.latitude, place.longitude].map((index) => factsOf(numbersOf.get(index), trains));
        if (north === undefined || east === undefined || north.count === 0 || east.count === 0) return [];
        if (north.most > LATITUDE_MAX || east.most > LONGITUDE_MAX) return [];
        return [{ ...place, width: widthAt(north.mean) }];
      });
      const isFound = ({ feature, longitude }: Place): boolean =>
        longitude === null || found.some(({ latitude }) => latitude === feature);
      return [
        ...found.flatMap(({ latitude, longitude, width, kept }): ManifestStep[] => {
          const cells = kept?.cellsOf(member, width) ?? null;
          return [
            ...(directions ? [{ kind: 'place-directions' as const, feature: latitude, longitude, width }] : []),
            ...(cells === null ? [] : [{ kind: 'place-cells' as const, feature: latitude, longitude, ...cells }]),
          ];
        }),
        ...distances
          .filter(([from, to]) => isFound(from) && isFound(to))
          .map(([from, { feature: other, longitude: otherLongitude }]): ManifestStep => ({
            kind: 'place-distance',
            ...from,
            ...{ other, otherLongitude, measures: [...measures] },
          })),
      ];
    },
  };
}

/** Length of a degree of longitude in degrees of latitude, at a latitude. */
export function widthAt(latitude: number): number {
  const cosine = Math.cos((latitude * Math.PI) / 180);
  return Number(Math.max(0, cosine).toPrecision(WIDTH_DIGITS));
}

export const noNumbers = (count: number): Numbers => ({
  counts: new Float64Array(count),
  sums: new Float64Array(count),
  most: new Float64Array(count),
});

export function addNumber({ counts, sums, most }: Numbers, group: number, value = NaN): void {
  if (group < 0 || Number.isNaN(value)) return;
  counts[group] = (counts[group] ?? 0) + 1;
  sums[group] = (sums[group] ?? 0) + value;
  most[group] = Math.max(most[group] ?? 0, Math.abs(value));
}

export function factsOf({ counts, sums, most }: Numbers = noNumbers(0), trains: (group: number) => boolean) {
  let [count, sum, largest] = [0, 0, 0];
  for (let group = 0; group < counts.length; group += 1) {
    if (!trains(group)) continue;
    count += counts[group] ?? 0;
    sum += sums[group] ?? 0;
    largest = Math.max(largest, most[group] ?? 0);
  }
  return { count, mean: sum / count, most: largest };
}
