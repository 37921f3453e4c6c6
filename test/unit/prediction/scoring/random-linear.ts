import { CATEGORY_COLUMN, NUMBER_COLUMN, type LinearArrays } from '#scoring';
import type { RandomGenerator } from './support.ts';

/** A random linear model of numbers and categories by turns, each with 0 to 6 points; means are 0. */
export function randomLinear(random: RandomGenerator, columnCount: number, outputCount: number): LinearArrays {
  const pointOffset = [0];
  const knots: number[] = [];
  for (let column = 0; column < columnCount; column += 1) {
    const count = random.integer(7);
    let place = -4;
    for (let point = 0; point < count; point += 1) {
      place += 0.1 + random.next() * 3;
      knots.push(column % 2 === 0 ? place : point);
    }
    pointOffset.push(knots.length);
  }
  const values = (count: number): Float64Array => Float64Array.from({ length: count }, () => random.next() * 2 - 1);
  return {
    outputCount,
    columnCount,
    intercept: values(outputCount),
    columnKind: Uint8Array.from({ length: columnCount }, (_, i) => (i % 2 === 0 ? NUMBER_COLUMN : CATEGORY_COLUMN)),
    pointOffset: Int32Array.from(pointOffset),
    knot: Float64Array.from(knots),
    value: values(knots.length * outputCount),
    otherwise: values(columnCount * outputCount),
    mean: new Float64Array(columnCount * outputCount),
  };
}
