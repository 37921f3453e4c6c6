import type { ManifestStep } from '#contracts';
import type { FactorizationArrays } from '#scoring';
import { hash32, neumaierSum } from '#statistics';
import type { FactorizationSettings } from '../../blueprints/factorization-settings.ts';
import type { FeatureSurvey } from '../feature-survey.ts';
import type { MemberContext } from '../fit-member.ts';
import { CATEGORY_LEVELS_MAX } from '../limits.ts';
import { blockCountOf, linearArrays, planColumn, type ColumnPlan } from '../linear/columns.ts';
import { shifted, type Coefficients } from '../linear/design.ts';
import { fitPath, validationJudge } from '../linear/follow.ts';
import { columnFields, columnSpecs, designOf, encodeRows } from '../linear/member-rows.ts';
import type { MemberRun, PathMember } from '../linear/path-members.ts';
import type { Member } from '../row-roles.ts';
import { VECTOR_LEVELS_MAX, VECTOR_LEVEL_ROWS_MIN } from './limits.ts';
import { machineInUnits, machineScores, termOf, type MachineShape } from './machine.ts';
import { vectorPath } from './vector-path.ts';

const VECTORS_SALT = 0x5a17_0051;

/**
 * Fits a path of penalties of the vectors on the member's training rows and keeps the step that is best on its fold; a refit goes as
 * many steps as its twin kept on average.
 *
 * Memory: as a linear model, 8 bytes a row and number of a vector, and those of the largest category's equations (8 bytes x levels x
 * (1 + rank) x (4 + rank) / 2: 9 MB of 20,000 levels at rank 8). `designSample` sees to it that the rows are bounded.
 *
 * @param index number of the member
 * @param usualSteps of the features; those of categories are replaced by ones with more levels
 * @throws TASK_DEADLINE when a refit cannot make all its steps; TASK_CANCELLED
 */
export async function fitFactorizationMember(
  context: MemberContext<FactorizationSettings>,
  member: Member,
  index: number,
  usualSteps: readonly ManifestStep[],
  levelsOf: FeatureSurvey['levelsOf'],
  run: MemberRun,
): Promise<PathMember> {
  const { task, settings, objective, outputCount, io } = context;
  const steps = usualSteps.map((step) => wideStep(step, member, levelsOf, outputCount));
  const { training, validation } = await encodeRows(context, member, steps);
  const shift = context.shiftOf(member);
  const weight = neumaierSum(training.weights);
  const weights = training.weights.map((each) => each / weight);
  const plans = columnSpecs(context, steps).map((spec, column) =>
    planColumn(spec, training.columns[column] ?? new Float64Array(0), weights, 1),
  );
  const fieldOf = columnFields(steps);
  const shape: MachineShape = {
    rank: settings.rank,
    blockFields: plans.flatMap((plan, column) =>
      Array.from({ length: blockCountOf(plan) }, () => fieldOf[column] ?? 0),
    ),
  };
  const frozen = task.refit?.iterations ?? null;
  const trained = { ...training, design: designOf(plans, training), weights };
  const judged = { ...validation, design: designOf(plans, validation) };
  const judge =
    frozen === null
      ? validationJudge(objective, judged, outputCount, io, shift, (design, coefficients, out, at, stride) =>
          machineScores(design, shape, coefficients, out, at, stride),
        )
      : null;
  const seed = hash32(task.seed, VECTORS_SALT);
  const maker = {
    pathOf: (job: Parameters<typeof vectorPath>[0]) => vectorPath(job, shape, settings, seed),
    inUnits: machineInUnits(shape),
  };
  const { outputs, ...chosen } = await fitPath(
    objective,
    trained,
    outputCount,
    settings,
    maker,
    { ...run, stops: context.stops, place: `path-${index}`, frozen, lateEnd: 'refused', judge },
    io,
  );
  return {
    ...chosen,
    steps,
    model: { factorization: arraysOf(plans, fieldOf, shape, shifted(outputs, shift)) },
    validateMs: judge?.lookMs() ?? 0,
  };
}

/** A category's step with all levels that are to have vectors; any other step as it is. */
function wideStep(
  step: ManifestStep,
  member: Member,
  levelsOf: FeatureSurvey['levelsOf'],
  outputCount: number,
): ManifestStep {
  if (step.kind !== 'category-codes') return step;
  const most = Math.max(CATEGORY_LEVELS_MAX, Math.floor(VECTOR_LEVELS_MAX / outputCount));
  const levels = levelsOf(member, step.feature, VECTOR_LEVEL_ROWS_MIN, most);
  if (levels === null) return step;
  const keys = [...levels.keys];
  return { ...step, keys, missingCode: levels.missingCount > 0 ? keys.length : null };
}

/** The model on the scale of the matrix: as a linear model of 1 + rank times as many outputs. */
function arraysOf(
  plans: readonly ColumnPlan[],
  fieldOf: readonly number[],
  shape: MachineShape,
  outputs: readonly Coefficients[],
): FactorizationArrays {
  const terms = outputs.flatMap((output) =>
    Array.from({ length: 1 + shape.rank }, (_, term) => termOf(output, shape, term)),
  );
  return {
    ...linearArrays(plans, terms),
    outputCount: outputs.length,
    rank: shape.rank,
    intercept: Float64Array.from(outputs, ({ intercept }) => intercept),
    columnField: Int32Array.from(fieldOf),
  };
}
