import { AppError } from '#contracts';
import { CATEGORY_COLUMN, pointAt } from './column-points.ts';
import type { CompiledModel } from './compile.ts';
import { checkNetwork, type NetworkArrays } from './network-arrays.ts';

/**
 * Compiles a network for a matrix. The one order of summation: an angle begins with its phase, to which the inputs are added in their order;
 * an output begins with its intercept, to which the units are added in theirs. An input of 0 adds nothing and is left out, since no weight
 * is infinite.
 *
 * 17 us of CPU a row of 14 columns, 87 inputs in all, 256 units; a cosine takes 9 ns, polynomials of our own no less.
 *
 * @param columnCount columns of the matrix
 * @param columns matrix column of each of the model's columns; the same by default
 * @throws ARTIFACT_INVALID see `checkNetwork`
 */
export function compileNetwork(model: NetworkArrays, columnCount: number, columns?: Int32Array): CompiledModel {
  const places = columns ?? Int32Array.from({ length: columnCount }, (_, column) => column);
  for (const place of places) {
    if (place < 0 || place >= columnCount)
      throw new AppError('ARTIFACT_INVALID', `network: column ${place} of ${columnCount}`);
  }
  checkNetwork(model, places.length);
  const { outputCount, unitCount, intercept } = model;
  const phase = Float64Array.from(model.phase);
  const outputWeight = Float64Array.from(model.outputWeight);
  const writeInputs = networkInputs(model, places);
  const addInputs = angleAdder(model);
  const inputs = new Float64Array(model.otherwise.length);
  const angles = new Float64Array(unitCount);
  const score: CompiledModel['score'] = (values, base, out, at) => {
    writeInputs(values, base, inputs);
    angles.set(phase);
    addInputs(inputs, 0, inputs.length, angles, 0);
    for (let output = 0; output < outputCount; output += 1) out[at + output] = intercept[output] ?? NaN;
    for (let unit = 0, weight = 0; unit < unitCount; unit += 1) {
      const cosine = Math.cos(angles[unit] ?? NaN);
      for (let output = 0; output < outputCount; output += 1, weight += 1)
        out[at + output] = (out[at + output] ?? NaN) + cosine * (outputWeight[weight] ?? NaN);
    }
  };
  return { outputCount, score };
}

/** Writes the inputs of the row of a row-major matrix that begins at `base`. */
export type InputWriter = (values: Float64Array, base: number, inputs: Float64Array) => void;

/**
 * What turns a row into inputs, all columns one after the other.
 *
 * @param model checked, see `checkNetwork`
 * @param columns matrix column of each of the model's columns
 */
export function networkInputs(model: NetworkArrays, columns: Int32Array): InputWriter {
  const { columnKind, columnSize, pointOffset, knot, value, otherwise } = model;
  return (values, base, inputs) => {
    let first = 0;
    let firstValue = 0;
    for (let column = 0; column < columns.length; column += 1) {
      const x = values[base + (columns[column] ?? 0)] ?? NaN;
      const size = columnSize[column] ?? 0;
      const from = pointOffset[column] ?? 0;
      const to = pointOffset[column + 1] ?? 0;
      const isCategory = columnKind[column] === CATEGORY_COLUMN;
      if (Number.isNaN(x) || from === to || (isCategory && !(x >= 0 && x < to - from))) {
        for (let at = first; at < first + size; at += 1) inputs[at] = otherwise[at] ?? NaN;
      } else {
        const low = isCategory ? from + Math.trunc(x) : pointAt(knot, from, to, x);
        const place = knot[low] ?? NaN;
        const isBetween = !isCategory && low + 1 < to && x > place;
        const share = isBetween ? (x - place) / ((knot[low + 1] ?? NaN) - place) : 0;
        const here = firstValue + (low - from) * size;
        const next = isBetween ? here + size : here;
        for (let at = 0; at < size; at += 1) {
          const own = value[here + at] ?? NaN;
          inputs[first + at] = own + ((value[next + at] ?? NaN) - own) * share;
        }
      }
      first += size;
      firstValue += size * (to - from);
    }
  };
}

/** Adds what the inputs `from` to `to` (exclusive) add to the angle of each unit, in their order: `angles[at]` and on. */
export type AngleAdder = (inputs: Float64Array, from: number, to: number, angles: Float64Array, at: number) => void;

/** @param model checked, see `checkNetwork` */
export function angleAdder({ unitCount, inputWeight }: NetworkArrays): AngleAdder {
  const weight = Float64Array.from(inputWeight);
  const nextInput = (inputs: Float64Array, from: number, to: number): number => {
    let at = from;
    while (at < to && inputs[at] === 0) at += 1;
    return at;
  };
  return (inputs, from, to, angles, at) => {
    // Four inputs at once, so that an angle is read and written once for them; each is added after the other all the same.
    for (let i = nextInput(inputs, from, to); i < to;) {
      const j = nextInput(inputs, i + 1, to);
      const k = nextInput(inputs, j + 1, to);
      const l = nextInput(inputs, k + 1, to);
      if (l >= to) {
        addInput(weight, i, inputs[i] ?? NaN, unitCount, angles, at);
        i = j;
        continue;
      }
      const [a, b, c, d] = [inputs[i] ?? NaN, inputs[j] ?? NaN, inputs[k] ?? NaN, inputs[l] ?? NaN];
      const [aAt, bAt, cAt, dAt] = [i * unitCount, j * unitCount, k * unitCount, l * unitCount];
      for (let unit = 0; unit < unitCount; unit += 1) {
        let angle = angles[at + unit] ?? NaN;
        angle += a * (weight[aAt + unit] ?? NaN);
        angle += b * (weight[bAt + unit] ?? NaN);
        angle += c * (weight[cAt + unit] ?? NaN);
        angles[at + unit] = angle + d * (weight[dAt + unit] ?? NaN);
      }
      i = nextInput(inputs, l + 1, to);
    }
  };
}

function addInput(
  weight: Float64Array,
  input: number,
  value: number,
  unitCount: number,
  angles: Float64Array,
  at: number,
): void {
  const first = input * unitCount;
  for (let unit = 0; unit < unitCount; unit += 1)
    angles[at + unit] = (angles[at + unit] ?? NaN) + value * (weight[first + unit] ?? NaN);
}
