import type { LinearArrays } from './linear-arrays.ts';

/**
 * A network of one hidden layer of cosines, the form that artefacts store. Each matrix column is turned into `columnSize[j]` inputs, by a
 * function of the column alone; a unit's angle is a weighted sum of all inputs, and an output a weighted sum of the units' cosines:
 *
 *     angle(u) = phase(u) + sum over the inputs i of input(i) x inputWeight(i, u)
 *     raw(o)   = intercept(o) + sum over the units u of cos(angle(u)) x outputWeight(u, o)
 *
 * Points, knots and kinds of columns are as in {@link LinearArrays}: the inputs of a number are interpolated between its knots and constant
 * beyond them, those of a category are one vector a code. NaN, and a code without a point, have the inputs `otherwise`; a column without
 * points has them always. Weights are of single precision, as they were fitted; what is evaluated is of double precision.
 *
 * Columns of one feature are one field. Since an angle is a sum over fields, the cosine is the real part of a product over fields, which
 * is what its exact explanation rests on.
 *
 * @see Rahimi and Recht 2007, "Random features for large-scale kernel machines" (cosines of random projections; these are fitted)
 */
export interface NetworkArrays {
  readonly outputCount: number;
  readonly unitCount: number;
  readonly columnCount: number;
  /** outputs */
  readonly intercept: Float64Array;
  /** units, in radians */
  readonly phase: Float32Array;
  /** inputs x units */
  readonly inputWeight: Float32Array;
  /** units x outputs */
  readonly outputWeight: Float32Array;
  /** one a column: its field; all of 0, 1, ... are there */
  readonly columnField: Int32Array;
  /** one a column: how many inputs it becomes, 1 or more; the inputs of all columns stand one after the other */
  readonly columnSize: Int32Array;
  /** See {@link LinearArrays}. */
  readonly columnKind: LinearArrays['columnKind'];
  readonly pointOffset: LinearArrays['pointOffset'];
  readonly knot: LinearArrays['knot'];
  /** for each column, one after the other: its points x its inputs */
  readonly value: Float32Array;
  /** inputs */
  readonly otherwise: Float32Array;
  /**
   * fields x units: weighted mean over the rows that trained of the cosine of what the field adds to the angle, and of the sine. Explanations
   * need them, no prediction does.
   */
  readonly meanCosine: Float32Array;
  readonly meanSine: Float32Array;
}
