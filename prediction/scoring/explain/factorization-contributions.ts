import { termsOf, type FactorizationArrays } from '../models/factorization-arrays.ts';
import { fieldCountOf, fieldsScore } from '../models/factorization.ts';
import { columnAdder } from '../models/linear.ts';
import type { Contributions, FeaturePlaces } from './contributions.ts';

/**
 * Shapley values of the game in which a coalition's worth is the raw score with the row's own numbers and vectors in the columns that are
 * known, and their means over the training rows in all others: the mean raw score, if fields are independent. A column's number adds
 * what it is more than on average, as in a linear model. The product of two vectors u and v with means m and n is a game of two, whose
 * first player is worth half of <u - m, n> + <u - m, v>. Summed over all pairs a column contributes
 *
 *     number - mean + <u - m, sum over all other fields of (u_g + m_g) / 2>
 *
 * Columns of one feature are summed, and the sum of all is exactly the raw score less that of the means.
 *
 * @param model checked, see `checkFactorization`
 * @param columns matrix column of each of the model's columns
 * @see Shapley 1953, "A value for n-person games" (linearity); Lundberg and Lee 2017, corollary 1 (the numbers)
 */
export function compileFactorizationContributions(
  model: FactorizationArrays,
  columns: Int32Array,
  { ofColumn, count }: FeaturePlaces,
): Contributions {
  const { outputCount, rank, intercept, columnField, mean } = model;
  const size = 1 + rank;
  const width = outputCount * size;
  const addTerms = columnAdder(termsOf(model));
  const fieldMeans = new Float64Array(fieldCountOf(model) * width);
  for (let column = 0; column < columns.length; column += 1)
    addTo(fieldMeans, (columnField[column] ?? 0) * width, mean, column * width, width);
  const terms = new Float64Array(columns.length * width);
  const fields = new Float64Array(fieldMeans.length);
  const halves = new Float64Array(width);
  return {
    baseValues: intercept.map((own, output) => own + fieldsScore(fieldMeans, output * size, width, rank)),
    add: (values, base, weight, out) => {
      terms.fill(0);
      fields.fill(0);
      halves.fill(0);
      for (let column = 0; column < columns.length; column += 1) {
        addTerms(column, values[base + (columns[column] ?? 0)] ?? NaN, terms, column * width);
        addTo(fields, (columnField[column] ?? 0) * width, terms, column * width, width);
      }
      // From here on (u_f + m_f) / 2, and their sum.
      for (let at = 0; at < fields.length; at += 1) fields[at] = ((fields[at] ?? NaN) + (fieldMeans[at] ?? NaN)) / 2;
      for (let at = 0; at < fields.length; at += width) addTo(halves, 0, fields, at, width);
      for (let column = 0; column < columns.length; column += 1) {
        const field = (columnField[column] ?? 0) * width;
        const place = ofColumn[columns[column] ?? 0] ?? 0;
        for (let output = 0; output < outputCount; output += 1) {
          const first = output * size;
          let gain = (terms[column * width + first] ?? NaN) - (mean[column * width + first] ?? NaN);
          for (let at = first + 1; at < first + size; at += 1) {
            const others = (halves[at] ?? NaN) - (fields[field + at] ?? NaN);
            gain += ((terms[column * width + at] ?? NaN) - (mean[column * width + at] ?? NaN)) * others;
          }
          out[output * count + place] = (out[output * count + place] ?? NaN) + weight * gain;
        }
      }
    },
  };
}

function addTo(sums: Float64Array, to: number, terms: Float64Array, from: number, count: number): void {
  for (let i = 0; i < count; i += 1) sums[to + i] = (sums[to + i] ?? NaN) + (terms[from + i] ?? NaN);
}
