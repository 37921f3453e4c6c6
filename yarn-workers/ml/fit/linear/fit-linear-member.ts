import { AppError, type ManifestStep } from '#contracts';
import { stepColumns, type LinearArrays } from '#scoring';
import { neumaierSum } from '#statistics';
import type { LinearSettings } from '../../blueprints/linear-settings.ts';
import { checkCancelled } from '../clock.ts';
import { tableEncoder } from '../encoder.ts';
import { monotoneColumns, type MemberContext } from '../fit-member.ts';
import { countRows, trainingRows, validationRows, type Member } from '../row-roles.ts';
import { stoppingLoss } from '../stopping-loss.ts';
import { blocksOf, linearArrays, planColumn, type ColumnPlan, type ColumnSpec } from './columns.ts';
import { predictorOf, scaled, type Coefficients, type Design } from './design.ts';
import { penaltyPath, type PenaltyPath } from './path.ts';

/**
 * A step is done when no coefficient's last change, squared and in units of the null model's squared error, is above this.
 * glmnet's default is 1e-7.
 */
const TOLERANCE = 1e-6;

/** A fitted member. */
export interface FittedLinear {
  readonly linear: LinearArrays;
  /** Steps of the path to the model that is kept. */
  readonly iterations: number;
  readonly stoppedByDeadline: boolean;
  /** Time spent scoring validation rows, for the estimate of what predicting will take. */
  readonly validateMs: number;
}

/** Rows of a member: raw columns first, a design then. */
interface EncodedPart {
  readonly rowCount: number;
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  /** One array a matrix column, NaN is missing; emptied while the design is made. */
  readonly columns: Float64Array[];
}

/**
 * Fits a path of penalties on the member's training rows and keeps the step that is best on its fold; a refit goes as many
 * steps as its twin kept on average.
 *
 * Memory: 8 bytes a cell while the rows are read, then up to 6 a cell (18 of broken lines), and 24 bytes a row and some 16 a
 * row and output. `designSample` sees to it that this is bounded.
 *
 * @param run when it must end, and who is told after each step; a step that is cut short is not kept if there is another
 * @throws TASK_DEADLINE when a refit cannot make all its steps; TASK_CANCELLED
 */
export async function fitLinearMember(
  context: MemberContext<LinearSettings>,
  member: Member,
  steps: readonly ManifestStep[],
  run: { readonly stopAt: number; readonly onStep: (step: number) => Promise<void> },
): Promise<FittedLinear> {
  const { task, settings, objective, outputCount, io } = context;
  const { training, validation } = await encode(context, member, steps);
  const weight = neumaierSum(training.weights);
  const weights = training.weights.map((each) => each / weight);
  const specs = columnSpecs(context, steps);
  const plans = specs.map((spec, column) =>
    planColumn(spec, training.columns[column] ?? new Float64Array(0), weights, settings.pieces),
  );
  const unit = objective.glm === 'gaussian' ? deviationOf(training.labels, weights) : 1;
  const path = penaltyPath({
    family: objective.glm,
    outputCount,
    training: { design: designOf(plans, training), labels: training.labels.map((label) => label / unit), weights },
    l1Ratio: settings.l1Ratio,
    tolerance: TOLERANCE,
    isTooLate: () => {
      checkCancelled(io);
      return io.now() >= run.stopAt;
    },
  });
  const frozen = task.refit?.iterations ?? null;
  const judge = frozen === null ? validationJudge(context, plans, validation) : null;
  const inUnits: PenaltyPath = {
    ...path,
    fitAt: (lambda) => {
      const { outputs, isWhole } = path.fitAt(lambda);
      return { outputs: outputs.map((coefficients) => scaled(coefficients, unit)), isWhole };
    },
  };
  const chosen = await follow(inUnits, settings, frozen, judge, run.onStep);
  return { ...chosen, linear: linearArrays(plans, chosen.outputs), validateMs: judge?.spentMs() ?? 0 };
}

interface Chosen {
  readonly outputs: readonly Coefficients[];
  readonly iterations: number;
  readonly stoppedByDeadline: boolean;
}

/** Goes along the path: to the frozen step, or until the validation loss has not fallen for some steps. */
async function follow(
  { firstLambda, fitAt }: PenaltyPath,
  { penalties, penaltyRatio, earlyStoppingRounds: rounds }: LinearSettings,
  frozen: number | null,
  judge: ReturnType<typeof validationJudge> | null,
  onStep: (step: number) => Promise<void>,
): Promise<Chosen> {
  let best: { outputs: readonly Coefficients[]; step: number; loss: number } | null = null;
  let stoppedByDeadline = false;
  for (let step = 1; step <= (frozen ?? penalties); step += 1) {
    const made = fitAt(firstLambda * penaltyRatio ** ((step - 1) / Math.max(1, penalties - 1)));
    stoppedByDeadline = !made.isWhole;
    if (stoppedByDeadline && frozen !== null) throw refitTooLate(step - 1, frozen);
    if (stoppedByDeadline && best !== null) break;
    const loss = judge === null ? -step : judge.lossOf(made.outputs);
    if (best === null || loss < best.loss) best = { outputs: made.outputs, step, loss };
    await onStep(step);
    if (stoppedByDeadline || (rounds > 0 && judge !== null && step - best.step >= rounds)) break;
  }
  if (best === null) throw new AppError('INTERNAL', 'a path of penalties has no step');
  return { outputs: best.outputs, iterations: best.step, stoppedByDeadline };
}

