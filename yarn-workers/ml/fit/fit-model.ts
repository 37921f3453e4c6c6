import {
  ARTIFACT_FORMAT_VERSION,
  AppError,
  STOPS_PARAMETER,
  type BatchSource,
  type FitStops,
  type LeakageFacts,
  type Manifest,
  type ManifestContent,
  type ManifestFile,
  type ModelScores,
  type TrainTask,
  type TrainingStatistics,
} from '#contracts';
import { openArtifact, outputCountOf, type ModelArrays, type Scorer, type UnpackedContent } from '#scoring';
import { settingsOf } from '../blueprints/catalogue.ts';
import { naiveKindOf } from '../blueprints/naive.ts';
import { readingOf, type Reading } from '../blueprints/reading.ts';
import { isFactorization, isForest, isLinear, isNetwork, type ModelSettings } from '../blueprints/settings.ts';
import { checkFits } from '../blueprints/misfit.ts';
import { objectiveOf } from '../blueprints/objective.ts';
import { neumaierSum, type MetricResults } from '#statistics';
import { findLeakage } from '../leakage/find-leakage.ts';
import { HOLDOUT } from '../partition/types.ts';
import { assemble, type FittedOffset } from './assemble.ts';
import { constantScores } from './baseline.ts';
import { boostMembers, type BoostedMember } from './boost-members.ts';
import { balanced } from './class-balance.ts';
import { report, type FinishTimes, type FitIo } from './clock.ts';
import type { BoostingEngine } from './engine.ts';
import type { FeatureSurvey } from './feature-survey.ts';
import type { MemberContext } from './fit-member.ts';
import { areSameSteps } from './held-back-rows.ts';
import { memberHistory, type HistoryContext, type MemberHistory } from './history/member-history.ts';
import { forestMembers } from './forest/forest-members.ts';
import { fitFactorizationMember } from './factorization/fit-factorization-member.ts';
import { fitLinearMember } from './linear/fit-linear-member.ts';
import { pathMembers } from './linear/path-members.ts';
import type { OutOfFoldSource } from './out-of-fold-source.ts';
import { scoresOf } from './scores.ts';
import { isDistributable } from './member-data.ts';
import { naiveMember } from './naive/naive-member.ts';
import { networkMembers } from './network/network-members.ts';
import { packCalibrated } from './pack-calibrated.ts';
import { turnIntoPredictions } from './predict-partitions.ts';
import { checkAgreement } from './rank-group.ts';
import {
  checkTrainingRows,
  countRows,
  heldSample,
  predictedRatio,
  rowRoles,
  trainingRows,
  type RowRoles,
} from './row-roles.ts';
import { heldFraction, passesOverRows } from './sample-fraction.ts';
import { readTargetRows, type TargetRows } from './target-rows.ts';
import { numberColumn, taskFeatures, type TaskFeature } from './task-columns.ts';
import { stopBook } from './stops.ts';
import { featuresOf } from './survey/features-of.ts';

/** What a fit gives. Everything but `timings` and `stoppedByDeadline` is a function of task and data where there was no deadline. */
export interface FitResult {
  readonly content: ManifestContent;
  readonly blob: Uint8Array;
  /** The model, opened: what its artefact predicts. */
  readonly scorer: Scorer;
  readonly contentHash: string;
  readonly trainingStatistics: TrainingStatistics[];
  /**
   * Rows outside the holdout and gaps (each trains or validates each member, or by date some); of a refit: all rows. Those held in
   * memory, if that is what some member was fitted on.
   */
  readonly rowCount: number;
  /** Iterations of boosting, or steps of a penalty path: mean over the members, rounded; null without. */
  readonly iterations: number | null;
  /** Null for a refit. */
  readonly outOfFold: OutOfFoldSource | null;
  readonly scores: ModelScores | null;
  /** Null where the task did not ask for it. */
  readonly leakage: LeakageFacts | null;
  readonly stoppedByDeadline: boolean;
  /** Where; a replay ends there too. */
  readonly stops: FitStops;
  readonly timings: FitTimings;
}

export interface FitTimings {
  /** Reading target and features to fit steps. */
  readonly surveyMs: number;
  readonly boostMs: number;
  /** Packing, opening and predicting held-back rows. */
  readonly predictMs: number;
  readonly totalMs: number;
}

/**
 * Time kept for packing, predicting and handing over: a fixed part, and the survey's time so many times (a refit
 * predicts nothing); `boostMembers` adds what validation has taken.
 */
