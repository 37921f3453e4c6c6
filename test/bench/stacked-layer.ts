/**
 * A stacked layer, to be compared with the greedy weights of ensembles: a linear model over the raw scores of other models, with a
 * coefficient a model (not below 0, the same for all classes), an intercept an output and a ridge penalty. It is no part of the
 * product: `docs/adr/0038-stacked-layer.md` has what it was found to be worth.
 */
import type { AutopilotPlan } from '#contracts';
import type { OutOfFold } from '#ml';
import { objectiveOf } from '../../yarn-workers/ml/blueprints/objective.ts';
import { linkScale } from '../../yarn-workers/ml/ensemble/link-scale.ts';

/** Penalties, relative to the mean curvature of the models' coefficients. */
const PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1] as const;
const NEWTON_STEPS = 12;
const SWEEPS = 200;

/** Scores of models for the same rows: by model rows x outputs; label is a class index or a value. */
interface Table {
  readonly raw: readonly Float64Array[];
  readonly labels: Float64Array;
  readonly outputCount: number;
  readonly kind: 'binary' | 'multiclass' | 'regression';
}

interface Curvature {
  loss: number;
  readonly gradient: Float64Array;
  /** Parameters x parameters. */
  readonly hessian: Float64Array;
}

/** A layer, and what it predicts of rows that its coefficients have not seen. */
export interface Stacked {
  /** One a model, then one an output. */
  readonly parameters: Float64Array;
  readonly penalty: number;
  readonly outOfFold: OutOfFold;
}

/**
 * The layer of models with out-of-fold predictions by folds. Each fold is predicted by coefficients, and a penalty, that were
 * chosen without it: the penalty by leaving out each of the other folds in turn.
 */
export function stack({ target, metric }: AutopilotPlan, held: readonly OutOfFold[]): Stacked {
  const [first] = held;
  if (first === undefined) throw new Error('no models to be stacked');
  const scale = linkScale(target, objectiveOf(target, metric));
  const rowCount = first.rows.length;
  const raw = held.map(({ predictions }) => {
    const out = new Float64Array(predictions.length);
    scale.toRaw(predictions, 0, rowCount, out);
    return out;
  });
  const { positiveClass } = target;
  const labels = Float64Array.from(first.rows, (_, row) => {
    const index = first.classes?.[row];
    if (index === undefined) return first.values?.[row] ?? NaN;
    return target.targetType === 'binary' ? Number(index === positiveClass) : index;
  });
  const table: Table = { raw, labels, outputCount: first.outputCount, kind: target.targetType };
  const folds = Array.from({ length: first.foldCount }, (_, fold) => fold);
  const rowsWithout = (...left: number[]): Uint32Array =>
    Uint32Array.from(first.rows.keys()).filter((row) => !left.includes(first.partitions[row] ?? -1));
  const rowsOf = (fold: number): Uint32Array =>
    Uint32Array.from(first.rows.keys()).filter((row) => first.partitions[row] === fold);
  const penaltyWithout = (...left: number[]): number => {
    const others = folds.filter((fold) => !left.includes(fold));
    const losses = PENALTIES.map((penalty) =>
      others.reduce(
        (sum, fold) => sum + lossOf(table, rowsOf(fold), fitLayer(table, rowsWithout(...left, fold), penalty)),
        0,
      ),
    );
    return PENALTIES[losses.indexOf(Math.min(...losses))] ?? PENALTIES[0];
  };
  const sum = new Float64Array(rowCount * first.outputCount);
  for (const fold of folds) {
    const parameters = fitLayer(table, rowsWithout(fold), penaltyWithout(fold));
    for (const row of rowsOf(fold)) writeScores(table, row, parameters, sum, row * first.outputCount);
  }
  const penalty = penaltyWithout();
  const parameters = fitLayer(table, rowsWithout(), penalty);
  return { parameters, penalty, outOfFold: { ...first, predictions: scale.toPredictions(sum) } };
}

/** What a layer makes of its models' predictions. */
export function stackedPredictions(
  { target, metric }: AutopilotPlan,
  predictions: readonly Float64Array[],
  parameters: Float64Array,
): Float64Array {
  const scale = linkScale(target, objectiveOf(target, metric));
  const { outputCount } = scale;
  const rowCount = (predictions[0]?.length ?? 0) / outputCount;
  const raw = predictions.map((each) => {
    const out = new Float64Array(each.length);
    scale.toRaw(each, 0, rowCount, out);
    return out;
  });
  const sum = new Float64Array(rowCount * outputCount);
  for (let row = 0; row < rowCount; row += 1)
    writeScores({ raw, outputCount }, row, parameters, sum, row * outputCount);
  return scale.toPredictions(sum);
}

function writeScores(
  { raw, outputCount }: Pick<Table, 'raw' | 'outputCount'>,
  row: number,
  parameters: Float64Array,
  out: Float64Array,
  at: number,
): void {
  for (let output = 0; output < outputCount; output += 1) {
    let score = parameters[raw.length + output] ?? 0;
    for (const [model, scores] of raw.entries())
      score += (parameters[model] ?? 0) * (scores[row * outputCount + output] ?? NaN);
    out[at + output] = score;
  }
}

/** Shares of the outputs of one row, and its loss. */
function sharesOf(kind: Table['kind'], scores: Float64Array, label: number, out: Float64Array): number {
  const [score = NaN] = scores;
  if (kind === 'regression') {
    out[0] = score;
    return 0.5 * (score - label) ** 2;
  }
  if (kind === 'binary') {
    out[0] = 1 / (1 + Math.exp(-score));
    const signed = label === 1 ? -score : score;
    return Math.max(signed, 0) + Math.log1p(Math.exp(-Math.abs(signed)));
  }
  const most = Math.max(...scores);
  let sum = 0;
  for (let i = 0; i < scores.length; i += 1) sum += out[i] = Math.exp((scores[i] ?? NaN) - most);
  for (let i = 0; i < scores.length; i += 1) out[i] = (out[i] ?? NaN) / sum;
  return Math.log(sum) + most - (scores[label] ?? NaN);
}

