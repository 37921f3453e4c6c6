import { AppError } from '#contracts';
import type { CompiledModel } from './compile.ts';
import { checkFactorization, termsOf, type FactorizationArrays } from './factorization-arrays.ts';
import { columnAdder } from './linear.ts';

/**
 * Compiles a factorization machine for a matrix. The pairs of different fields are summed as (|sum of u_f|^2 - sum of |u_f|^2) / 2, one
 * number of the vectors after the other, so that a row takes columns x outputs x (1 + rank) steps. The one order of summation: the
 * columns of each field in the model's order, then the fields.
 *
 * @param columnCount columns of the matrix
 * @param columns matrix column of each of the model's columns; the same by default
 * @throws ARTIFACT_INVALID see `checkFactorization`
 * @see Rendle 2010, "Factorization machines", lemma 3.1
 */
export function compileFactorization(
  model: FactorizationArrays,
  columnCount: number,
  columns?: Int32Array,
): CompiledModel {
  const places = columns ?? Int32Array.from({ length: columnCount }, (_, column) => column);
  for (const place of places) {
    if (place < 0 || place >= columnCount)
      throw new AppError('ARTIFACT_INVALID', `factorization machine: column ${place} of ${columnCount}`);
  }
  checkFactorization(model, places.length);
  const { outputCount, rank, intercept, columnField } = model;
  const width = outputCount * (1 + rank);
  const fieldCount = fieldCountOf(model);
  const fields = new Float64Array(fieldCount * width);
  const add = columnAdder(termsOf(model));
  const score: CompiledModel['score'] = (values, base, out, at) => {
    fields.fill(0);
    for (let column = 0; column < places.length; column += 1)
      add(column, values[base + (places[column] ?? 0)] ?? NaN, fields, (columnField[column] ?? 0) * width);
    for (let output = 0; output < outputCount; output += 1)
      out[at + output] = (intercept[output] ?? NaN) + fieldsScore(fields, output * (1 + rank), width, rank);
  };
  return { outputCount, score };
}

/** Fields that a model has room for: one more than the largest. */
export const fieldCountOf = ({ columnField }: Pick<FactorizationArrays, 'columnField'>): number =>
  columnField.reduce((most, field) => Math.max(most, field + 1), 0);

/**
 * What the fields' numbers and the pairs of their vectors add up to in one output, whose 1 + `rank` numbers of field f begin at
 * `first` + f x `width`.
 */
export function fieldsScore(fields: Float64Array, first: number, width: number, rank: number): number {
  let total = 0;
  for (let at = first; at < fields.length; at += width) total += fields[at] ?? NaN;
  for (let factor = 1; factor <= rank; factor += 1) {
    let sum = 0;
    let squares = 0;
    for (let at = first + factor; at < fields.length; at += width) {
      const own = fields[at] ?? NaN;
      sum += own;
      squares += own * own;
    }
    total += (sum * sum - squares) / 2;
  }
  return total;
}
