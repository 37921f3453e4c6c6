import { angleAdder, networkInputs } from '../models/network.ts';
import { countFields, type NetworkArrays } from '../models/network-arrays.ts';
import type { Contributions, FeaturePlaces } from './contributions.ts';
import { EXPLANATION_STEPS_MAX, spendSteps, type StepBudget } from './forest-contributions.ts';
import { productGame } from './product-game.ts';
import { pointCountFor } from './product-points.ts';

/** Steps of the budget that a factor takes at a point. */
const STEPS_PER_FACTOR = 0.5;
/** How many times the budget the rarest row may take. */
const RARE_TIMES = 8;

/**
 * Shapley values of the game whose players are a network's fields. An angle is a sum over fields, so the cosine of a unit is the real part of
 * a product over fields of a_f = exp(i x what the field adds to the angle); a field that is not known counts as m_f, the mean
 * of a_f over the training rows:
 *
 *     worth(S) = intercept + sum over the units of weight x Re[exp(i phase) x product over f in S of a_f x product over the others of m_f]
 *
 * which is the mean raw score where the unknown fields are independent of each other. The base value is the worth of nothing, which is not
 * the plain mean of the raw score where they are not. Each unit is a product game, see `productGame`, and Shapley values of a sum are the sum
 * of Shapley values: exact, but for the last bits. O(fields x units x points) a row: 280 us of CPU a row of 14 fields, 256 units.
 *
 * A field's contribution is that of its first column's feature.
 *
 * @param model checked, see `checkNetwork`
 * @param columns matrix column of each of the model's columns
 * @param budget what is left of EXPLANATION_STEPS_MAX, other members taken off
 * @throws NOT_AVAILABLE where rows would take more than is left
 * @see Shapley 1953, "A value for n-person games" (linearity)
 */
export function compileNetworkContributions(
  model: NetworkArrays,
  columns: Int32Array,
  { ofColumn, count }: FeaturePlaces,
  budget: StepBudget = { left: EXPLANATION_STEPS_MAX },
): Contributions {
  const { outputCount, unitCount, columnField, columnSize } = model;
  const fieldCount = countFields(columnField);
  spendSteps(budget, stepsOf(model, fieldCount), 'its networks', 'fewer features');
  const placeOfField = new Int32Array(fieldCount);
  for (let column = columns.length - 1; column >= 0; column -= 1)
    placeOfField[columnField[column] ?? 0] = ofColumn[columns[column] ?? 0] ?? 0;
  const writeInputs = networkInputs(model, columns);
  const addInputs = angleAdder(model);
  const inputs = new Float64Array(model.otherwise.length);
  const angles = new Float64Array(fieldCount * unitCount);
  const meanCosine = Float64Array.from(model.meanCosine);
  const meanSine = Float64Array.from(model.meanSine);
  const outputWeight = Float64Array.from(model.outputWeight);
  const phases = Float64Array.from(model.phase);
  const { known, unknown, shapley } = productGame(fieldCount);
  return {
    baseValues: worthOfNothing(model, fieldCount),
    add: (values, base, weight, out) => {
      writeInputs(values, base, inputs);
      angles.fill(0);
      for (let column = 0, first = 0; column < columns.length; column += 1) {
        const end = first + (columnSize[column] ?? 0);
        addInputs(inputs, first, end, angles, (columnField[column] ?? 0) * unitCount);
        first = end;
      }
      for (let unit = 0; unit < unitCount; unit += 1) {
        for (let field = 0, at = unit; field < fieldCount; field += 1, at += unitCount) {
          const angle = angles[at] ?? NaN;
          known.real[field] = Math.cos(angle);
          known.imaginary[field] = Math.sin(angle);
          unknown.real[field] = meanCosine[at] ?? NaN;
          unknown.imaginary[field] = meanSine[at] ?? NaN;
        }
        const phase = phases[unit] ?? NaN;
        const gains = shapley(Math.cos(phase), Math.sin(phase));
        for (let output = 0; output < outputCount; output += 1) {
          const scale = weight * (outputWeight[unit * outputCount + output] ?? NaN);
          for (let field = 0; field < fieldCount; field += 1) {
            const at = output * count + (placeOfField[field] ?? 0);
            out[at] = (out[at] ?? NaN) + scale * (gains[field] ?? NaN);
          }
        }
      }
    },
  };
}

/**
 * Steps of a row: on average over the training rows at most, since the mean of what `pointCountFor` is given is known; or an eighth of what a
 * row could take all of whose fields are as far from their means as can be, if that is more.
 */
function stepsOf({ unitCount, meanCosine, meanSine }: NetworkArrays, fieldCount: number): number {
  let average = 0;
  let most = 0;
  for (let unit = 0; unit < unitCount; unit += 1) {
    let [radii, turned, spread] = [0, 0, 0];
    for (let at = unit; at < meanCosine.length; at += unitCount) {
      const radius = Math.min(1, Math.hypot(meanCosine[at] ?? NaN, meanSine[at] ?? NaN));
      const variance = 1 - radius ** 2;
      radii += radius;
      turned += radius * Math.sqrt(variance);
      spread += variance;
    }
    average += pointCountFor(turned, spread, fieldCount);
    most += pointCountFor(radii, fieldCount + radii, fieldCount);
  }
  return STEPS_PER_FACTOR * fieldCount * Math.max(average, most / RARE_TIMES);
}

/** By output: the intercept, and each unit with the means of all its fields. */
function worthOfNothing(model: NetworkArrays, fieldCount: number): Float64Array {
  const { outputCount, unitCount, intercept, phase, meanCosine, meanSine, outputWeight } = model;
  const worth = intercept.slice();
  for (let unit = 0; unit < unitCount; unit += 1) {
    let [real, imaginary] = [Math.cos(phase[unit] ?? NaN), Math.sin(phase[unit] ?? NaN)];
    for (let field = 0, at = unit; field < fieldCount; field += 1, at += unitCount) {
      const [cosine, sine] = [meanCosine[at] ?? NaN, meanSine[at] ?? NaN];
      [real, imaginary] = [real * cosine - imaginary * sine, real * sine + imaginary * cosine];
    }
    for (let output = 0; output < outputCount; output += 1)
      worth[output] = (worth[output] ?? NaN) + real * (outputWeight[unit * outputCount + output] ?? NaN);
  }
  return worth;
}
