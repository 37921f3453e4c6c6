import type { ManifestStep, TrainTask } from '#contracts';
import { crossCodeCount, stepColumns, type LinearArrays } from '#scoring';
import { neumaierSum } from '#statistics';
import type { LinearSettings, NaiveBayesVariant } from '../../blueprints/linear-settings.ts';
import { naiveBayesOf } from '../../blueprints/settings.ts';
import { chooseCrosses } from '../crosses/choose-crosses.ts';
import type { StopAt } from '../clock.ts';
import { tableEncoder } from '../encoder.ts';
import { monotoneColumns, type MemberContext } from '../fit-member.ts';
import { countRows, trainingRows, validationRows, type Member } from '../row-roles.ts';
import { offsetsOf, type TargetRows } from '../target-rows.ts';
import { memberText, textStep } from '../text/member-text.ts';
import { planText, textBlocks, type TextPlan } from '../text/text-columns.ts';
import { blocksOf, linearArrays, planColumn, termCoefficients, type ColumnSpec, type DesignPlan } from './columns.ts';
import { shifted, type Design } from './design.ts';
import { fitPath, follow, validationJudge, type PathRun } from './follow.ts';
import { naiveBayes } from './naive-bayes.ts';
import type { PenaltyPath, TrainingRows } from './path.ts';

/**
 * A step is done when no coefficient's last change, squared and in units of the null model's squared error, is above this.
 * glmnet's default is 1e-7.
 */
const TOLERANCE = 1e-6;

/** A fitted member. */
export interface FittedLinear {
  readonly linear: LinearArrays;
  /** The steps that make its columns, those of texts with their coefficients. */
  readonly steps: readonly ManifestStep[];
  /** Steps of the path to the model that is kept. */
  readonly iterations: number;
  readonly stoppedByDeadline: boolean;
  /** Time spent scoring validation rows, for the estimate of what predicting will take. */
  readonly validateMs: number;
}

/** Rows of a member: raw columns first, a design then. */
interface EncodedPart {
  readonly rowCount: number;
  /** Their numbers in the table, ascending. */
  readonly rows: Int32Array;
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  readonly offsets: Float64Array | null;
  /** One array a matrix column, NaN is missing; emptied while the design is made. */
  readonly columns: Float64Array[];
}

/**
 * Fits a path of penalties on the member's training rows and keeps the step that is best on its fold; a refit goes as many
 * steps as its twin kept on average.
 *
 * Memory: 8 bytes a cell while the rows are read, then up to 6 a cell (18 of broken lines) and 8 a term of a text, and 24
 * bytes a row and some 16 a row and output. `designSample` and `readCorpora` see to it that this is bounded.
 *
 * @param ownSteps of the features that are no texts; those of texts come of the fit
 * @param index number of the member
 * @param run when it must end, and who is told after each step; a step that is cut short is not kept if there is another
 * @throws TASK_DEADLINE when a refit cannot make all its steps; TASK_CANCELLED
 */
export async function fitLinearMember(
  context: MemberContext<LinearSettings>,
  member: Member,
  index: number,
  ownSteps: readonly ManifestStep[],
  run: { readonly stopAt: StopAt; readonly onStep: (step: number) => Promise<void> },
): Promise<FittedLinear> {
  const { task, settings, objective, outputCount, io } = context;
  const steps = [...ownSteps, ...(await chooseCrosses(context, member, ownSteps))];
  const { training, validation } = await encode(context, member, steps);
  const shift = context.shiftOf(member);
  const weight = neumaierSum(training.weights);
  const weights = training.weights.map((each) => each / weight);
  const specs = columnSpecs(context, steps);
  const plans: DesignPlan[] = [
    ...specs.map((spec, column) =>
      planColumn(spec, training.columns[column] ?? new Float64Array(0), weights, settings.pieces),
    ),
    ...textPlans(context, index, training.rows, weights),
  ];
  const frozen = task.refit?.iterations ?? null;
  const trained = { ...training, design: designOf(plans, training), weights };
  const judge =
    frozen === null
      ? validationJudge(objective, { ...validation, design: designOf(plans, validation) }, outputCount, io, shift)
      : null;
  const path: PathRun = { ...run, stops: context.stops, place: `path-${index}`, frozen, lateEnd: 'refused', judge };
  const variant = naiveBayesOf(settings);
  const { outputs, ...chosen } =
    variant === null
      ? await fitPath(objective, trained, outputCount, settings, TOLERANCE, path, io)
      : await follow(smoothingPath(variant, { ...trained, weights: training.weights }, context), settings, path);
  const texts = termCoefficients(plans, outputs).map(({ text, outputs: own }) => textStep(text, own));
  return {
    ...chosen,
    linear: linearArrays(plans, shifted(outputs, shift)),
    steps: [...steps, ...texts],
    validateMs: judge?.lookMs() ?? 0,
  };
}

