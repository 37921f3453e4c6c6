import { MISSING_POINT, type InputColumn, type PlacedRows } from './input-columns.ts';
import { ADAM, kernelsWith, type Kernels } from './kernels.ts';
import { fittedPoints, pointGradients, type ParameterLayout } from './parameters.ts';

/** How much a step of the fit changes. */
export interface StepSizes {
  readonly rate: number;
  /** Part of the units that are left out, 0 to 1. */
  readonly dropout: number;
  /** What a parameter loses in a step, as a multiple of the rate. */
  readonly decay: number;
}

/** Fills in the gradient of the loss of each row of a batch by its outputs; both are rows x `outputWidth`. */
export type LossGradient = (outputs: Float32Array, gradients: Float32Array) => void;

/**
 * A network being fitted: one layer of cosines over the inputs of its columns, a weighted sum of which each output is.
 *
 *     outputs = cos(inputs x scale / sqrt(width) . inputWeight + phase) / sqrt(units) . outputWeight + bias
 *
 * Memory: 16 bytes a parameter, and 4 bytes x (rows of a batch) x (3 x inputs + 3 x units).
 *
 * @see Jacot, Gabriel, Hongler 2018, "Neural tangent kernel" (the factors 1 / sqrt); Holzmueller, Grinsztajn, Steinwart 2024, "Better by
 * default: strong pre-tuned MLPs and boosted trees on tabular data" (scale, rates, their schedule, dropout)
 */
export interface Network {
  /** Outputs, filled up to a multiple of 8. */
  readonly outputWidth: number;
  readonly parameters: Float32Array;
  /** Moments of Adam. */
  readonly moments: Float32Array;
  readonly squares: Float32Array;
  /** Begins a pass over the rows: random numbers of its own for what is left out. */
  begin(words: readonly number[]): void;
  /**
   * One step of the fit.
   *
   * @param chosen rows of the batch, as many as `batchRows`
   * @param step number of this step of the whole fit, from 1 on
   */
  train(rows: PlacedRows, chosen: Uint32Array, loss: LossGradient, step: number, sizes: StepSizes): void;
  /** Outputs of some rows, at most `batchRows`: rows x `outputWidth`, valid until the next call. */
  outputs(rows: PlacedRows, chosen: Uint32Array): Float32Array;
  /**
   * Sums over some rows, at most `batchRows`, of weight times cosine and sine of what the inputs from `first` on add to each unit's angle.
   *
   * @param sums units of cosines, then units of sines
   */
  addMeans(
    rows: PlacedRows,
    chosen: Uint32Array,
    weights: Float64Array,
    first: number,
    count: number,
    sums: Float64Array,
  ): void;
}

