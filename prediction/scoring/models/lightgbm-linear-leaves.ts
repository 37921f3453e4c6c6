import { SCORE_MAX } from './limits.ts';
import type { LinearLeaves } from './linear-leaves.ts';
import type { TreeArrays } from './tree-arrays.ts';

/** Fields of one tree of a model text. */
type Fields = ReadonlyMap<string, string>;

/** Fills an array from a field's numbers, or refuses it. */
type Filler = (out: Float64Array | Int32Array, fields: Fields, key: string, place: string) => void;

const isLinear = (fields: Fields): boolean => (fields.get('is_linear') ?? '0') !== '0';

/**
 * The linear leaves of a model text; undefined where no tree has them. A tree without has its leaves' values as constants, and so has a
 * leaf whose numbers are beyond what a score can be: its fit overflowed. Means of terms are not in the text, and 0 here.
 *
 *     linear tree = "leaf_const=" numbers "num_features=" counts "leaf_features=" terms "leaf_coeff=" terms
 *     terms       = ( numbers " " )? " " for each leaf: those of a leaf without terms are a blank
 *
 * @param fill reads the numbers of a field, separated by one space, into the whole array
 * @throws ARTIFACT_INVALID by `fill` and `fail`
 * @see LightGBM 4.7.0, src/io/tree.cpp (Tree::ToString)
 */
export function parseLinearLeaves(
  trees: readonly Fields[],
  { leafOffset, leafValue }: Pick<TreeArrays, 'leafOffset' | 'leafValue'>,
  fill: Filler,
): LinearLeaves | undefined {
  if (!trees.some(isLinear)) return undefined;
  const constant = leafValue.slice();
  const termCounts = new Int32Array(leafValue.length);
  const columns: Int32Array[] = [];
  const coefficients: Float64Array[] = [];
  for (const [tree, fields] of trees.entries()) {
    if (!isLinear(fields)) continue;
    const place = `tree ${tree}`;
    const first = leafOffset[tree] ?? 0;
    const own = readTree(fields, (leafOffset[tree + 1] ?? 0) - first, place, fill);
    let term = 0;
    for (const [leaf, count] of own.counts.entries()) {
      const value = own.constant[leaf] ?? NaN;
      const coefficient = own.coefficient.subarray(term, term + count);
      if (isScore(value) && coefficient.every(isScore)) {
        constant[first + leaf] = value;
        termCounts[first + leaf] = count;
        columns.push(own.column.subarray(term, term + count));
        coefficients.push(coefficient);
      }
      term += count;
    }
  }
  const termOffset = new Int32Array(leafValue.length + 1);
  for (const [leaf, count] of termCounts.entries()) termOffset[leaf + 1] = (termOffset[leaf] ?? 0) + count;
  const termColumn = new Int32Array(termOffset[leafValue.length] ?? 0);
  const coefficient = new Float64Array(termColumn.length);
  let at = 0;
  for (const [index, part] of columns.entries()) {
    termColumn.set(part, at);
    coefficient.set(coefficients[index] ?? [], at);
    at += part.length;
  }
  return { constant, termOffset, termColumn, coefficient, termMean: new Float64Array(termColumn.length) };
}

const isScore = (value: number): boolean => Math.abs(value) <= SCORE_MAX;

function readTree(fields: Fields, leafCount: number, place: string, fill: Filler) {
  const constant = new Float64Array(leafCount);
  const counts = new Int32Array(leafCount);
  fill(constant, fields, 'leaf_const', place);
  fill(counts, fields, 'num_features', place);
  const termCount = counts.reduce((sum, count) => sum + count, 0);
  const column = new Int32Array(termCount);
  const coefficient = new Float64Array(termCount);
  const terms = new Map(fields);
  for (const key of ['leaf_features', 'leaf_coeff'])
    terms.set(key, (fields.get(key) ?? '').split(' ').filter(Boolean).join(' '));
  fill(column, terms, 'leaf_features', place);
  fill(coefficient, terms, 'leaf_coeff', place);
  return { constant, counts, column, coefficient };
}