function lossOf(table: Table, rows: Uint32Array, parameters: Float64Array): number {
  const scores = new Float64Array(table.outputCount);
  const shares = new Float64Array(table.outputCount);
  let loss = 0;
  for (const row of rows) {
    writeScores(table, row, parameters, scores, 0);
    loss += sharesOf(table.kind, scores, table.labels[row] ?? NaN, shares);
  }
  return loss;
}

/** Loss, gradient and Hessian without the penalty. */
function curvatureOf(table: Table, rows: Uint32Array, parameters: Float64Array): Curvature {
  const { raw, outputCount, kind } = table;
  const size = parameters.length;
  const out = { loss: 0, gradient: new Float64Array(size), hessian: new Float64Array(size * size) };
  const scores = new Float64Array(outputCount);
  const shares = new Float64Array(outputCount);
  const inputs = Array.from({ length: outputCount }, () => new Float64Array(size));
  const mean = new Float64Array(size);
  for (const row of rows) {
    writeScores(table, row, parameters, scores, 0);
    const label = table.labels[row] ?? NaN;
    out.loss += sharesOf(kind, scores, label, shares);
    mean.fill(0);
    for (const [output, input] of inputs.entries()) {
      for (const [model, each] of raw.entries()) input[model] = each[row * outputCount + output] ?? NaN;
      input[raw.length + output] = 1;
      const share = shares[output] ?? NaN;
      const wanted = kind === 'multiclass' ? Number(label === output) : label;
      for (let i = 0; i < size; i += 1) {
        out.gradient[i] = (out.gradient[i] ?? 0) + (share - wanted) * (input[i] ?? 0);
        mean[i] = (mean[i] ?? 0) + share * (input[i] ?? 0);
      }
    }
    for (const [output, input] of inputs.entries()) {
      const share = shares[output] ?? NaN;
      const weight = kind === 'regression' ? 1 : kind === 'binary' ? share * (1 - share) : share;
      const centre = kind === 'multiclass' ? mean : null;
      for (let i = 0; i < size; i += 1) {
        const left = weight * ((input[i] ?? 0) - (centre?.[i] ?? 0));
        for (let j = 0; j <= i; j += 1)
          out.hessian[i * size + j] = (out.hessian[i * size + j] ?? 0) + left * ((input[j] ?? 0) - (centre?.[j] ?? 0));
      }
    }
  }
  for (let i = 0; i < size; i += 1)
    for (let j = i + 1; j < size; j += 1) out.hessian[i * size + j] = out.hessian[j * size + i] ?? 0;
  return out;
}

/** Projected Newton: each quadratic model is minimised by coordinate descent, and the step halved until the loss falls. */
function fitLayer(table: Table, rows: Uint32Array, penalty: number): Float64Array {
  const modelCount = table.raw.length;
  const size = modelCount + table.outputCount;
  let parameters = new Float64Array(size).fill(1 / modelCount, 0, modelCount);
  let ridge: Float64Array | null = null;
  for (let step = 0; step < NEWTON_STEPS; step += 1) {
    const curvature = curvatureOf(table, rows, parameters);
    ridge ??= ridgeOf(curvature.hessian, modelCount, size, penalty);
    const target = minimum(curvature, parameters, ridge, modelCount);
    const before = curvature.loss + penaltyOf(parameters, ridge);
    let share = 1;
    let next = parameters;
    for (; share > 1e-3; share /= 2) {
      next = parameters.map((value, i) => value + share * ((target[i] ?? 0) - value));
      if (lossOf(table, rows, next) + penaltyOf(next, ridge) < before) break;
    }
    const moved = Math.max(...next.map((value, i) => Math.abs(value - (parameters[i] ?? 0))));
    if (share <= 1e-3) break;
    parameters = next;
    if (moved < 1e-7) break;
  }
  return parameters;
}

/** What each squared parameter costs; intercepts next to nothing, so that those of classes are one answer. */
function ridgeOf(hessian: Float64Array, modelCount: number, size: number, penalty: number): Float64Array {
  let curvature = 0;
  for (let i = 0; i < modelCount; i += 1) curvature += (hessian[i * size + i] ?? 0) / modelCount;
  return new Float64Array(size).fill(penalty * curvature, 0, modelCount).fill(1e-6, modelCount);
}

const penaltyOf = (parameters: Float64Array, ridge: Float64Array): number =>
  parameters.reduce((sum, value, i) => sum + 0.5 * (ridge[i] ?? 0) * value ** 2, 0);

function minimum(
  { gradient, hessian }: Curvature,
  from: Float64Array,
  ridge: Float64Array,
  modelCount: number,
): Float64Array {
  const size = from.length;
  const at = from.slice();
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    let moved = 0;
    for (let i = 0; i < size; i += 1) {
      let slope = (gradient[i] ?? 0) + (ridge[i] ?? 0) * (at[i] ?? 0);
      for (let j = 0; j < size; j += 1) slope += (hessian[i * size + j] ?? 0) * ((at[j] ?? 0) - (from[j] ?? 0));
      const wanted = (at[i] ?? 0) - slope / ((hessian[i * size + i] ?? 0) + (ridge[i] ?? 0));
      const value = i < modelCount ? Math.max(0, wanted) : wanted;
      moved = Math.max(moved, Math.abs(value - (at[i] ?? 0)));
      at[i] = value;
    }
    if (moved < 1e-9) break;
  }
  return at;
}
