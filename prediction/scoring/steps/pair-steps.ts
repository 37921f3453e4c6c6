import type { ManifestStep } from '#contracts';
import { daysBetween } from './date-parts.ts';
import { writeCells, writeDirections, type PlaceCells } from './place-steps.ts';

/** A step of a place whose latitude and longitude are two features. */
export type PlacePairStep =
  Extract<ManifestStep, { kind: 'place-directions' }> | (PlaceCells & { readonly longitude: number });

/** A step that reads two features. */
export type PairStep = Extract<ManifestStep, { kind: 'date-difference' }> | PlacePairStep;

export const isPlacePair = (step: ManifestStep): step is PlacePairStep =>
  step.kind === 'place-directions' || (step.kind === 'place-cells' && step.longitude !== null);

export const isPairStep = (step: ManifestStep): step is PairStep =>
  step.kind === 'date-difference' || isPlacePair(step);

/** The features that a step reads, its own first. */
export const pairInputs = (step: PairStep): readonly [number, number] => [
  step.feature,
  step.kind === 'date-difference' ? step.minus : step.longitude,
];

/** Writes a step's columns of a row at `out[at]` and on, from the numbers of its features; NaN where one is missing. */
export function writePair(step: PairStep, own: number, other: number, out: Float64Array, at: number): void {
  switch (step.kind) {
    case 'date-difference':
      out[at] = daysBetween(other, own);
      return;
    case 'place-directions':
      writeDirections(own, other, step.width, out, at);
      return;
    case 'place-cells':
      writeCells(step, own, other, out, at);
  }
}