const FINISH_MS = 150;
const FINISH_PASSES = 2;
const REFIT_FINISH_PASSES = 0.5;

/**
 * Fits a model: every member's steps on its own training rows only, boosting or a path of penalties that its fold ends, one artefact
 * of all members; then predicts the rows held back, with the artefact opened again.
 *
 * Cross-validation gives one member a fold, partitioning by date one a backtest, of which the last alone predicts what is new, a training/validation/holdout split one member. A refit has one member fitted
 * on all rows, holdout included, with the frozen number of iterations: not scaled to the larger data, because the twin's
 * number is what was validated.
 *
 * The same task on the same data gives the same `contentHash`, whatever the batch size and thread count; only a deadline
 * can change it, `stoppedByDeadline` says so, and a task with the `stops` of such a fit makes its model again. As many ranks give the same
 * model, on each of them; another number of ranks gives another one.
 *
 * Memory: the matrices of one member up to MATRIX_CELLS_MAX cells each, LightGBM's bins, some 40 bytes a row; what texts
 * need beside that: `fit/text/limits.ts`.
 *
 * @throws what partitioning and the data call for; VALIDATION_FAILED for a blueprint that cannot predict the target;
 * TASK_DEADLINE when nothing can be fitted in time, or not all frozen iterations; TASK_CANCELLED
 */
export async function fitModel(
  task: TrainTask,
  source: BatchSource,
  engine: BoostingEngine,
  io: FitIo,
): Promise<FitResult> {
  const startedAt = io.now();
  checkRowCount(task, source);
  const { target } = task;
  const reading = readingOf(task);
  const { settings } = reading;
  const objective = objectiveOf(target, task.metric);
  checkFits(task.blueprintId, settings, task);
  checkRanks(task, settings, io);
  const features = taskFeatures(task);
  await report(io, 0, 'reading', 'reading the target');
  const rows = await readTargetRows(task, source, io.signal);
  const outputCount = outputCountOf(target);
  const roles = fittedRoles(task, rows, io);
  const stops = stopBook(task.stops ?? null, io.ranks);
  const known = { rows, roles, stops, readMs: io.now() - startedAt };
  const leakage = task.findsLeakage === true ? await findLeakage(task, features, known, source, io) : null;
  await report(io, 0.02, 'reading', 'reading the features');
  const { survey, texts, ...seen } = await featuresOf({ task, reading, features, source, outputCount, ...known }, io);
  const surveyMs = io.now() - startedAt;
  const historyOf = historiesOf({ task, features, rows, roles, objective }, reading);
  const context = {
    ...{ task, features, source, roles, engine, objective, outputCount },
    ...balanced(task, rows, roles),
    ...{ ...seen, texts, historyOf, stops, io },
  };
  const finishMs = FINISH_MS + (task.refit === null ? FINISH_PASSES : REFIT_FINISH_PASSES) * surveyMs;
  const times = { finishMs, predictedRatio: predictedRatio(roles) };
  const fitted = await fitMembers(context, reading, survey, times);
  const boostedAt = io.now();
  await report(io, 0.92, 'predicting', 'predicting the rows held back');
  const offsets = fittedOffsets(task, rows, roles);
  const { content: plain, models } = assemble(target, objective, features, fitted, offsets, roles.spans !== null);
  const columns = [...features, ...offsets.map(({ feature }) => feature)];
  const packed = await packMembers({ ...context, rows }, settings, { plain, models, columns }, fitted);
  const { content, contentHash, blob, outOfFold } = packed;
  checkAgreement(io.ranks ?? null, 'model', contentHash);
  const base = {
    content,
    contentHash,
    rowCount: fittedRowCount(roles, fitted),
    trainingStatistics: survey.statistics,
    stops: stops.noted(),
  };
  const scorer = openArtifact(manifestOf(task, base, { createdAt: NO_TIME, files: [] }), blob, io.sha256);
  if (outOfFold !== null) turnIntoPredictions(outOfFold, scorer, rows.offsets);
  const finishedAt = io.now();
  return {
    ...base,
    blob,
    scorer,
    iterations: iterationsOfAll(fitted),
    outOfFold,
    leakage,
    scores: outOfFold === null ? null : await scoresOf(outOfFold, target, errorTeller(task, io)),
    stoppedByDeadline: fitted.some((member) => member.stoppedByDeadline),
    timings: {
      surveyMs,
      boostMs: boostedAt - startedAt - surveyMs,
      predictMs: finishedAt - boostedAt,
      totalMs: finishedAt - startedAt,
    },
  };
}

