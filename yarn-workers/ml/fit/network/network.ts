import { inputLayer, type InputLayer } from './input-layer.ts';
import type { InputColumn, PlacedRows } from './input-columns.ts';
import { ADAM, kernelsWith, type Kernels } from './kernels.ts';
import type { ParameterGroup, ParameterLayout } from './parameters.ts';

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

/** Lengths of the arrays that a network works with. */
const lengthsOf = ({ length, width, unitCount, outputWidth }: ParameterLayout, batchRows: number) => ({
  ...{ parameters: length, gradients: length, moments: length, squares: length },
  ...{ raw: batchRows * width, inputs: batchRows * width, inputGradients: batchRows * width },
  ...{ cosines: batchRows * unitCount, slopes: batchRows * unitCount, angles: batchRows * unitCount },
  ...{ outputs: batchRows * outputWidth, outputGradients: batchRows * outputWidth },
  ...{ factors: width, turnedInput: unitCount * width, turnedOutput: unitCount * outputWidth, words: 4 },
});
type ArrayName = keyof ReturnType<typeof lengthsOf>;

/** Bytes of a number. */
const BYTES = 4;

/**
 * A network being fitted: one layer of cosines over the inputs of its columns, and outputs that are weighted sums of these.
 *
 *     outputs = cos(inputs x scale / sqrt(inputs) . inputWeight + phase) / sqrt(units) . outputWeight + bias
 *
 * Memory: 16 bytes a parameter, and 4 bytes x rows of a batch x 3 x (inputs + units).
 *
 * @see Jacot, Gabriel, Hongler 2018, "Neural tangent kernel" (the factors 1 / sqrt); Holzmueller, Grinsztajn, Steinwart 2024, "Better by
 * default: strong pre-tuned MLPs and boosted trees on tabular data" (scale, rates, dropout)
 */
export class Network {
  /** Outputs, filled up to a multiple of 8. */
  readonly outputWidth: number;
  readonly parameters: Float32Array;
  /** Moments of Adam. */
  readonly moments: Float32Array;
  readonly squares: Float32Array;
  readonly #layout: ParameterLayout;
  readonly #batchRows: number;
  readonly #layer: InputLayer;
  readonly #kernels: Kernels;
  readonly #arrays: Readonly<Record<ArrayName, Float32Array>>;
  readonly #inputNorm: number;
  readonly #unitNorm: number;

  /** @param batchRows a multiple of 4 */
  constructor(columns: readonly InputColumn[], layout: ParameterLayout, batchRows: number, initial: Float32Array) {
    const { kernels, arrays } = allocate(lengthsOf(layout, batchRows));
    this.outputWidth = layout.outputWidth;
    this.parameters = arrays.parameters;
    this.moments = arrays.moments;
    this.squares = arrays.squares;
    this.#layout = layout;
    this.#batchRows = batchRows;
    this.#layer = inputLayer(columns, layout, arrays.parameters);
    this.#kernels = kernels;
    this.#arrays = arrays;
    this.#inputNorm = 1 / Math.sqrt(layout.inputCount);
    this.#unitNorm = 1 / Math.sqrt(layout.unitCount);
    this.parameters.set(initial);
  }

  /** Begins a pass over the rows: random numbers of its own for what is left out. */
  begin(words: readonly number[]): void {
    const { words: own } = this.#arrays;
    new Uint32Array(own.buffer, own.byteOffset, own.length).set(words.map((word) => word | 1));
  }

  /**
   * One step of the fit.
   *
   * @param chosen rows of the batch, as many as `batchRows`
   * @param step number of this step of the whole fit, from 1 on
   */
  train(rows: PlacedRows, chosen: Uint32Array, loss: LossGradient, step: number, sizes: StepSizes): void {
    const { outputs, outputGradients, inputGradients } = this.#arrays;
    this.#readCosines(rows, chosen);
    this.#scaleCosines(sizes.dropout);
    this.#readOutputs();
    outputGradients.fill(0);
    loss(outputs, outputGradients);
    this.#outputsBack();
    this.#anglesBack();
    this.#inputsBack();
    this.#layer.back(rows, chosen, inputGradients, this.#arrays.gradients);
    this.#update(step, sizes);
  }

