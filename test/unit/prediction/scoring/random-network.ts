import { CATEGORY_COLUMN, type NetworkArrays } from '#scoring';
import { randomLinear } from './random-linear.ts';
import type { RandomGenerator } from './support.ts';

/** What of a random network may be chosen. */
export interface NetworkShape {
  readonly columnCount: number;
  readonly outputCount: number;
  readonly unitCount: number;
  /** Field of each column. @default fields of two columns, and one of the last */
  readonly columnField?: readonly number[];
  /** Inputs of a column at most. @default 3 */
  readonly sizeMax?: number;
  /** Largest weight of an input. @default 1 */
  readonly weightMax?: number;
}

/** A random network of numbers and categories by turns, each of 1 to `sizeMax` inputs, of which some are 0; means are anywhere in the unit circle. */
export function randomNetwork(random: RandomGenerator, shape: NetworkShape): NetworkArrays {
  const { columnCount, outputCount, unitCount, sizeMax = 3, weightMax = 1 } = shape;
  const { columnKind, pointOffset, knot } = randomLinear(random, columnCount, 1);
  const columnField = Int32Array.from(
    shape.columnField ?? Array.from({ length: columnCount }, (_, column) => Math.floor(column / 2)),
  );
  const columnSize = Int32Array.from({ length: columnCount }, () => 1 + random.integer(sizeMax));
  const inputCount = columnSize.reduce((sum, size) => sum + size, 0);
  const valueCount = columnSize.reduce(
    (sum, size, column) => sum + size * ((pointOffset[column + 1] ?? NaN) - (pointOffset[column] ?? NaN)),
    0,
  );
  const fieldCount = columnField.reduce((most, field) => Math.max(most, field + 1), 0);
  const numbers = (count: number, most: number): Float32Array =>
    Float32Array.from({ length: count }, () => most * (random.next() * 2 - 1));
  const someZero = (numbersOf: Float32Array): Float32Array =>
    numbersOf.map((value) => (random.integer(3) === 0 ? 0 : value));
  const means = Array.from(
    { length: fieldCount * unitCount },
    () => [random.next(), random.next() * 2 * Math.PI] as const,
  );
  return {
    outputCount,
    unitCount,
    columnCount,
    ...{ columnKind, pointOffset, knot, columnField, columnSize },
    intercept: Float64Array.from(numbers(outputCount, 1)),
    phase: numbers(unitCount, 3),
    inputWeight: numbers(inputCount * unitCount, weightMax),
    outputWeight: numbers(unitCount * outputCount, 1),
    value: someZero(numbers(valueCount, 1)),
    otherwise: someZero(numbers(inputCount, 1)),
    meanCosine: Float32Array.from(means, ([radius, angle]) => radius * Math.cos(angle)),
    meanSine: Float32Array.from(means, ([radius, angle]) => radius * Math.sin(angle)),
  };
}

/** The inputs of each column in a row, as they are defined. */
function inputsOfRow(model: NetworkArrays, row: readonly number[]): number[][] {
  const { columnKind, columnSize, pointOffset, knot, value, otherwise } = model;
  let first = 0;
  let firstValue = 0;
  return row.map((x, column) => {
    const size = columnSize[column] ?? NaN;
    const own = [...otherwise.subarray(first, (first += size))];
    const knots = [...knot.subarray(pointOffset[column], pointOffset[column + 1])];
    const values = knots.map(() => [...value.subarray(firstValue, (firstValue += size))]);
    if (Number.isNaN(x) || knots.length === 0) return own;
    if (columnKind[column] === CATEGORY_COLUMN) return x < 0 ? own : (values[Math.trunc(x)] ?? own);
    const after = knots.findIndex((place) => place > x);
    if (after === 0) return values[0] ?? [];
    if (after < 0) return values.at(-1) ?? [];
    const [before, next] = [values[after - 1] ?? [], values[after] ?? []];
    const [from, to] = [knots[after - 1] ?? NaN, knots[after] ?? NaN];
    return before.map((start, at) => start + (((next[at] ?? NaN) - start) * (x - from)) / (to - from));
  });
}

/** What each field adds to each unit's angle in a row: fields x units. */
export function anglesOfFields(model: NetworkArrays, row: readonly number[]): number[][] {
  const { unitCount, inputWeight, columnField } = model;
  const fieldCount = Math.max(-1, ...columnField) + 1;
  const angles = Array.from({ length: fieldCount }, () => new Array<number>(unitCount).fill(0));
  let input = 0;
  for (const [column, inputs] of inputsOfRow(model, row).entries())
    for (const value of inputs) {
      const own = angles[columnField[column] ?? 0] ?? [];
      for (let unit = 0; unit < unitCount; unit += 1)
        own[unit] = (own[unit] ?? NaN) + value * (inputWeight[input * unitCount + unit] ?? NaN);
      input += 1;
    }
  return angles;
}

/** The definition: outputs of the cosines of all angles. */
export function scoresByAngles(model: NetworkArrays, angles: readonly (readonly number[])[]): number[] {
  const { outputCount, intercept, phase, outputWeight } = model;
  return Array.from(intercept, (start, output) =>
    phase.reduce((sum, own, unit) => {
      const angle = angles.reduce((total, ofField) => total + (ofField[unit] ?? NaN), own);
      return sum + Math.cos(angle) * (outputWeight[unit * outputCount + output] ?? NaN);
    }, start),
  );
}
