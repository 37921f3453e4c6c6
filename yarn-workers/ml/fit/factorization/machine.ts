import type { Block, Coefficients, Design } from '../linear/design.ts';

/**
 * A factorization machine being fitted, one an output. Its coefficients are those of a linear model, but each has `rank` numbers of a
 * vector behind it: coefficient l of a block is at l x (1 + rank).
 */
export interface MachineShape {
  readonly rank: number;
  /** Field of each block of the design: vectors of one field are not multiplied with each other. */
  readonly blockFields: readonly number[];
}

/** Blocks of each field, in the order of the fields. */
export function blocksByField({ blockFields }: MachineShape): number[][] {
  const fields: number[][] = [];
  for (const [block, field] of blockFields.entries()) (fields[field] ??= []).push(block);
  return fields.filter((blocks) => blocks.length > 0);
}

/** Where the vectors of a block stand: level l has `rank` numbers from l x `width` + `first` on. */
export interface VectorPlaces {
  readonly rank: number;
  readonly first: number;
  readonly width: number;
}

/** Vectors behind coefficients. */
export const vectorsIn = ({ rank }: Pick<MachineShape, 'rank'>): VectorPlaces => ({ rank, first: 1, width: 1 + rank });

/** Adds `sign` x the vectors of a block to the rows' sums, rows x rank. */
export function addVectors(
  block: Block,
  own: Float64Array,
  { rank, first: offset, width }: VectorPlaces,
  sign: 1 | -1,
  sums: Float64Array,
): void {
  const { codes, values } = block;
  for (let row = 0, at = 0; at < sums.length; row += 1, at += rank) {
    const x = values === null ? sign : sign * (values[row] ?? 0);
    const first = (codes === null ? 0 : (codes[row] ?? 0)) * width + offset;
    for (let factor = 0; factor < rank; factor += 1)
      sums[at + factor] = (sums[at + factor] ?? 0) + x * (own[first + factor] ?? 0);
  }
}

/**
 * Raw scores of all rows, `out[at + row * stride]`: coefficients, and the products of the vectors of different fields.
 *
 * @see Rendle 2010, "Factorization machines", lemma 3.1
 */
export function machineScores(
  { rowCount, blocks }: Design,
  shape: MachineShape,
  { intercept, blocks: coefficients }: Coefficients,
  out: Float64Array,
  at = 0,
  stride = 1,
): void {
  const { rank } = shape;
  const sums = new Float64Array(rowCount * rank);
  const field = new Float64Array(rowCount * rank);
  const none = new Float64Array(0);
  for (let row = 0, place = at; row < rowCount; row += 1, place += stride) out[place] = intercept;
  for (const members of blocksByField(shape)) {
    field.fill(0);
    for (const index of members) {
      const block = blocks[index];
      const own = coefficients[index] ?? none;
      if (block === undefined) continue;
      addVectors(block, own, vectorsIn(shape), 1, field);
      for (let row = 0, place = at; row < rowCount; row += 1, place += stride) {
        const x = block.values === null ? 1 : (block.values[row] ?? 0);
        const level = block.codes === null ? 0 : (block.codes[row] ?? 0);
        out[place] = (out[place] ?? 0) + x * (own[level * (1 + rank)] ?? 0);
      }
    }
    // The products with the fields before this one.
    for (let row = 0, place = at, first = 0; row < rowCount; row += 1, place += stride, first += rank) {
      let products = 0;
      for (let factor = first; factor < first + rank; factor += 1)
        products += (sums[factor] ?? 0) * (field[factor] ?? 0);
      out[place] = (out[place] ?? 0) + products;
    }
    for (let index = 0; index < sums.length; index += 1) sums[index] = (sums[index] ?? 0) + (field[index] ?? 0);
  }
}

/** The same machine of a target in units of `unit`: its products are, so its vectors are by the root. */
export const machineInUnits =
  ({ rank }: Pick<MachineShape, 'rank'>) =>
  ({ intercept, blocks }: Coefficients, unit: number): Coefficients => {
    const root = Math.sqrt(unit);
    return {
      intercept: intercept * unit,
      blocks: blocks.map((block) => block.map((value, at) => value * (at % (1 + rank) === 0 ? unit : root))),
    };
  };

/** Number `term` of each coefficient's 1 + rank as coefficients of their own: 0 are those of the linear model. */
export const termOf = (
  { intercept, blocks }: Coefficients,
  { rank }: Pick<MachineShape, 'rank'>,
  term: number,
): Coefficients => ({
  intercept: term === 0 ? intercept : 0,
  blocks: blocks.map((block) => block.filter((_, at) => at % (1 + rank) === term)),
});