  /** Outputs of some rows, at most `batchRows`: rows x `outputWidth`, valid until the next call. */
  outputs(rows: PlacedRows, chosen: Uint32Array): Float32Array {
    this.#readCosines(rows, chosen);
    this.#scaleCosines(0);
    this.#readOutputs();
    return this.#arrays.outputs;
  }

  /**
   * Adds to sums over rows, at most `batchRows`, of weight times cosine and sine of what the inputs from `first` on add to each unit's angle.
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
  ): void {
    const { unitCount } = this.#layout;
    const { cosines, slopes } = this.#arrays;
    this.#readInputs(rows, chosen);
    this.#readAngles(first, count);
    this.#kernels.cosines(this.#at('angles'), this.#at('cosines'), this.#at('slopes'), cosines.length);
    for (let row = 0, at = 0; row < chosen.length; row += 1) {
      const weight = weights[row] ?? 0;
      for (let unit = 0; unit < unitCount; unit += 1, at += 1) {
        sums[unit] = (sums[unit] ?? 0) + weight * (cosines[at] ?? 0);
        sums[unitCount + unit] = (sums[unitCount + unit] ?? 0) - weight * (slopes[at] ?? 0);
      }
    }
  }

  #readInputs(rows: PlacedRows, chosen: Uint32Array): void {
    const { width, scale } = this.#layout;
    const { raw, factors } = this.#arrays;
    this.#layer.read(rows, chosen, raw);
    for (let input = 0; input < width; input += 1)
      factors[input] = (this.parameters[scale.first + input] ?? 0) * this.#inputNorm;
    this.#kernels.multiplyRow(this.#at('inputs'), this.#at('raw'), this.#at('factors'), this.#batchRows, width);
  }

  /** What the inputs from `first` on add to the angles. */
  #readAngles(first: number, count: number): void {
    const { width, unitCount, inputWeight } = this.#layout;
    const weights = this.#at('parameters', inputWeight.first + first * unitCount);
    const inputs = this.#at('inputs', first);
    this.#kernels.product(this.#at('angles'), inputs, weights, this.#batchRows, count, unitCount, BYTES * width, BYTES);
  }

  #readCosines(rows: PlacedRows, chosen: Uint32Array): void {
    const { width, unitCount, phase } = this.#layout;
    this.#readInputs(rows, chosen);
    this.#readAngles(0, width);
    this.#kernels.addRow(this.#at('angles'), this.#at('parameters', phase.first), this.#batchRows, unitCount);
    const { cosines } = this.#arrays;
    this.#kernels.cosines(this.#at('angles'), this.#at('cosines'), this.#at('slopes'), cosines.length);
  }

  /** Leaves out some units, and takes the others by what keeps their sum of the same size. */
  #scaleCosines(dropout: number): void {
    const threshold = Math.floor((1 - dropout) * 0xffff_ffff);
    const scale = this.#unitNorm / (1 - dropout);
    const { length } = this.#arrays.cosines;
    this.#kernels.drop(this.#at('cosines'), this.#at('slopes'), length, this.#at('words'), threshold, scale);
  }

  #readOutputs(): void {
    const { unitCount, outputWidth, outputWeight, bias } = this.#layout;
    transpose(this.parameters, outputWeight.first, outputWidth, unitCount, this.#arrays.turnedOutput);
    const [outputs, cosines, weights] = [this.#at('outputs'), this.#at('cosines'), this.#at('turnedOutput')];
    this.#kernels.product(outputs, cosines, weights, this.#batchRows, unitCount, outputWidth, BYTES * unitCount, BYTES);
    this.#kernels.addRow(outputs, this.#at('parameters', bias.first), this.#batchRows, outputWidth);
  }

  /** From the gradients of the outputs to those of their weights and of the cosines, which take the place of the angles. */
  #outputsBack(): void {
    const { unitCount, outputWidth, outputWeight, bias } = this.#layout;
    const [given, cosines] = [this.#at('outputGradients'), this.#at('cosines')];
    this.#kernels.sumRows(this.#at('gradients', bias.first), given, this.#batchRows, outputWidth);
    this.#kernels.product(
      ...([this.#at('gradients', outputWeight.first), given, cosines] as const),
      ...([outputWidth, this.#batchRows, unitCount, BYTES, BYTES * outputWidth] as const),
    );
    const weights = this.#at('parameters', outputWeight.first);
    this.#kernels.product(
      ...([this.#at('angles'), given, weights] as const),
      ...([this.#batchRows, outputWidth, unitCount, BYTES * outputWidth, BYTES] as const),
    );
  }

  /** From the gradients of the cosines to those of phases, weights and scaled inputs. */
  #anglesBack(): void {
    const { width, unitCount, inputWeight, phase } = this.#layout;
    const angles = this.#at('angles');
    this.#kernels.multiply(angles, angles, this.#at('slopes'), this.#arrays.angles.length);
    this.#kernels.sumRows(this.#at('gradients', phase.first), angles, this.#batchRows, unitCount);
    this.#kernels.product(
      ...([this.#at('gradients', inputWeight.first), this.#at('inputs'), angles] as const),
      ...([width, this.#batchRows, unitCount, BYTES, BYTES * width] as const),
    );
    transpose(this.parameters, inputWeight.first, width, unitCount, this.#arrays.turnedInput);
    this.#kernels.product(
      ...([this.#at('inputGradients'), angles, this.#at('turnedInput')] as const),
      ...([this.#batchRows, unitCount, width, BYTES * unitCount, BYTES] as const),
    );
  }

  /** From the gradients of the scaled inputs to those of the scales and of the inputs as they are. */
  #inputsBack(): void {
    const { width, scale } = this.#layout;
    const { inputs, gradients } = this.#arrays;
    const given = this.#at('inputGradients');
    this.#kernels.multiply(this.#at('inputs'), given, this.#at('raw'), inputs.length);
    this.#kernels.sumRows(this.#at('gradients', scale.first), this.#at('inputs'), this.#batchRows, width);
    for (let at = scale.first; at < scale.first + width; at += 1)
      gradients[at] = (gradients[at] ?? 0) * this.#inputNorm;
    this.#kernels.multiplyRow(given, given, this.#at('factors'), this.#batchRows, width);
  }

  #update(step: number, { rate, decay }: StepSizes): void {
    const first = 1 / (1 - ADAM.moment ** step);
    const second = 1 / (1 - ADAM.square ** step);
    for (const group of this.#layout.groups.filter(({ length }) => length > 0)) {
      const own = rate * group.rateFactor;
      const at = (name: ArrayName): number => this.#at(name, group.first);
      this.#kernels.adam(
        ...([at('parameters'), at('gradients'), at('moments'), at('squares'), group.length] as const),
        ...([own, keepOf(group, decay * own), first, second] as const),
      );
    }
  }

  /** Address of an element. */
  #at(name: ArrayName, element = 0): number {
    return this.#arrays[name].byteOffset + BYTES * element;
  }
}

const keepOf = ({ decays }: ParameterGroup, loss: number): number => (decays ? 1 - loss : 1);

/** Turns rows x columns into columns x rows. */
function transpose(from: Float32Array, first: number, rows: number, columns: number, to: Float32Array): void {
  for (let row = 0, at = first; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1, at += 1) to[column * rows + row] = from[at] ?? 0;
}

/** Arrays in one memory of the kernels, each at a multiple of 16 bytes. */
function allocate(lengths: Readonly<Record<ArrayName, number>>) {
  const filled = (length: number): number => Math.ceil(length / 4) * 4;
  const total = Object.values(lengths).reduce((sum, length) => sum + filled(length), 0);
  const { memory, kernels } = kernelsWith(BYTES * total);
  let first = 0;
  const arrays = Object.entries(lengths).map(([name, length]): [string, Float32Array] => {
    const array = new Float32Array(memory.buffer, BYTES * first, length);
    first += filled(length);
    return [name, array];
  });
  // The cast holds: the names are those of `lengths`.
  return { kernels, arrays: Object.fromEntries(arrays) as Record<ArrayName, Float32Array> };
}
