import type { ManifestStep } from '#contracts';
import { neumaierSum } from '#statistics';
import type { LinearSettings, NaiveBayesVariant } from '../../blueprints/linear-settings.ts';
import { naiveBayesOf } from '../../blueprints/settings.ts';
import { chooseCrosses } from '../crosses/choose-crosses.ts';
import type { MemberContext } from '../fit-member.ts';
import type { Member } from '../row-roles.ts';
import { memberText, textStep } from '../text/member-text.ts';
import { planText, type TextPlan } from '../text/text-columns.ts';
import { linearArrays, planColumn, termCoefficients, type DesignPlan } from './columns.ts';
import { shifted } from './design.ts';
import { elasticNet, fitPath, follow, PATH_TOLERANCE, validationJudge, type PathRun } from './follow.ts';
import { columnSpecs, designOf, encodeRows } from './member-rows.ts';
import { naiveBayes } from './naive-bayes.ts';
import type { PenaltyPath, TrainingRows } from './path.ts';
import type { MemberRun, PathMember } from './path-members.ts';
import { takeToAllRows } from './take-to-all-rows.ts';

/**
 * Fits a path of penalties on the member's training rows and keeps the step that is best on its fold; a refit goes as many
 * steps as its twin kept on average. Where memory does not hold all rows, the path is that of those it holds, and passes over all rows
 * take its model to them.
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
  run: MemberRun,
): Promise<PathMember> {
  const { task, settings, objective, outputCount, io } = context;
  const steps = [...ownSteps, ...(await chooseCrosses(context, member, ownSteps))];
  const readAt = io.now();
  const { training, validation } = await encodeRows(context, member, steps);
  const readMs = io.now() - readAt;
  const shift = context.shiftOf(member);
  const weight = neumaierSum(training.weights);
  const weights = training.weights.map((each) => each / weight);
  const columns = columnSpecs(context, steps).map((spec, column) =>
    planColumn(spec, training.columns[column] ?? new Float64Array(0), weights, settings.pieces),
  );
  const plans: DesignPlan[] = [...columns, ...textPlans(context, index, training.rows, weights)];
  const frozen = task.refit?.iterations ?? null;
  const trained = { ...training, design: designOf(plans, training), weights };
  const judge =
    frozen === null
      ? validationJudge(objective, { ...validation, design: designOf(plans, validation) }, outputCount, io, shift)
      : null;
  const path: PathRun = { ...run, stops: context.stops, place: `path-${index}`, frozen, lateEnd: 'refused', judge };
  const variant = naiveBayesOf(settings);
  const chosen =
    variant === null
      ? await fitPath(objective, trained, outputCount, settings, elasticNet(settings.l1Ratio, PATH_TOLERANCE), path, io)
      : await follow(smoothingPath(variant, { ...trained, weights: training.weights }, context), settings, path);
  const made =
    context.roles.held === null
      ? { ...chosen, plans, heldRowsOnly: false }
      : await takeToAllRows(context, member, index, { trained, columns, chosen, judge, readMs, steps }, run);
  const texts = termCoefficients(plans, made.outputs).map(({ text, outputs: own }) => textStep(text, own));
  return {
    iterations: made.iterations,
    stoppedByDeadline: made.stoppedByDeadline,
    heldRowsOnly: made.heldRowsOnly,
    model: { linear: linearArrays(made.plans, shifted(made.outputs, shift)) },
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
