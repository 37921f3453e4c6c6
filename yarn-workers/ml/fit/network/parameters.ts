import { createRandom, type Random } from '#statistics';
import type { InputColumn } from './input-columns.ts';

/** Parameters of one kind, which stand together: 4-byte numbers from `first` on. */
export interface ParameterGroup {
  readonly first: number;
  readonly length: number;
  /** By how much the learning rate is multiplied. */
  readonly rateFactor: number;
  readonly decays: boolean;
}

/** Where the inputs of a column stand, and its fitted points. */
export interface ColumnPlaces {
  /** The first of its inputs: the fixed ones, then the fitted ones. */
  readonly input: number;
  /**
   * Of a number the fitted inputs' changes from knot to knot, (knots - 1) x inputs, and their values at the first knot in
   * `start`; of a category vectors, points x inputs, in `steps`.
   */
  readonly steps: number;
  readonly start: number;
}

/** All that is fitted of one network, and where it stands. */
export interface ParameterLayout {
  readonly columns: readonly ColumnPlaces[];
  /** Inputs, filled up to a multiple of 8 with ones that are always 0. */
  readonly width: number;
  readonly inputCount: number;
  readonly unitCount: number;
  readonly outputCount: number;
  /** Outputs, filled up to a multiple of 8. */
  readonly outputWidth: number;
  /** A factor of each input. */
  readonly scale: ParameterGroup;
  /** inputs x units */
  readonly inputWeight: ParameterGroup;
  readonly phase: ParameterGroup;
  /** outputs x units */
  readonly outputWeight: ParameterGroup;
  readonly bias: ParameterGroup;
  readonly groups: readonly ParameterGroup[];
  /** Parameters altogether; a multiple of 4. */
  readonly length: number;
}

/** The kernels go over four numbers at a time. */
const filled = (count: number, to: number): number => Math.ceil(count / to) * to;

/**
 * Lays out the parameters. Columns of one field have inputs next to each other, in the order of the fields.
 *
 * @param fieldOf the field of each column
 */
export function layoutOf(
  columns: readonly InputColumn[],
  fieldOf: readonly number[],
  unitCount: number,
  outputCount: number,
): ParameterLayout {
  let length = 0;
  const group = (count: number, rateFactor: number, decays = true): ParameterGroup => {
    const first = length;
    length += filled(count, 4);
    return { first, length: length - first, rateFactor, decays };
  };
  const isNumber = (column: InputColumn): boolean => column.kind === 'number';
  const stepCount = ({ kind, pointCount, fittedCount }: InputColumn): number =>
    fittedCount * (kind === 'number' ? Math.max(0, pointCount - 1) : pointCount);
  const startCount = (column: InputColumn): number => (isNumber(column) ? column.fittedCount : 0);
  const total = (count: (column: InputColumn) => number): number =>
    columns.reduce((sum, column) => sum + count(column), 0);
  const inputCount = total(({ fixedCount, fittedCount }) => fixedCount + fittedCount);
  const width = filled(inputCount, 8);
  const outputWidth = filled(outputCount, 8);
  // The factors are those of the source of `createNetwork`, but for the scale's, which is 6 there: cosines of many columns, most of them noise,
  // come to turn so fast within a few steps of it that nothing can be learnt any more (`docs/adr/0052-networks-of-cosines.md`).
  const steps = group(total(stepCount), 1);
  const start = group(total(startCount), 0.1);
  const scale = group(width, 1);
  const inputWeight = group(width * unitCount, 1);
  const phase = group(unitCount, 0.1, false);
  const outputWeight = group(outputWidth * unitCount, 1);
  const bias = group(outputWidth, 0.1, false);
  const places: ColumnPlaces[] = columns.map(() => ({ input: 0, steps: 0, start: 0 }));
  const order = [...columns.keys()].sort((a, b) => (fieldOf[a] ?? 0) - (fieldOf[b] ?? 0) || a - b);
  const next = { input: 0, steps: steps.first, start: start.first };
  for (const index of order) {
    const column = columns[index];
    if (column === undefined) continue;
    places[index] = { ...next };
    next.input += column.fixedCount + column.fittedCount;
    next.steps += stepCount(column);
    next.start += startCount(column);
  }
  return {
    ...{ columns: places, width, inputCount, unitCount, outputCount, outputWidth },
    ...{ scale, inputWeight, phase, outputWeight, bias },
    groups: [steps, start, scale, inputWeight, phase, outputWeight, bias],
    length,
  };
}

/** The parameters that a fit begins with: weights of a normal distribution, what is fitted of numbers small and uniform. */
export function initialParameters(
  columns: readonly InputColumn[],
  layout: ParameterLayout,
  seed: number,
): Float32Array {
  const random = createRandom(seed);
  const parameters = new Float32Array(layout.length);
  const fill = (first: number, count: number, draw: () => number): void => {
    for (let at = first; at < first + count; at += 1) parameters[at] = draw();
  };
  const normal = normalFrom(random);
  for (const [index, { kind, pointCount, fittedCount }] of columns.entries()) {
    const { steps, start } = layout.columns[index] ?? { steps: 0, start: 0 };
    if (kind === 'category') fill(steps, pointCount * fittedCount, normal);
    else {
      const uniform = (): number => (2 * random.uniform() - 1) / Math.sqrt(pointCount);
      fill(steps, Math.max(0, pointCount - 1) * fittedCount, uniform);
      fill(start, fittedCount, uniform);
    }
  }
  const { inputCount, unitCount, outputCount } = layout;
  fill(layout.scale.first, inputCount, () => 1);
  fill(layout.inputWeight.first, inputCount * unitCount, normal);
  fill(layout.phase.first, unitCount, normal);
  fill(layout.outputWeight.first, outputCount * unitCount, normal);
  return parameters;
}

/** Standard normal numbers. @see Box and Muller 1958, "A note on the generation of random normal deviates" */
function normalFrom(random: Random): () => number {
  return () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
    return radius * Math.cos(2 * Math.PI * random.uniform());
  };
}

/**
 * The fitted inputs of a column at its points, points x inputs.
 *
 * @param parameters of the whole network
 */
export function fittedPoints(
  { kind, pointCount, fittedCount }: InputColumn,
  { steps, start }: ColumnPlaces,
  parameters: Float32Array,
  points: Float32Array,
): void {
  if (kind === 'category') {
    points.set(parameters.subarray(steps, steps + pointCount * fittedCount));
    return;
  }
  for (let input = 0; input < fittedCount; input += 1) {
    let value = parameters[start + input] ?? 0;
    points[input] = value;
    for (let point = 1; point < pointCount; point += 1) {
      value = Math.fround(value + (parameters[steps + (point - 1) * fittedCount + input] ?? 0));
      points[point * fittedCount + input] = value;
    }
  }
}

/** The reverse of `fittedPoints`: gradients of the parameters from those of the points. */
export function pointGradients(
  { kind, pointCount, fittedCount }: InputColumn,
  { steps, start }: ColumnPlaces,
  points: Float32Array,
  gradients: Float32Array,
): void {
  if (kind === 'category') {
    gradients.set(points.subarray(0, pointCount * fittedCount), steps);
    return;
  }
  for (let input = 0; input < fittedCount; input += 1) {
    let sum = 0;
    for (let point = pointCount - 1; point >= 1; point -= 1) {
      sum += points[point * fittedCount + input] ?? 0;
      gradients[steps + (point - 1) * fittedCount + input] = sum;
    }
    gradients[start + input] = sum + (points[input] ?? 0);
  }
}