/** @param batchRows a multiple of 4 */
export function createNetwork(
  columns: readonly InputColumn[],
  layout: ParameterLayout,
  batchRows: number,
  initial: Float32Array,
): Network {
  const { width, unitCount, outputWidth } = layout;
  const memory = allocate({
    ...{ parameters: layout.length, gradients: layout.length, moments: layout.length, squares: layout.length },
    ...{ raw: batchRows * width, inputs: batchRows * width, inputGradients: batchRows * width },
    ...{ cosines: batchRows * unitCount, slopes: batchRows * unitCount, angles: batchRows * unitCount },
    ...{ outputs: batchRows * outputWidth, outputGradients: batchRows * outputWidth },
    ...{ turnedInput: unitCount * width, turnedOutput: unitCount * outputWidth, words: 4 },
  });
  const { kernels, arrays, addresses } = memory;
  const { parameters, gradients, raw, inputs, inputGradients, cosines, slopes, angles } = arrays;
  parameters.set(initial);
  const inputNorm = Math.fround(1 / Math.sqrt(layout.inputCount));
  const unitNorm = Math.fround(1 / Math.sqrt(unitCount));
  const points = columns.map(({ pointCount, fittedCount }) => new Float32Array(pointCount * fittedCount));
  const pointSlopes = points.map((each) => new Float32Array(each.length));
  const scale = parameters.subarray(layout.scale.first, layout.scale.first + width);
  const weightsAt = addresses.parameters + 4 * layout.inputWeight.first;
  const product = kernels.product.bind(kernels);

  const readInputs = (rows: PlacedRows, chosen: Uint32Array): void => {
    raw.fill(0);
    for (const [index, column] of columns.entries()) {
      const place = layout.columns[index];
      const own = points[index];
      if (place === undefined || own === undefined) continue;
      fittedPoints(column, place, parameters, own);
      readColumn(column, own, rows, columns.length, index, chosen, raw, width, place.input);
    }
    for (let row = 0, at = 0; row < batchRows; row += 1)
      for (let input = 0; input < width; input += 1, at += 1)
        inputs[at] = (raw[at] ?? 0) * (scale[input] ?? 0) * inputNorm;
  };

  const readAngles = (): void => {
    product(addresses.angles, addresses.inputs, weightsAt, batchRows, width, unitCount, 4 * width, 4);
    const phase = parameters.subarray(layout.phase.first, layout.phase.first + unitCount);
    for (let row = 0, at = 0; row < batchRows; row += 1)
      for (let unit = 0; unit < unitCount; unit += 1, at += 1) angles[at] = (angles[at] ?? 0) + (phase[unit] ?? 0);
    kernels.cosines(addresses.angles, addresses.cosines, addresses.slopes, batchRows * unitCount);
  };

  /** From the cosines, which are multiplied by what keeps their sum of the size of one. */
  const readOutputs = (): void => {
    transpose(parameters, layout.outputWeight.first, outputWidth, unitCount, arrays.turnedOutput);
    product(
      addresses.outputs,
      addresses.cosines,
      addresses.turnedOutput,
      batchRows,
      unitCount,
      outputWidth,
      4 * unitCount,
      4,
    );
    const { outputs } = arrays;
    for (let row = 0, at = 0; row < batchRows; row += 1)
      for (let output = 0; output < outputWidth; output += 1, at += 1)
        outputs[at] = (outputs[at] ?? 0) + (parameters[layout.bias.first + output] ?? 0);
  };

  const outputsBack = (): void => {
    const gradient = arrays.outputGradients;
    const bias = gradients.subarray(layout.bias.first, layout.bias.first + outputWidth);
    bias.fill(0);
    for (let row = 0, at = 0; row < batchRows; row += 1)
      for (let output = 0; output < outputWidth; output += 1, at += 1)
        bias[output] = (bias[output] ?? 0) + (gradient[at] ?? 0);
    product(
      addresses.gradients + 4 * layout.outputWeight.first,
      addresses.outputGradients,
      addresses.cosines,
      outputWidth,
      batchRows,
      unitCount,
      4,
      4 * outputWidth,
    );
    // The angles are done with: their place takes the gradients of the cosines.
    product(
      addresses.angles,
      addresses.outputGradients,
      addresses.parameters + 4 * layout.outputWeight.first,
      batchRows,
      outputWidth,
      unitCount,
      4 * outputWidth,
      4,
    );
  };

  const anglesBack = (): void => {
    const phase = gradients.subarray(layout.phase.first, layout.phase.first + unitCount);
    phase.fill(0);
    for (let row = 0, at = 0; row < batchRows; row += 1)
      for (let unit = 0; unit < unitCount; unit += 1, at += 1) {
        const slope = (angles[at] ?? 0) * (slopes[at] ?? 0);
        angles[at] = slope;
        phase[unit] = (phase[unit] ?? 0) + slope;
      }
    product(
      addresses.gradients + 4 * layout.inputWeight.first,
      addresses.inputs,
      addresses.angles,
      width,
      batchRows,
      unitCount,
      4,
      4 * width,
    );
    transpose(parameters, layout.inputWeight.first, width, unitCount, arrays.turnedInput);
    product(
      addresses.inputGradients,
      addresses.angles,
      addresses.turnedInput,
      batchRows,
      unitCount,
      width,
      4 * unitCount,
      4,
    );
  };

  const inputsBack = (rows: PlacedRows, chosen: Uint32Array): void => {
    const scales = gradients.subarray(layout.scale.first, layout.scale.first + width);
    scales.fill(0);
    for (let row = 0, at = 0; row < batchRows; row += 1)
      for (let input = 0; input < width; input += 1, at += 1) {
        const slope = (inputGradients[at] ?? 0) * inputNorm;
        scales[input] = (scales[input] ?? 0) + slope * (raw[at] ?? 0);
        inputGradients[at] = slope * (scale[input] ?? 0);
      }
    for (const [index, column] of columns.entries()) {
      const place = layout.columns[index];
      const own = pointSlopes[index];
      if (place === undefined || own === undefined || column.fittedCount === 0) continue;
      own.fill(0);
      columnBack(column, own, rows, columns.length, index, chosen, inputGradients, width, place.input);
      pointGradients(column, place, own, gradients);
    }
  };

  const update = (step: number, { rate, decay }: StepSizes): void => {
    const first = 1 / (1 - ADAM.moment ** step);
    const second = 1 / (1 - ADAM.square ** step);
    for (const group of layout.groups) {
      if (group.length === 0) continue;
      const own = rate * group.rateFactor;
      const at = 4 * group.first;
      kernels.adam(
        ...([
          addresses.parameters + at,
          addresses.gradients + at,
          addresses.moments + at,
          addresses.squares + at,
        ] as const),
        ...([group.length, own, group.decays ? 1 - decay * own : 1, first, second] as const),
      );
    }
  };

  return {
    outputWidth,
    parameters,
    moments: arrays.moments,
    squares: arrays.squares,
    begin: (words) =>
      new Uint32Array(arrays.words.buffer, arrays.words.byteOffset, 4).set(words.map((word) => word | 1)),
    train: (rows, chosen, loss, step, sizes) => {
      readInputs(rows, chosen);
      readAngles();
      const scaleOf = (part: number): number => unitNorm / (1 - part);
      const threshold = Math.floor((1 - sizes.dropout) * 0xffff_ffff);
      kernels.drop(
        addresses.cosines,
        addresses.slopes,
        batchRows * unitCount,
        addresses.words,
        threshold,
        scaleOf(sizes.dropout),
      );
      readOutputs();
      arrays.outputGradients.fill(0);
      loss(arrays.outputs, arrays.outputGradients);
      outputsBack();
      anglesBack();
      inputsBack(rows, chosen);
      update(step, sizes);
    },
    outputs: (rows, chosen) => {
      readInputs(rows, chosen);
      readAngles();
      for (let at = 0; at < cosines.length; at += 1) cosines[at] = (cosines[at] ?? 0) * unitNorm;
      readOutputs();
      return arrays.outputs;
    },
    addMeans: (rows, chosen, weights, first, count, sums) => {
      readInputs(rows, chosen);
      product(
        addresses.angles,
        addresses.inputs + 4 * first,
        weightsAt + 4 * first * unitCount,
        batchRows,
        count,
        unitCount,
        4 * width,
        4,
      );
      kernels.cosines(addresses.angles, addresses.cosines, addresses.slopes, batchRows * unitCount);
      for (let row = 0, at = 0; row < chosen.length; row += 1)
        for (let unit = 0; unit < unitCount; unit += 1, at += 1) {
          const weight = weights[row] ?? 0;
          sums[unit] = (sums[unit] ?? 0) + weight * (cosines[at] ?? 0);
          sums[unitCount + unit] = (sums[unitCount + unit] ?? 0) - weight * (slopes[at] ?? 0);
        }
    },
  };
}

