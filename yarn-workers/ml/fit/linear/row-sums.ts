import type { GlmFamily } from '../../blueprints/objective.ts';
import { gather, gatherSquares, predictorOf, zeroCoefficients, type Coefficients, type Design } from './design.ts';
import { lossOf } from './families.ts';
import type { TrainingRows } from './path.ts';

/** What some rows say of one output's coefficients. */
export interface OutputSums {
  /** By how much the loss falls with each coefficient. */
  readonly descents: Coefficients;
  /** Second derivatives by each coefficient alone; above 0 where rows have the level. */
  readonly curvatures: Coefficients;
}

/**
 * What some rows say of a model: sums over them, so those of two parts of the rows are the sums of both. Memory: 16 bytes a
 * coefficient, whatever the number of rows.
 */
export interface RowSums {
  /** By weight. */
  loss: number;
  readonly outputs: readonly OutputSums[];
}

/** The sums of some rows at a model, in row order. */
export function sumsAt(
  family: GlmFamily,
  { design, labels, weights, offsets }: TrainingRows,
  model: readonly Coefficients[],
): RowSums {
  const { rowCount } = design;
  const predictors = model.map((coefficients) => {
    const predictor = new Float64Array(rowCount);
    predictorOf(design, coefficients, predictor);
    for (let row = 0; offsets !== null && row < rowCount; row += 1)
      predictor[row] = (predictor[row] ?? NaN) + (offsets[row] ?? NaN);
    return predictor;
  });
  const loss = lossOf(family, labels, weights, model.length);
  loss.refresh(predictors);
  const gradient = new Float64Array(rowCount);
  const curvature = new Float64Array(rowCount);
  const outputs = predictors.map((predictor, output): OutputSums => {
    loss.ofOutput(output).derivatives(predictor, gradient, curvature);
    return { descents: summed(design, gradient, gather), curvatures: summed(design, curvature, gatherSquares) };
  });
  return { loss: loss.whole(predictors), outputs };
}

function summed(design: Design, factors: Float64Array, add: typeof gather): Coefficients {
  const sums = zeroCoefficients(
    design,
    factors.reduce((sum, factor) => sum + factor, 0),
  );
  for (const [index, block] of design.blocks.entries()) add(block, factors, sums.blocks[index] ?? new Float64Array(0));
  return sums;
}

/** The sums of no rows. */
export function emptySums(design: Pick<Design, 'blocks'>, outputCount: number): RowSums {
  const zero = (): OutputSums => ({
    descents: zeroCoefficients(design, 0),
    curvatures: zeroCoefficients(design, 0),
  });
  return { loss: 0, outputs: Array.from({ length: outputCount }, zero) };
}

/** Adds the sums of further rows. */
export function addSums(to: RowSums, more: RowSums): void {
  to.loss += more.loss;
  for (const [output, { descents, curvatures }] of to.outputs.entries()) {
    const further = more.outputs[output];
    if (further === undefined) continue;
    addCoefficients(descents, further.descents);
    addCoefficients(curvatures, further.curvatures);
  }
}

function addCoefficients(to: Coefficients, more: Coefficients): void {
  to.intercept += more.intercept;
  for (const [index, block] of to.blocks.entries()) {
    const further = more.blocks[index];
    for (let level = 0; level < block.length; level += 1)
      block[level] = (block[level] ?? 0) + (further?.[level] ?? NaN);
  }
}
