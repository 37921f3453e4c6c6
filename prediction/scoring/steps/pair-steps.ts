import type { ManifestStep } from '#contracts';
import { daysBetween } from './date-parts.ts';

/** A step that reads two features. */
export type PairStep = Extract<ManifestStep, { kind: 'date-difference' | 'place-directions' }>;

export const isPairStep = (step: ManifestStep): step is PairStep =>
  step.kind === 'date-difference' || step.kind === 'place-directions';

/** The features that a step reads, its own first. */
export const pairInputs = (step: PairStep): readonly [number, number] => [
  step.feature,
  step.kind === 'date-difference' ? step.minus : step.longitude,
];

/** Columns that a step makes. */
export const pairColumnCount = (step: PairStep): number => (step.kind === 'date-difference' ? 1 : 2);

/** Writes a step's columns of a row at `out[at]` and on, from the numbers of its features; NaN where one is missing. */
export function writePair(step: PairStep, own: number, other: number, out: Float64Array, at: number): void {
  if (step.kind === 'date-difference') out[at] = daysBetween(other, own);
  else writeDirections(own, other, step.width, out, at);
}

/**
 * How far a place lies to the north-east and to the north-west, in degrees of latitude times the root of 2: trees cut along
 * latitude and longitude only, and coasts, rivers and roads run as they like.
 *
 * @param width length of a degree of longitude in degrees of latitude
 */
export function writeDirections(
  latitude: number,
  longitude: number,
  width: number,
  out: Float64Array,
  at: number,
): void {
  const east = longitude * width;
  out[at] = latitude + east;
  out[at + 1] = latitude - east;
}