/** Says by how much the metric of a task may be off where it is not computed from the rows themselves. */
const errorTeller =
  ({ metric }: TrainTask, { log }: FitIo) =>
  (errors: MetricResults): void => {
    const error = errors[metric];
    if (error !== undefined)
      log?.(
        `${metric} is computed from buckets of scores: off by at most ${error.toPrecision(2)}, as a rule by far less`,
      );
  };

/** Packs members; of a single one that has the rows that it is to predict they are taken, where the artefact's steps are its own. */
async function packMembers(
  context: Omit<MemberContext, 'settings'>,
  settings: ModelSettings | null,
  { plain, models, columns }: { plain: UnpackedContent; models: Map<string, ModelArrays>; columns: TaskFeature[] },
  fitted: readonly BoostedMember[],
): ReturnType<typeof packCalibrated> {
  const { heldBack = null, steps = [] } = fitted[0] ?? {};
  const atHand = heldBack !== null && areSameSteps(steps, plain.steps) ? heldBack : null;
  try {
    return await packCalibrated(context, settings, plain, models, columns, atHand);
  } finally {
    await heldBack?.close();
  }
}

function checkRanks({ blueprintId }: TrainTask, settings: ModelSettings | null, { ranks }: FitIo): void {
  if (ranks === undefined || isDistributable(settings)) return;
  throw new AppError('INTERNAL', `${blueprintId} cannot be fitted by several ranks`);
}

function checkRowCount({ table }: TrainTask, { rowCount }: BatchSource): void {
  if (rowCount === table.rowCount) return;
  throw new AppError('DATASET_CHANGED', `the table has ${rowCount} rows, the task was made for ${table.rowCount}`);
}

/** What each row is for, of as many rows as the model can be fitted on. */
function fittedRoles(task: TrainTask, rows: TargetRows, io: FitIo): RowRoles {
  const held = heldFraction(task, io.matrixCellsMax);
  const sampleFraction = passesOverRows(task) ? task.sampleFraction : held;
  if (held < task.sampleFraction)
    io.log?.(
      `the table of ${rows.rowCount} rows is too large for memory: ${(100 * held).toPrecision(3)} % of them are ${
        held < sampleFraction ? 'held, all others are passed over' : 'fitted'
      }`,
    );
  const roles = rowRoles({ ...task, sampleFraction }, rows, held);
  tellBalance(task, rows, roles, io);
  for (const member of roles.members) checkTrainingRows(task, rows, trainingRows(heldRoles(roles), member));
  return roles;
}

/** What rows are for as far as they are held in memory. */
const heldRoles = (roles: RowRoles): RowRoles => ({ ...roles, sample: heldSample(roles) });

/** Says what is done about classes of different size. */
function tellBalance({ imbalance, target }: TrainTask, { rowCount }: TargetRows, roles: RowRoles, io: FitIo): void {
  if (imbalance === undefined) return;
  const { method, factors } = imbalance;
  const byClass = target.classes.map(({ label }, index) => `${label}: ${(factors[index] ?? 1).toPrecision(3)}`);
  const told = byClass.length > TOLD_CLASSES_MAX ? [...byClass.slice(0, TOLD_CLASSES_MAX), '...'] : byClass;
  const countOf = (drawn: RowRoles['drawn']): number =>
    countRows(rowCount, trainingRows({ ...roles, drawn }, { fold: null }));
  io.log?.(
    method === 'weights'
      ? `class weights ${told.join(', ')}; their prior is taken out of the raw scores again`
      : `down-sampled: ${countOf(roles.drawn)} of ${countOf(null)} rows are fitted (parts drawn ${told.join(', ')}); raw scores are corrected`,
  );
}

/** Classes that a line of the log names. */
const TOLD_CLASSES_MAX = 10;

/** The offsets with their means over the rows outside the holdout, the same for all models of a run. */
function fittedOffsets(task: TrainTask, { offsets }: TargetRows, { of }: RowRoles): FittedOffset[] {
  return offsets.map(({ kind, name, values }) => {
    const known = values.filter((_, row) => of[row] !== HOLDOUT);
    return { kind, feature: numberColumn(task, name), mean: neumaierSum(known) / known.length };
  });
}

