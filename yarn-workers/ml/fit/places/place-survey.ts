import type { ManifestStep } from '#contracts';
import { LATITUDE_MAX, LONGITUDE_MAX, type FeatureValues } from '#scoring';
import type { Place, PlaceColumns } from '../../blueprints/places.ts';
import type { Member, TrainingGroups } from '../row-roles.ts';
import { NO_PARTS, joinParts, partsOf, type StateParts } from '../survey/state-parts.ts';
import { addDegree, degreeParts, factsOf, mergeDegrees, noDegrees, widthAt } from './degrees.ts';
import { keptPlaces } from './kept-places.ts';

/** What the rows of a span tell of places. */
export interface PlaceGatherer {
  /** Adds rows of a feature, which may be none of a place. */
  add(feature: number, decoded: FeatureValues, rowCount: number, firstRow: number): void;
  /** Once. */
  parts(): StateParts;
}

/** What a pass over the features finds of places. */
export interface PlaceSurveyor {
  gather(): PlaceGatherer;
  merge(state: StateParts): void;
  /** The steps of a member, by its training rows. */
  steps(member: Member): ManifestStep[];
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
export function placeSurveyor(
  { pairs, directions, cellSizes, distances, measures }: PlaceColumns,
  groups: TrainingGroups,
  isKept: (row: number) => boolean,
): PlaceSurveyor {
  const places = pairs.map((pair) => ({ ...pair, kept: cellSizes > 0 ? keptPlaces(groups, isKept, cellSizes) : null }));
  const keepers = places.flatMap(({ kept }) => (kept === null ? [] : [kept]));
  const features = [...new Set(pairs.flatMap(({ latitude, longitude }) => [latitude, longitude]))];
  const degreesOf = new Map(features.map((feature) => [feature, noDegrees(groups.count)]));
  return {
    gather: () => placeGatherer(places, features, groups),
    merge: (state) => {
      const states = partsOf(state, features.length + keepers.length);
      for (const [index, degrees] of [...degreesOf.values()].entries())
        mergeDegrees(degrees, states[index] ?? NO_PARTS);
      for (const [index, kept] of keepers.entries()) kept.merge(states[features.length + index] ?? NO_PARTS);
    },
    steps: (member) => {
      const trains = groups.trains(member);
      const found = places.flatMap((place) => {
        const [north, east] = [place.latitude, place.longitude].map((index) => factsOf(degreesOf.get(index), trains));
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

function placeGatherer(
  places: readonly (PlaceColumns['pairs'][number] & { readonly kept: ReturnType<typeof keptPlaces> | null })[],
  features: readonly number[],
  groups: TrainingGroups,
): PlaceGatherer {
  const degreesOf = new Map(features.map((feature) => [feature, noDegrees(groups.count)]));
  const keepers = places.flatMap(({ latitude, longitude, kept }) =>
    kept === null ? [] : [{ latitude, longitude, keeper: kept.gather() }],
  );
  return {
    add: (feature, decoded, rowCount, firstRow) => {
      const degrees = degreesOf.get(feature);
      if (degrees === undefined || decoded.kind !== 'number') return;
      for (let row = 0; row < rowCount; row += 1) addDegree(degrees, groups.of(firstRow + row), decoded.values[row]);
      for (const { latitude, longitude, keeper } of keepers) {
        if (feature === latitude) keeper.addLatitudes(decoded.values, rowCount, firstRow);
        if (feature === longitude) keeper.addLongitudes(decoded.values, rowCount, firstRow);
      }
    },
    parts: () =>
      joinParts([...[...degreesOf.values()].map(degreeParts), ...keepers.map(({ keeper }) => keeper.parts())]),
  };
}