/** Writes a column's inputs of the chosen rows into `out`, rows x `width`, from input `first` on. */
function readColumn(
  { fixedCount, fittedCount, fixed, missing, median }: InputColumn,
  fitted: Float32Array,
  { points, shares }: PlacedRows,
  columnCount: number,
  column: number,
  chosen: Uint32Array,
  out: Float32Array,
  width: number,
  first: number,
): void {
  for (let row = 0, to = first; row < chosen.length; row += 1, to += width) {
    const at = (chosen[row] ?? 0) * columnCount + column;
    const found = points[at] ?? 0;
    const isMissing = found === MISSING_POINT;
    const point = isMissing ? median.point : found;
    const share = isMissing ? median.share : (shares[at] ?? 0);
    for (let input = 0; input < fixedCount; input += 1)
      out[to + input] = isMissing
        ? (missing[input] ?? 0)
        : interpolated(fixed, point * fixedCount + input, fixedCount, share);
    for (let input = 0; input < fittedCount; input += 1)
      out[to + fixedCount + input] = interpolated(fitted, point * fittedCount + input, fittedCount, share);
  }
}

const interpolated = (values: Float32Array, at: number, stride: number, share: number): number => {
  const here = values[at] ?? 0;
  return share === 0 ? here : here + ((values[at + stride] ?? 0) - here) * share;
};

/** Adds the gradients of a column's fitted inputs to those of its points. */
function columnBack(
  { fixedCount, fittedCount, median }: InputColumn,
  slopes: Float32Array,
  { points, shares }: PlacedRows,
  columnCount: number,
  column: number,
  chosen: Uint32Array,
  gradients: Float32Array,
  width: number,
  first: number,
): void {
  for (let row = 0, from = first + fixedCount; row < chosen.length; row += 1, from += width) {
    const at = (chosen[row] ?? 0) * columnCount + column;
    const found = points[at] ?? 0;
    const isMissing = found === MISSING_POINT;
    const to = (isMissing ? median.point : found) * fittedCount;
    const share = isMissing ? median.share : (shares[at] ?? 0);
    for (let input = 0; input < fittedCount; input += 1) {
      const slope = gradients[from + input] ?? 0;
      slopes[to + input] = (slopes[to + input] ?? 0) + slope * (1 - share);
      if (share !== 0) slopes[to + fittedCount + input] = (slopes[to + fittedCount + input] ?? 0) + slope * share;
    }
  }
}

/** Turns rows x columns into columns x rows. */
function transpose(from: Float32Array, first: number, rows: number, columns: number, to: Float32Array): void {
  for (let row = 0, at = first; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1, at += 1) to[column * rows + row] = from[at] ?? 0;
}

/** Arrays of single precision in one memory of the kernels. */
function allocate<N extends string>(lengths: Readonly<Record<N, number>>) {
  const alignment = 4;
  let total = 0;
  const firsts: [string, number, number][] = Object.entries<number>(lengths).map(([name, length]) => {
    const first = total;
    total += Math.ceil(length / alignment) * alignment;
    return [name, first, length];
  });
  const { memory, kernels } = kernelsWith(4 * total);
  const arrays = Object.fromEntries(
    firsts.map(([name, first, length]) => [name, new Float32Array(memory.buffer, 4 * first, length)]),
  ) as Record<N, Float32Array<ArrayBuffer>>;
  const addresses = Object.fromEntries(firsts.map(([name, first]) => [name, 4 * first])) as Record<N, number>;
  return { kernels: kernels satisfies Kernels, arrays, addresses };
}
