import { compileLeafFinder, type LinearLeaves, type TreeArrays } from '#scoring';
import type { EncodedRows } from './encoder.ts';

/** Leaves [first, end); terms are views of the model's own. */
export function sliceLeaves(linear: LinearLeaves, first: number, end: number): LinearLeaves {
  const from = linear.termOffset[first] ?? 0;
  const to = linear.termOffset[end] ?? 0;
  return {
    constant: linear.constant.subarray(first, end),
    termOffset: linear.termOffset.slice(first, end + 1).map((offset) => offset - from),
    termColumn: linear.termColumn.subarray(from, to),
    coefficient: linear.coefficient.subarray(from, to),
    termMean: linear.termMean.subarray(from, to),
  };
}

/** The leaves of all parts in order; those of a part without linear ones are constants. */
export function concatLeaves(parts: readonly Pick<TreeArrays, 'leafValue' | 'linear'>[]): LinearLeaves {
  const whole = parts.map(({ leafValue, linear }): LinearLeaves => linear ?? constantLeaves(leafValue));
  const leafCount = whole.reduce((sum, { constant }) => sum + constant.length, 0);
  const termCount = whole.reduce((sum, { coefficient }) => sum + coefficient.length, 0);
  const out = {
    constant: new Float64Array(leafCount),
    termOffset: new Int32Array(leafCount + 1),
    termColumn: new Int32Array(termCount),
    coefficient: new Float64Array(termCount),
    termMean: new Float64Array(termCount),
  };
  let leaf = 0;
  let term = 0;
  for (const { constant, termOffset, termColumn, coefficient, termMean } of whole) {
    out.constant.set(constant, leaf);
    for (let i = 1; i <= constant.length; i += 1) out.termOffset[leaf + i] = term + (termOffset[i] ?? 0);
    out.termColumn.set(termColumn, term);
    out.coefficient.set(coefficient, term);
    out.termMean.set(termMean, term);
    leaf += constant.length;
    term += coefficient.length;
  }
  return out;
}

const constantLeaves = (leafValue: Float64Array): LinearLeaves => ({
  constant: leafValue,
  termOffset: new Int32Array(leafValue.length + 1),
  termColumn: new Int32Array(0),
  coefficient: new Float64Array(0),
  termMean: new Float64Array(0),
});

/** Numbers beyond say nothing of a mean, so that all means are numbers that an artefact may hold. */
const NUMBER_MAX = 1e99;

/** The same trees, each linear leaf with its terms' means over those of the rows which come to it and miss none of its terms' numbers. */
export async function withTermMeans(trees: TreeArrays, training: EncodedRows): Promise<TreeArrays> {
  const { linear, treeCount } = trees;
  if (linear === undefined) return trees;
  const { termOffset, termColumn } = linear;
  const sums = new Float64Array(termColumn.length);
  const rowCounts = new Float64Array(linear.constant.length);
  const leafOf = compileLeafFinder(
    trees,
    Int32Array.from({ length: training.columnCount }, (_, column) => column),
  );
  await training.forEach((values, rowCount) => {
    for (let row = 0; row < rowCount; row += 1) {
      const base = row * training.columnCount;
      for (let tree = 0; tree < treeCount; tree += 1) {
        const leaf = leafOf(tree, values, base);
        const [from, to] = [termOffset[leaf] ?? 0, termOffset[leaf + 1] ?? 0];
        let isKnown = true;
        for (let term = from; term < to; term += 1)
          isKnown &&= Math.abs(values[base + (termColumn[term] ?? 0)] ?? NaN) <= NUMBER_MAX;
        if (!isKnown) continue;
        rowCounts[leaf] = (rowCounts[leaf] ?? 0) + 1;
        for (let term = from; term < to; term += 1)
          sums[term] = (sums[term] ?? 0) + (values[base + (termColumn[term] ?? 0)] ?? 0);
      }
    }
  });
  const termMean = sums.slice();
  for (const [leaf, count] of rowCounts.entries())
    for (let term = termOffset[leaf] ?? 0; term < (termOffset[leaf + 1] ?? 0); term += 1)
      termMean[term] = count === 0 ? 0 : (sums[term] ?? 0) / count;
  return { ...trees, linear: { ...linear, termMean } };
}
