import { columnAdder } from '../models/linear.ts';
import type { LinearArrays } from '../models/linear-arrays.ts';
import type { Contributions, FeaturePlaces } from './contributions.ts';

/**
 * Shapley values of the game in which a coalition's worth is the mean of the raw score over the training rows, with the
 * row's own values in the columns that are known. Columns only add up, so whatever else is known, knowing one moves the
 * worth by what it adds for this row less what it adds on average: that difference is its value, and correlated columns
 * change nothing. Columns of one feature are summed.
 *
 * @param linear checked, see `checkLinear`
 * @param columns matrix column of each of the model's columns
 * @see Lundberg and Lee 2017, "A Unified Approach to Interpreting Model Predictions", corollary 1 (Linear SHAP)
 */
export function compileLinearContributions(
  linear: LinearArrays,
  columns: Int32Array,
  { ofColumn, count }: FeaturePlaces,
): Contributions {
  const { outputCount, mean } = linear;
  const add = columnAdder(linear);
  const added = new Float64Array(outputCount);
  const baseValues = linear.intercept.slice();
  for (let column = 0; column < columns.length; column += 1)
    for (let output = 0; output < outputCount; output += 1)
      baseValues[output] = (baseValues[output] ?? NaN) + (mean[column * outputCount + output] ?? NaN);
  return {
    baseValues,
    add: (values, base, weight, out) => {
      for (let column = 0; column < columns.length; column += 1) {
        const place = columns[column] ?? 0;
        added.fill(0);
        add(column, values[base + place] ?? NaN, added, 0);
        for (let output = 0; output < outputCount; output += 1) {
          const at = output * count + (ofColumn[place] ?? 0);
          const gain = (added[output] ?? NaN) - (mean[column * outputCount + output] ?? NaN);
          out[at] = (out[at] ?? NaN) + weight * gain;
        }
      }
    },
  };
}
