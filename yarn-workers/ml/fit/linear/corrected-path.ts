import { AppError } from '#contracts';
import { combined, copyOfCoefficients, predictorOf, type Coefficients, type Design } from './design.ts';
import { lossOf } from './families.ts';
import { centre, type NewtonOptions, type OutputState } from './newton.ts';
import { centreClasses, fitter, type PathJob, type PenaltyPath } from './path.ts';
import { sumsAt, type OutputSums, type RowSums } from './row-sums.ts';
import type { Tilt } from './tilt.ts';

/**
 * A coefficient's curvature is lacking where that of all rows is so many times as large: chance alone does that where a level has some
 * dozens of rows at hand, or fewer. Squares for all that lacks a little would slow down directions in which columns nearly agree.
 */
const LACKING_RATIO = 1.25;

/**
 * Fits penalties as if on all rows, with a part of them at hand: to the loss of the part is added a linear term that gives it the
 * slope of all rows' loss at a model, so that where that model is the best of all rows it stays. The part's curvature stands for that
 * of all rows: of the distance to their best model some sqrt(coefficients / rows of the part) is left after a step.
 *
 * Where the part has fewer rows of a level than its share, a square about the model makes up for the curvature that lacks, coefficient by
 * coefficient: else levels of few rows would go too far, and those of none without end.
 *
 * @param job the part; its weights sum up to 1, as those of all rows do
 * @param from the model
 * @param all sums of all rows at the model
 * @see Jordan, Lee, Yang 2019, "Communication-efficient distributed statistical inference", J. Am. Stat. Assoc. 114 (the linear term,
 * also with penalties); Shamir, Srebro, Zhang 2014, "Communication-efficient distributed optimization using an approximate
 * Newton-type method" (the square)
 */
export function correctedPath(
  { training, family, outputCount, l1Ratio }: PathJob,
  options: NewtonOptions,
  from: readonly Coefficients[],
  all: RowSums,
): PenaltyPath['fitAt'] {
  const { design, labels, weights, offsets } = training;
  const own = sumsAt(family, training, from);
  const states = from.map((coefficients, output): OutputState => {
    const predictor = new Float64Array(design.rowCount);
    predictorOf(design, coefficients, predictor);
    for (let row = 0; offsets !== null && row < predictor.length; row += 1)
      predictor[row] = (predictor[row] ?? NaN) + (offsets[row] ?? NaN);
    const [ofAll, ofOwn] = [all.outputs[output], own.outputs[output]];
    if (ofAll === undefined || ofOwn === undefined)
      throw new AppError('INTERNAL', `${all.outputs.length} outputs of sums, expected ${from.length}`);
    return { coefficients: copyOfCoefficients(coefficients), predictor, tilt: tiltTo(coefficients, ofOwn, ofAll) };
  });
  const fit = fitter(design, lossOf(family, labels, weights, outputCount), states, options);
  return (lambda) => {
    const isWhole = fit({ lambda, l1Ratio });
    const made = states.map(({ coefficients }) => ({ coefficients: copyOfCoefficients(coefficients) }));
    for (const [output, { coefficients }] of made.entries())
      centreBlocks(design, coefficients, all.outputs[output]?.curvatures, l1Ratio);
    if (made.length > 1) centreClasses(made, { l1Ratio });
    return { outputs: made.map(({ coefficients }) => coefficients), isWhole };
  };
}

/** Takes what all levels of a category share out of them; predictions stay as they are. */
function centreBlocks(
  { blocks }: Design,
  coefficients: Coefficients,
  curvatures: Coefficients | undefined,
  l1Ratio: number,
): void {
  for (const [index, block] of blocks.entries()) {
    const [own, curves] = [coefficients.blocks[index], curvatures?.blocks[index]];
    if (block.isComplete && own !== undefined && curves !== undefined)
      coefficients.intercept += centre(own, curves, { l1Ratio });
  }
}

/** See {@link correctedPath}. */
function tiltTo(from: Coefficients, own: OutputSums, all: OutputSums): Tilt {
  const square = combined(all.curvatures, own.curvatures, (ofAll, ofOwn) =>
    ofAll > LACKING_RATIO * ofOwn ? ofAll - ofOwn : 0,
  );
  const ofSquare = combined(square, from, (curve, value) => curve * value);
  const lacking = combined(all.descents, own.descents, (ofAll, ofOwn) => ofAll - ofOwn);
  return { linear: combined(lacking, ofSquare, (a, b) => a + b), square };
}
