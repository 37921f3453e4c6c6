import type { Coefficients } from './design.ts';

/**
 * What is added to the loss of the rows at hand, of each coefficient b: square / 2 x b^2 - linear x b. So rows that are not at hand
 * have their say; see `correctedPath`.
 */
export interface Tilt {
  readonly linear: Coefficients;
  /** Not negative. */
  readonly square: Coefficients;
}

/** The part of one block. */
export interface BlockTilt {
  readonly linear: Float64Array;
  readonly square: Float64Array;
}

export const NO_TILT: BlockTilt = { linear: new Float64Array(0), square: new Float64Array(0) };

export const tiltOfBlock = ({ linear, square }: Tilt, index: number): BlockTilt => ({
  linear: linear.blocks[index] ?? NO_TILT.linear,
  square: square.blocks[index] ?? NO_TILT.square,
});

/** What it adds at some coefficients. */
export function tiltOf({ intercept, blocks }: Coefficients, { linear, square }: Tilt): number {
  let sum = (square.intercept / 2) * intercept * intercept - linear.intercept * intercept;
  for (const [index, block] of blocks.entries()) {
    const [slopes, curves] = [linear.blocks[index], square.blocks[index]];
    for (let level = 0; level < block.length; level += 1) {
      const value = block[level] ?? 0;
      sum += ((curves?.[level] ?? 0) / 2) * value * value - (slopes?.[level] ?? 0) * value;
    }
  }
  return sum;
}
