import { DISTANCE_MEASURES, PLACE_PARTS, type DistanceMeasure, type FeatureType, type PlacePart } from '#contracts';
import type { Reading } from './reading.ts';
import { isFactorization, isLinear } from './settings.ts';

/** Indices of two features that are the latitude and the longitude of one place. */
export interface PlacePair {
  readonly latitude: number;
  readonly longitude: number;
}

/** A place: the index of a feature that is read as places, or those of its latitude and its longitude. */
export interface Place {
  readonly feature: number;
  readonly longitude: number | null;
}

/** What a model reads of places. */
export interface PlaceColumns {
  readonly pairs: readonly PlacePair[];
  /** Whether these have directions. */
  readonly directions: boolean;
  /** Sizes of cells that all places have. */
  readonly cellSizes: number;
  /** Columns of a feature that is a place. */
  readonly parts: readonly PlacePart[];
  /** Two places of a row each. */
  readonly distances: readonly (readonly [Place, Place])[];
  /** Columns of each distance. */
  readonly measures: readonly DistanceMeasure[];
}

/** Places that columns are made of, the first ones: 6 distances. */
export const PLACES_MAX = 4;

const LATITUDES = ['latitude', 'lat'];
const LONGITUDES = ['longitude', 'long', 'lon', 'lng'];

/** What models read that read no feature. */
const NO_PLACES: PlaceColumns = {
  ...{ pairs: [], directions: false, cellSizes: 0, parts: ['latitude', 'longitude'] },
  ...{ distances: [], measures: ['kilometres'] },
};

/**
 * Pairs of numbers that are places by their names, in the order of their latitudes: one word of the name (`lat`, `latitude`; `lon`,
 * `lng`, `long`, `longitude`, in any case) tells which of the two it is, all others are the same.
 */
export function placePairs(features: readonly { readonly name: string; readonly type: FeatureType }[]): PlacePair[] {
  const numbers = features.flatMap(({ name, type }, index) => (type === 'numeric' ? [{ index, name }] : []));
  const longitudeOf = new Map<string, number>();
  for (const { name, index } of numbers) {
    const place = placeName(name, LONGITUDES);
    if (place !== null && !longitudeOf.has(place)) longitudeOf.set(place, index);
  }
  const latitudes = new Set<string>();
  const pairs = numbers.flatMap(({ name, index }): PlacePair[] => {
    const place = placeName(name, LATITUDES);
    const longitude = place === null ? undefined : longitudeOf.get(place);
    if (place === null || longitude === undefined || latitudes.has(place)) return [];
    latitudes.add(place);
    return [{ latitude: index, longitude }];
  });
  return pairs.slice(0, PLACES_MAX);
}

/** The words of a name without the one that is wanted; null where there is none, or more than one. */
function placeName(name: string, wanted: readonly string[]): string | null {
  const words = name
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u);
  const others = words.filter((word) => !wanted.includes(word));
  return others.length === words.length - 1 ? others.join(' ') : null;
}

/** Each two of the first places of a row, by the order of their features: those that are places by their type, and pairs of numbers. */
function placesApart(
  pairs: readonly PlacePair[],
  features: readonly { readonly type: FeatureType }[],
): [Place, Place][] {
  const places = [
    ...pairs.map(({ latitude, longitude }): Place => ({ feature: latitude, longitude })),
    ...features.flatMap(({ type }, feature): Place[] => (type === 'geo' ? [{ feature, longitude: null }] : [])),
  ];
  const first = places.sort((a, b) => a.feature - b.feature).slice(0, PLACES_MAX);
  return first.flatMap((to, place) => first.slice(0, place).map((from): [Place, Place] => [from, to]));
}

/**
 * What becomes of places: directions are for trees and broken lines, since straight lines have them in their sum already; cells for linear models,
 * since trees find their own. Distances are for all but forests; straight lines have their logarithms beside them, and bend by the two (ADR 63). A pair
 * has none of these with a feature that predictions are to rise or fall with: through them they might not.
 */
export function placeColumnsOf(
  { settings, uses }: Pick<Reading, 'settings' | 'uses'>,
  features: readonly { readonly name: string; readonly type: FeatureType }[],
  monotonic: { readonly increasing: readonly string[]; readonly decreasing: readonly string[] },
): PlaceColumns {
  if (settings === null) return NO_PLACES;
  const isFree = (index: number): boolean =>
    ![...monotonic.increasing, ...monotonic.decreasing].includes(features[index]?.name ?? '');
  const pairs = placePairs(features).filter(({ latitude, longitude }) => isFree(latitude) && isFree(longitude));
  const isStraight = isFactorization(settings) || (isLinear(settings) && settings.pieces === 1);
  return {
    pairs,
    directions: uses('place-directions'),
    cellSizes: isLinear(settings) && uses('place-cells') ? (settings.placeCells ?? 0) : 0,
    parts: isStraight ? ['latitude', 'longitude'] : PLACE_PARTS,
    distances: uses('place-distance') ? placesApart(pairs, features) : [],
    measures: isStraight ? DISTANCE_MEASURES : ['kilometres'],
  };
}

/** Columns of places of more than one feature: of latitudes with longitudes, and of distances. */
export const placeColumnCount = ({ pairs, directions, cellSizes, distances, measures }: PlaceColumns): number =>
  pairs.length * ((directions ? 2 : 0) + cellSizes) + distances.length * measures.length;