const refitTooLate = (done: number, wanted: number): AppError =>
  new AppError(
    'TASK_DEADLINE',
    `the refit made ${done} of ${wanted} steps before its deadline; the validated model stands`,
  );

/**
 * What a value is measured in where the loss is a square: its deviation, or 1 where there is none. The absolute penalty
 * grows with the unit and the squared one does not, so that without it their shares would depend on it, as in glmnet.
 */
function deviationOf(labels: Float64Array, weights: Float64Array): number {
  const mean = neumaierSum(labels.map((label, row) => label * (weights[row] ?? 0)));
  const variance = neumaierSum(labels.map((label, row) => (weights[row] ?? 0) * (label - mean) ** 2));
  return variance > 0 ? Math.sqrt(variance) : 1;
}

/** The loss of the fold's rows, which is made of the same terms that boosting stops by. */
function validationJudge(
  { objective, outputCount, io }: MemberContext<LinearSettings>,
  plans: readonly ColumnPlan[],
  validation: EncodedPart,
) {
  const { labels, weights, rowCount } = validation;
  const design = designOf(plans, validation);
  const term = stoppingLoss(objective.stoppingMetric, labels, outputCount);
  const raw = new Float64Array(rowCount * outputCount);
  let spentMs = 0;
  return {
    lossOf: (outputs: readonly Coefficients[]): number => {
      const startedAt = io.now();
      for (const [output, coefficients] of outputs.entries())
        predictorOf(design, coefficients, raw, output, outputCount);
      let loss = 0;
      for (let row = 0; row < rowCount; row += 1) loss += (weights[row] ?? 0) * term(raw, row * outputCount, row);
      spentMs += io.now() - startedAt;
      return loss;
    },
    spentMs: () => spentMs,
  };
}

/** The design of some rows; their raw columns are let go one by one. */
function designOf(plans: readonly ColumnPlan[], part: EncodedPart): Design {
  const blocks = plans.flatMap((plan, column) => {
    const made = blocksOf(plan, part.columns[column] ?? new Float64Array(0));
    part.columns[column] = new Float64Array(0);
    return made;
  });
  return { rowCount: part.rowCount, blocks };
}

function columnSpecs({ task, features }: MemberContext<LinearSettings>, steps: readonly ManifestStep[]): ColumnSpec[] {
  const manifests = features.map(({ manifest }) => manifest);
  const signs = monotoneColumns(task, features, steps);
  return steps
    .flatMap((step): Omit<ColumnSpec, 'sign'>[] =>
      step.kind === 'category-codes'
        ? [{ kind: 'category', codeCount: step.keys.length + (step.missingCode === null ? 0 : 1) }]
        : stepColumns(step, manifests).map(() => ({ kind: 'number', codeCount: 0 })),
    )
    .map((spec, column) => ({ ...spec, sign: signs?.[column] ?? 0 }));
}

/** One pass that keeps the member's training rows of positive weight, and the rows of its fold. */
async function encode(
  context: MemberContext<LinearSettings>,
  member: Member,
  steps: readonly ManifestStep[],
): Promise<{ training: EncodedPart; validation: EncodedPart }> {
  const { features, source, rows, roles, io } = context;
  const encoder = tableEncoder(features, steps, source, io.signal);
  const inSample = (row: number): boolean => roles.sample === null || roles.sample[row] === 1;
  const hasWeight = (row: number): boolean => (rows.weights?.[row] ?? 1) > 0;
  const trains = trainingRows(roles, member);
  const validates = validationRows(roles, member);
  const training = partKeeper(context, (row) => trains(row) && hasWeight(row), encoder.columnCount);
  const validation = partKeeper(
    context,
    (row) => validates(row) && inSample(row) && hasWeight(row),
    encoder.columnCount,
  );
  await encoder.pass((values, rowCount, firstRow) => {
    training.add(values, rowCount, firstRow);
    validation.add(values, rowCount, firstRow);
  });
  return { training: training.part, validation: validation.part };
}

function partKeeper(
  { task, rows }: MemberContext<LinearSettings>,
  wanted: (row: number) => boolean,
  columnCount: number,
) {
  const rowCount = countRows(rows.rowCount, wanted);
  const { targetType, positiveClass } = task.target;
  const labelOf = (row: number): number => {
    if (rows.values !== null) return rows.values[row] ?? NaN;
    const index = rows.classes?.[row] ?? -1;
    return targetType === 'binary' ? Number(index === positiveClass) : index;
  };
  const part: EncodedPart = {
    rowCount,
    labels: new Float64Array(rowCount),
    weights: new Float64Array(rowCount),
    columns: Array.from({ length: columnCount }, () => new Float64Array(rowCount)),
  };
  let kept = 0;
  return {
    part,
    add: (values: Float64Array, count: number, firstRow: number): void => {
      for (let i = 0; i < count; i += 1) {
        const row = firstRow + i;
        if (!wanted(row)) continue;
        part.labels[kept] = labelOf(row);
        part.weights[kept] = rows.weights?.[row] ?? 1;
        for (let column = 0; column < columnCount; column += 1) {
          const cells = part.columns[column];
          if (cells !== undefined) cells[kept] = values[i * columnCount + column] ?? NaN;
        }
        kept += 1;
      }
    },
  };
}