/** Stands where a manifest needs a time and the artefact has none yet. */
const NO_TIME = '1970-01-01T00:00:00Z';

/** The manifest of a fit, ready to be sealed. */
export function manifestOf(
  task: TrainTask,
  fit: Pick<FitResult, 'content' | 'contentHash' | 'rowCount' | 'trainingStatistics' | 'stops'>,
  sealed: { readonly createdAt: string; readonly files: readonly ManifestFile[] },
): Manifest {
  return {
    formatVersion: ARTIFACT_FORMAT_VERSION,
    contentHash: fit.contentHash,
    modelId: task.modelId,
    projectId: task.projectId,
    blueprintId: task.blueprintId,
    createdAt: sealed.createdAt,
    seed: task.seed,
    rowCount: fit.rowCount,
    parameters: {
      ...settingsOf(task.blueprintId, task.parameters),
      ...(task.featureSteps === undefined ? {} : { featureSteps: task.featureSteps }),
      threadCount: task.threadCount,
      [STOPS_PARAMETER]: fit.stops,
    },
    content: fit.content,
    trainingStatistics: fit.trainingStatistics,
    files: [...sealed.files],
  };
}

async function fitMembers(
  context: Omit<MemberContext, 'settings'>,
  { settings, uses }: Reading,
  survey: FeatureSurvey,
  times: FinishTimes,
): Promise<BoostedMember[]> {
  const surveyed: FeatureSurvey['stepsOf'] = (member) => survey.stepsOf(member).filter(({ kind }) => uses(kind));
  const stepsOf: FeatureSurvey['stepsOf'] = (member) => {
    const history = context.historyOf(member);
    return history === null ? surveyed(member) : [...surveyed(member), history.step];
  };
  if (settings === null) return context.roles.members.map((member) => baselineMember(context, member));
  if (isForest(settings)) return forestMembers({ ...context, settings }, surveyed, times);
  if (isNetwork(settings)) return networkMembers({ ...context, settings }, surveyed, times);
  const { levelsOf } = survey;
  if (isFactorization(settings))
    return pathMembers(
      context,
      settings.penalties,
      (member, index, run) =>
        fitFactorizationMember({ ...context, settings }, member, index, surveyed(member), levelsOf, run),
      times,
    );
  if (!isLinear(settings)) return boostMembers({ ...context, settings }, { stepsOf: surveyed, levelsOf }, times);
  const crosses = uses('category-cross') ? (settings.crosses ?? 0) : 0;
  return pathMembers(
    context,
    settings.penalties,
    (member, index, run) =>
      fitLinearMember({ ...context, settings: { ...settings, crosses } }, member, index, stepsOf(member), run),
    times,
  );
}

/** The history of a member, made when it is asked for; the last one is kept. */
function historiesOf(context: HistoryContext, { uses }: Reading): MemberContext['historyOf'] {
  if (!uses('series-history')) return () => null;
  let last: { readonly fold: number | null; readonly history: MemberHistory } | null = null;
  return (member) => {
    if (last?.fold !== member.fold || last === null)
      last = { fold: member.fold, history: memberHistory(context, member) };
    return last.history;
  };
}

function baselineMember(
  context: Omit<MemberContext, 'settings'>,
  member: MemberContext['roles']['members'][number],
): BoostedMember {
  const { task, rows, roles, objective, shiftOf } = context;
  const naive = naiveKindOf(task.blueprintId);
  if (naive !== null) return { ...naiveMember(naive, context, member), iterations: null, stoppedByDeadline: false };
  const shift = shiftOf(member);
  const scores = constantScores(task.target, objective, rows, trainingRows(roles, member)).map(
    (score, output) => score + (shift?.[output] ?? 0),
  );
  return { steps: [], model: { scores }, iterations: null, stoppedByDeadline: false };
}

/** See {@link FitResult}. */
function fittedRowCount(roles: RowRoles, fitted: readonly BoostedMember[]): number {
  const isOfHeldRows = fitted.some(({ heldRowsOnly = false }) => heldRowsOnly);
  return countRows(roles.of.length, trainingRows(isOfHeldRows ? heldRoles(roles) : roles, { fold: null }));
}

function iterationsOfAll(fitted: readonly BoostedMember[]): number | null {
  const counts = fitted.flatMap(({ iterations }) => (iterations === null ? [] : [iterations]));
  if (counts.length === 0) return null;
  return Math.max(1, Math.round(counts.reduce((sum, count) => sum + count, 0) / counts.length));
}
