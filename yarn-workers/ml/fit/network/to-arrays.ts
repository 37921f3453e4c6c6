import { CATEGORY_COLUMN, NUMBER_COLUMN, type NetworkArrays } from '#scoring';
import type { InputColumn } from './input-columns.ts';
import { fittedPoints, type ParameterLayout } from './parameters.ts';
import type { TargetScale } from './target-scale.ts';

/** Copies of a network that are averaged, and what their outputs mean. */
export interface FittedCopies {
  readonly columns: readonly InputColumn[];
  /** Field of each column: 0, 1, ... */
  readonly fieldOf: readonly number[];
  readonly layout: ParameterLayout;
  /** The parameters of each copy. */
  readonly copies: readonly Float32Array[];
  readonly scale: TargetScale;
  /** Added to the raw scores, one an output; null: nothing. */
  readonly shift: readonly number[] | null;
  /** Mean cosine and sine of what each field adds to the angles, by copy: fields x 2 x units. */
  readonly means: readonly Float64Array[];
}

/**
 * The copies as one network, which has the units of all: fixed inputs are those of all copies, and each copy has its own fitted ones, which
 * weigh nothing in the units of the others.
 */
export function networkArrays(fitted: FittedCopies): NetworkArrays {
  const { columns, fieldOf, layout, copies, scale, shift } = fitted;
  const { unitCount, outputCount } = layout;
  const units = unitCount * copies.length;
  const sizes = columns.map(({ fixedCount, fittedCount }) => fixedCount + copies.length * fittedCount);
  const inputCount = sizes.reduce((sum, size) => sum + size, 0);
  const inputWeight = new Float32Array(inputCount * units);
  const outputWeight = new Float32Array(units * outputCount);
  const phase = new Float32Array(units);
  const intercept = Float64Array.from(
    { length: outputCount },
    (_, output) => (scale.base[output] ?? 0) + (shift?.[output] ?? 0),
  );
  for (const [copy, parameters] of copies.entries()) {
    const first = copy * unitCount;
    phase.set(parameters.subarray(layout.phase.first, layout.phase.first + unitCount), first);
    writeInputWeights(fitted, copy, sizes, inputWeight);
    const factor = scale.unit / Math.sqrt(unitCount) / copies.length;
    for (let output = 0; output < outputCount; output += 1) {
      const from = layout.outputWeight.first + output * unitCount;
      for (let unit = 0; unit < unitCount; unit += 1)
        outputWeight[(first + unit) * outputCount + output] = factor * (parameters[from + unit] ?? 0);
      const bias = parameters[layout.bias.first + output] ?? 0;
      intercept[output] = (intercept[output] ?? 0) + (scale.unit * bias) / copies.length;
    }
  }
  return {
    ...{ outputCount, unitCount: units, columnCount: columns.length, intercept, phase, inputWeight, outputWeight },
    columnField: Int32Array.from(fieldOf),
    columnSize: Int32Array.from(sizes),
    ...columnArrays(fitted, sizes, inputCount),
    ...meanArrays(fitted),
  };
}

/** Writes what the inputs weigh in the units of a copy: inputs x units of all copies. */
function writeInputWeights(
  { columns, layout, copies }: FittedCopies,
  copy: number,
  sizes: readonly number[],
  out: Float32Array,
): void {
  const { unitCount } = layout;
  const parameters = copies[copy] ?? new Float32Array(0);
  const norm = 1 / Math.sqrt(layout.inputCount);
  let first = 0;
  for (const [index, { fixedCount, fittedCount }] of columns.entries()) {
    const place = layout.columns[index]?.input ?? 0;
    for (let input = 0; input < fixedCount + fittedCount; input += 1) {
      const to = first + input + (input < fixedCount ? 0 : copy * fittedCount);
      const factor = norm * (parameters[layout.scale.first + place + input] ?? 0);
      const from = layout.inputWeight.first + (place + input) * unitCount;
      const at = to * unitCount * copies.length + copy * unitCount;
      for (let unit = 0; unit < unitCount; unit += 1) out[at + unit] = factor * (parameters[from + unit] ?? 0);
    }
    first += sizes[index] ?? 0;
  }
}

/** Knots, and the inputs at all points. */
function columnArrays({ columns, layout, copies }: FittedCopies, sizes: readonly number[], inputCount: number) {
  const offsets = [0];
  const knots: number[] = [];
  const values: number[] = [];
  const otherwise = new Float32Array(inputCount);
  let first = 0;
  for (const [index, column] of columns.entries()) {
    const size = sizes[index] ?? 0;
    const place = layout.columns[index] ?? { input: 0, steps: 0, start: 0 };
    const fitted = copies.map((parameters) => {
      const points = new Float32Array(column.pointCount * column.fittedCount);
      fittedPoints(column, place, parameters, points);
      return points;
    });
    const inputsAt = (point: number): number[] =>
      pieces(column, [column.fixed, ...fitted]).flatMap(({ of, count }) => [
        ...of.subarray(point * count, (point + 1) * count),
      ]);
    if (column.kind === 'category') {
      const codeCount = column.pointCount - 1;
      for (let code = 0; code < codeCount; code += 1) {
        knots.push(code);
        values.push(...inputsAt(code));
      }
      otherwise.set(inputsAt(codeCount), first);
    } else {
      for (const [point, knot] of column.knots.entries()) {
        knots.push(knot);
        values.push(...inputsAt(point));
      }
      otherwise.set(missingInputs(column, fitted), first);
    }
    offsets.push(knots.length);
    first += size;
  }
  return {
    columnKind: Uint8Array.from(columns, ({ kind }) => (kind === 'category' ? CATEGORY_COLUMN : NUMBER_COLUMN)),
    pointOffset: Int32Array.from(offsets),
    knot: Float64Array.from(knots),
    value: Float32Array.from(values),
    otherwise,
  };
}

/** Arrays of a column's inputs, points x count each: the fixed ones, then those of the copies. */
const pieces = ({ fixedCount, fittedCount }: InputColumn, arrays: readonly Float32Array[]) =>
  arrays.map((of, index) => ({ of, count: index === 0 ? fixedCount : fittedCount }));

/** A missing number stands at the median, and its own fixed inputs say that it is missing. */
function missingInputs({ missing, median, fittedCount }: InputColumn, fitted: readonly Float32Array[]): number[] {
  const at = median.point * fittedCount;
  const inputs = fitted.flatMap((points) =>
    Array.from({ length: fittedCount }, (_, input) => {
      const here = points[at + input] ?? 0;
      return median.share === 0 ? here : here + ((points[at + fittedCount + input] ?? 0) - here) * median.share;
    }),
  );
  return [...missing, ...inputs];
}

function meanArrays({ fieldOf, layout, copies, means }: FittedCopies) {
  const { unitCount } = layout;
  const fieldCount = Math.max(-1, ...fieldOf) + 1;
  const units = unitCount * copies.length;
  const meanCosine = new Float32Array(fieldCount * units);
  const meanSine = new Float32Array(fieldCount * units);
  for (const [copy, own] of means.entries())
    for (let field = 0; field < fieldCount; field += 1)
      for (let unit = 0; unit < unitCount; unit += 1) {
        const at = field * units + copy * unitCount + unit;
        meanCosine[at] = own[2 * field * unitCount + unit] ?? 0;
        meanSine[at] = own[(2 * field + 1) * unitCount + unit] ?? 0;
      }
  return { meanCosine, meanSine };
}