/** Naive Bayes as a path: what leads from step to step is the smoothing. */
function smoothingPath(
  variant: NaiveBayesVariant,
  { design, labels, weights }: TrainingRows,
  { settings, outputCount }: MemberContext<LinearSettings>,
): PenaltyPath {
  const coefficientsAt = naiveBayes(variant, {
    blocks: design.blocks.flatMap(({ sparse }) => sparse ?? []),
    labels,
    weights,
    classCount: Math.max(2, outputCount),
  });
  return {
    firstLambda: settings.smoothing ?? 1,
    fitAt: (smoothing) => ({
      // A missing text says nothing: its indicator's coefficient is 0.
      outputs: coefficientsAt(smoothing).map(({ intercept, blocks }) => {
        const ofTerms = blocks.values();
        return {
          intercept,
          blocks: design.blocks.map(
            ({ sparse }) => (sparse === null ? null : ofTerms.next().value) ?? Float64Array.of(0),
          ),
        };
      }),
      isWhole: true,
    }),
  };
}

/** The texts' terms by what the training rows have of them. */
function textPlans(
  { texts }: MemberContext<LinearSettings>,
  member: number,
  rows: Int32Array,
  weights: Float64Array,
): TextPlan[] {
  return texts.all.map((corpus, index) => {
    const isFirst = texts.all.findIndex(({ feature }) => feature === corpus.feature) === index;
    return planText(memberText(corpus, member, rows), rows, weights, isFirst);
  });
}

/** The design of some rows; their raw columns are let go one by one. */
function designOf(plans: readonly DesignPlan[], part: EncodedPart): Design {
  const blocks = plans.flatMap((plan, column) => {
    if (plan.kind === 'text') return textBlocks(plan, part.rows);
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
    .flatMap((step): Omit<ColumnSpec, 'sign'>[] => {
      if (step.kind === 'category-codes')
        return [{ kind: 'category', codeCount: step.keys.length + (step.missingCode === null ? 0 : 1) }];
      if (step.kind === 'category-cross') return [{ kind: 'category', codeCount: crossCodeCount(step) }];
      if (step.kind === 'place-cells') return step.depths.map((depth) => ({ kind: 'category', codeCount: 2 ** depth }));
      return stepColumns(step, manifests).map(() => ({ kind: 'number', codeCount: 0 }));
    })
    .map((spec, column) => ({ ...spec, sign: signs?.[column] ?? 0 }));
}

/** One pass that keeps the member's training rows of positive weight, and the rows of its fold. */
async function encode(
  context: MemberContext<LinearSettings>,
  member: Member,
  steps: readonly ManifestStep[],
): Promise<{ training: EncodedPart; validation: EncodedPart }> {
  const { features, source, rows, roles, texts, io } = context;
  const encoder = tableEncoder(features, steps, source, io.signal, {
    texts: null,
    categories: null,
    history: context.historyOf(member)?.heldOut ?? null,
  });
  const inSample = (row: number): boolean =>
    (roles.sample === null || roles.sample[row] === 1) && (texts.all.length === 0 || texts.holds(row));
  const hasWeight = (row: number): boolean => (rows.weights?.[row] ?? 1) > 0;
  const trains = trainingRows(roles, member);
  const validates = validationRows(roles, member);
  const training = partKeeper(
    context,
    rows.weights,
    (row) => trains(row) && inSample(row) && hasWeight(row),
    encoder.columnCount,
  );
  const validation = partKeeper(
    context,
    context.heldWeights,
    (row) => validates(row) && inSample(row) && hasWeight(row),
    encoder.columnCount,
  );
  await encoder.pass((values, rowCount, firstRow) => {
    training.add(values, rowCount, firstRow);
    validation.add(values, rowCount, firstRow);
  });
  return { training: training.part, validation: validation.part };
}

/** The label of each row: the value, 1 for the positive class of two, or the class index. */
export function linearLabels(
  { target: { targetType, positiveClass } }: Pick<TrainTask, 'target'>,
  rows: TargetRows,
): (row: number) => number {
  return (row) => {
    if (rows.values !== null) return rows.values[row] ?? NaN;
    const index = rows.classes?.[row] ?? -1;
    return targetType === 'binary' ? Number(index === positiveClass) : index;
  };
}

function partKeeper(
  { task, rows }: MemberContext<LinearSettings>,
  weights: Float64Array | null,
  wanted: (row: number) => boolean,
  columnCount: number,
) {
  const rowCount = countRows(rows.rowCount, wanted);
  const labelOf = linearLabels(task, rows);
  const part: EncodedPart = {
    rowCount,
    rows: new Int32Array(rowCount),
    labels: new Float64Array(rowCount),
    weights: new Float64Array(rowCount),
    offsets: offsetsOf(rows, wanted),
    columns: Array.from({ length: columnCount }, () => new Float64Array(rowCount)),
  };
  let kept = 0;
  return {
    part,
    add: (values: Float64Array, count: number, firstRow: number): void => {
      for (let i = 0; i < count; i += 1) {
        const row = firstRow + i;
        if (!wanted(row)) continue;
        part.rows[kept] = row;
        part.labels[kept] = labelOf(row);
        part.weights[kept] = weights?.[row] ?? 1;
        for (let column = 0; column < columnCount; column += 1) {
          const cells = part.columns[column];
          if (cells !== undefined) cells[kept] = values[i * columnCount + column] ?? NaN;
        }
        kept += 1;
      }
    },
  };
}
