import type { LinearLeaves, TreeArrays } from '#scoring';

/** Leaves [first, end); terms are views of the model's own. */
export function sliceLeaves(linear: LinearLeaves, first: number, end: number): LinearLeaves {
  const from = linear.termOffset[first] ?? 0;
  const to = linear.termOffset[end] ?? 0;
  return {
    constant: linear.constant.subarray(first, end),
    termOffset: linear.termOffset.slice(first, end + 1).map((offset) => offset - from),
    termColumn: linear.termColumn.subarray(from, to),
    coefficient: linear.coefficient.subarray(from, to),
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
  };
  let leaf = 0;
  let term = 0;
  for (const { constant, termOffset, termColumn, coefficient } of whole) {
    out.constant.set(constant, leaf);
    for (let i = 1; i <= constant.length; i += 1) out.termOffset[leaf + i] = term + (termOffset[i] ?? 0);
    out.termColumn.set(termColumn, term);
    out.coefficient.set(coefficient, term);
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
});
