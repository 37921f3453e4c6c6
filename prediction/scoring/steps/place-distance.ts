import type { DistanceMeasure, ManifestStep } from '#contracts';
import { LATITUDE_MAX, LONGITUDE_MAX } from '../parse/place.ts';
import type { FeatureValues, InputFeature, PlaceValues } from './feature-values.ts';
import type { PlacedStep } from './placed-steps.ts';

export type DistanceStep = Extract<ManifestStep, { kind: 'place-distance' }>;

/** Mean radius of the Earth, in kilometres. @see Moritz 2000, "Geodetic Reference System 1980", R1 */
const EARTH_RADIUS_KM = 6371.0088;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;
const haversine = (angle: number): number => Math.sin(angle / 2) ** 2;

/**
 * Kilometres between two places along a great circle of a sphere, 0 to 20,015.1; the ellipsoid differs by up to 0.6 %. The same both ways.
 *
 * @returns NaN where a number is missing or no degrees: a latitude beyond 90 or a longitude beyond 360, of either sign
 * @see Sinnott 1984, "Virtues of the Haversine", Sky and Telescope 68 (2), 159: exact where places are near each other, too
 */
export function kilometresBetween(
  latitude: number,
  longitude: number,
  otherLatitude: number,
  otherLongitude: number,
): number {
  if (!(isPlace(latitude, longitude) && isPlace(otherLatitude, otherLongitude))) return NaN;
  const [own, other] = [radians(latitude), radians(otherLatitude)];
  const across = Math.cos(own) * Math.cos(other) * haversine(radians(longitude - otherLongitude));
  // Rounding may take the sum of opposite places above 1.
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(Math.min(1, haversine(own - other) + across)));
}

const isPlace = (latitude: number, longitude: number): boolean =>
  Math.abs(latitude) <= LATITUDE_MAX && Math.abs(longitude) <= LONGITUDE_MAX;

/** The features that a step reads, its own first. */
export const distanceInputs = ({ feature, longitude, other, otherLongitude }: DistanceStep): readonly number[] =>
  [feature, longitude, other, otherLongitude].filter((index) => index !== null);

/** Writes a step's columns of a distance at `out[at]` and on; NaN where it is missing. */
export function writeDistance({ measures }: DistanceStep, kilometres: number, out: Float64Array, at: number): void {
  for (let i = 0; i < measures.length; i += 1) out[at + i] = measured(kilometres, measures[i] ?? 'kilometres');
}

function measured(kilometres: number, measure: DistanceMeasure): number {
  switch (measure) {
    case 'kilometres':
      return kilometres;
    case 'log-kilometres':
      return Math.log1p(kilometres);
  }
}

/** Proves that each place is a feature that is read as places, or two numbers. @throws ARTIFACT_INVALID by `fail` */
export function checkDistance(
  { feature, longitude, other, otherLongitude }: DistanceStep,
  features: readonly InputFeature[],
  fail: (what: string) => never,
): void {
  for (const [latitude, beside] of [
    [feature, longitude],
    [other, otherLongitude],
  ] as const) {
    const kind = features[latitude]?.parse.kind;
    if (kind !== (beside === null ? 'geo' : 'number'))
      fail(`reads ${kind ?? 'nothing'} of feature ${latitude} with ${beside === null ? 'no' : 'a'} longitude beside`);
    if (beside !== null && features[beside]?.parse.kind !== 'number')
      fail(`has feature ${beside} as longitude, which is no number`);
  }
}

/** Latitudes and longitudes of rows by the features that they were decoded from; null where one of these was not. */
export function placesOf(
  decoded: ReadonlyMap<number, FeatureValues>,
  feature: number,
  longitude: number | null,
): Pick<PlaceValues, 'latitudes' | 'longitudes'> | null {
  const own = decoded.get(feature);
  if (longitude === null) return own?.kind === 'place' ? own : null;
  const beside = decoded.get(longitude);
  if (own?.kind !== 'number' || beside?.kind !== 'number') return null;
  return { latitudes: own.values, longitudes: beside.values };
}

/** The distances of single rows. */
export interface RowDistances {
  readonly count: number;
  /** Writes all columns; `numbers` has the row's numbers and latitudes by feature, then the longitudes of features that are places. */
  write(numbers: Float64Array, values: Float64Array): void;
}

/** @param steps steps that are used */
export function rowDistances(featureCount: number, steps: readonly PlacedStep[]): RowDistances {
  const distances = steps.flatMap(({ step, first }) => {
    if (step.kind !== 'place-distance') return [];
    const numbersOf = (feature: number, longitude: number | null) =>
      [feature, longitude ?? featureCount + feature] as const;
    return [
      { step, first, own: numbersOf(step.feature, step.longitude), other: numbersOf(step.other, step.otherLongitude) },
    ];
  });
  return {
    count: distances.length,
    write: (numbers, values) => {
      for (const { step, first, own, other } of distances) {
        const kilometres = kilometresBetween(
          numbers[own[0]] ?? NaN,
          numbers[own[1]] ?? NaN,
          numbers[other[0]] ?? NaN,
          numbers[other[1]] ?? NaN,
        );
        writeDistance(step, kilometres, values, first);
      }
    },
  };
}
