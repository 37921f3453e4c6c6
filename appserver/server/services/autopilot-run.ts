import {
  AppError,
  fromProblem,
  toProblem,
  type AutopilotDecision,
  type AutopilotPlan,
  type AutopilotRunState,
  type AutopilotState,
  type Calibration,
  type EnsembleMember,
  type EnsembleTask,
  type PlannedResult,
  type PlannedTask,
  type StoredTable,
  type TrainTask,
} from '#contracts';
import {
  blueprintOf,
  candidateName,
  forecastEnsemble,
  forecastTraining,
  heldBackCount,
  imbalanceFor,
  leakageSearchOf,
  next,
  rankingScore,
  ranksOf,
  withoutFeatures,
  workerLimitFor,
} from '#ml';
import { newId } from '#runtime';
import {
  createGroup,
  createTask,
  endModel,
  findModel,
  findProject,
  findRun,
  findRunByJob,
  findStoredTable,
  finishJob,
  finishRun,
  insertModel,
  lockJob,
  modelsOfRun,
  readClock,
  recommendModel,
  setWakeUp,
  updateJobProgress,
  type AutopilotRunRecord,
  type ModelRecord,
  type NewMember,
  type Queryable,
  type Task,
  type Transaction,
} from '#store';
import type { TaskQueue } from '../queue/index.ts';
import { createInsightTasks } from './insight-tasks.ts';

/** Topic of the wake-ups of runs; the key is the id of the run's job, which the scheduler locks. */
export const AUTOPILOT_TOPIC = 'autopilot';

export const isFinalRunState = (state: AutopilotRunState): boolean =>
  state === 'succeeded' || state === 'failed' || state === 'cancelled';

/** Time that counts against the budget, by the database's clock: since the job's `createdAt`, pauses left out. */
export function elapsedMsOf(run: AutopilotRunRecord, nowMs: number): number {
  return Math.max(0, (run.finishedAt ?? run.pausedAt ?? nowMs) - run.startedAt - run.pausedMs);
}

/** Database time of an elapsed time of a run that is not paused. */
const databaseTimeOf = (run: AutopilotRunRecord, elapsedMs: number): number => run.startedAt + run.pausedMs + elapsedMs;

/** Transactions in which a run is being advanced: what cancelling its tasks leads to must not advance it again. */
const advancing = new WeakSet<Transaction>();

/**
 * Asks Autopilot what to do now and does it: new tasks, cancelled ones, the recommendation, the end of the run and its
 * job, the next wake-up. The caller has locked the run's job, so that one run is never advanced twice at a time.
 * No effect on a run that is paused or final.
 */
export async function advanceRun(trx: Transaction, queue: TaskQueue, runId: string): Promise<void> {
  if (advancing.has(trx)) return;
  advancing.add(trx);
  try {
    const run = await findRun(trx, runId);
    if (run === undefined || run.state === 'paused' || isFinalRunState(run.state)) return;
    const job = await lockJob(trx, run.jobId);
    if (job === null || job.cancelAsked || job.finishedAt !== null) return;
    const models = await modelsOfRun(trx, run.id);
    const nowMs = await readClock(trx);
    const decision = next(run.plan, stateOf(run, models, nowMs));
    await createModels(trx, run, models, decision.tasks);
    await cancelModels(trx, queue, models, decision.cancel);
    if (decision.finished) await finish(trx, run, models, decision);
    else await goOn(trx, run, models, decision, nowMs);
  } finally {
    advancing.delete(trx);
  }
}

/** The run as `next` sees it. */
function stateOf(run: AutopilotRunRecord, models: readonly ModelRecord[], nowMs: number): AutopilotState {
  return {
    tasks: models.map((model) => model.planned),
    results: models.flatMap((model) => resultOf(run.plan, model) ?? []),
    elapsedMs: run.plan.timeBudgetMs === null ? null : elapsedMsOf(run, nowMs),
    leakage: run.leakage,
    stopping: run.state === 'stopping',
  };
}

function resultOf(plan: AutopilotPlan, model: ModelRecord): PlannedResult | null {
  const { key } = model.planned;
  if (model.state === 'training') return null;
  if (model.trained === null) {
    const state = model.state === 'cancelled' ? 'cancelled' : 'failed';
    return { key, modelId: model.id, state, score: null, iterations: null, fitMs: 0 };
  }
  const { scores, iterations, fitMs, sizeBytes, ensemble } = model.trained;
  const score = rankingScore(scores, plan.metric);
  return { key, modelId: model.id, state: 'succeeded', score, iterations, fitMs, sizeBytes, ensemble };
}

async function createModels(
  trx: Transaction,
  run: AutopilotRunRecord,
  models: readonly ModelRecord[],
  tasks: readonly PlannedTask[],
): Promise<void> {
  if (tasks.length === 0) return;
  const project = await findProject(trx, run.projectId);
  if (project === undefined) throw new AppError('INTERNAL', `run ${run.id}: its project is gone`);
  let position = models.length;
  for (const planned of tasks) {
    const order = {
      projectId: run.projectId,
      datasetId: project.datasetId,
      runId: run.id,
      jobId: run.jobId,
      runAs: run.startedBy,
      plan: run.plan,
      planned,
      position,
      sampleFraction: planned.sampleFraction ?? 1,
      idempotencyKey: `train:${run.id}:${planned.key}`,
      deadlineAt: planned.deadlineMs === null ? null : databaseTimeOf(run, planned.deadlineMs),
      members: membersOf(planned, models),
      calibration: models.find(({ id }) => id === planned.refitOf)?.trained?.calibration ?? null,
      otherList: null,
    };
    await createModelTask(trx, order);
    position += 1;
  }
}

/** The models that a planned ensemble blends, with the files that they have left. */
function membersOf({ members = [] }: PlannedTask, models: readonly ModelRecord[]): EnsembleMember[] {
  const known = new Map(models.map((model) => [model.id, model]));
  return members.map(({ modelId, weight }) => {
    const model = known.get(modelId);
    const trained = model?.trained ?? null;
    if (model === undefined || trained === null)
      throw new AppError('INTERNAL', `${modelId} is not a trained model of this run`);
    const { artifactPath, manifestSha256 } = trained;
    return { modelId, blueprintId: model.planned.blueprintId, artifactPath, manifestSha256, weight };
  });
}

/** One model that is to be trained. */
export interface ModelOrder {
  readonly projectId: string;
  readonly datasetId: string;
  readonly runId: string | null;
  readonly jobId: string;
  readonly runAs: string;
  readonly plan: AutopilotPlan;
  readonly planned: PlannedTask;
  readonly position: number;
  readonly sampleFraction: number;
  readonly idempotencyKey: string;
  /** Database time. */
  readonly deadlineAt: number | null;
  /** Of the twin that a refit repeats; null where it has none. */
  readonly calibration: Calibration | null;
  /** What an ensemble blends; none of any other model. */
  readonly members: readonly EnsembleMember[];
  /** Feature list of a model that is on another one than the latest run; its name tells it. */
  readonly otherList: string | null;
}

/** What models of a run are called where something is done about classes of different size. */
const NAMED = { weights: ', class weights', downsampling: ', down-sampled' } as const;

/** Queues the training of a model and gives it its row; returns its id. */
export async function createModelTask(trx: Transaction, order: ModelOrder): Promise<string> {
  const { plan, planned } = order;
  const table = await findStoredTable(trx, order.datasetId);
  if (table === undefined) throw new AppError('INTERNAL', `dataset ${order.datasetId} has no stored table`);
  const modelId = newId('model');
  const spec = order.members.length > 0 ? ensembleSpec(modelId, order, table) : trainSpec(modelId, order, table);
  const predictedMemoryBytes = await predictedBytes(trx, spec, plan);
  const task = await createFit(trx, order.jobId, {
    projectId: order.projectId,
    runAs: order.runAs,
    memoryBytes: workerLimitFor(predictedMemoryBytes),
    idempotencyKey: order.idempotencyKey,
    deadlineAt: order.deadlineAt,
    priority: planned.role === 'search' ? 0 : 1,
    spec,
  });
  const { family } = blueprintOf(planned.blueprintId);
  const imbalance = imbalanceFor(plan, planned.blueprintId);
  const made = `${candidateName(planned)}${imbalance === undefined ? '' : NAMED[imbalance.method]}`;
  const name = order.otherList === null ? made : `${made}, features ${order.otherList}`;
  await insertModel(trx, {
    id: modelId,
    projectId: order.projectId,
    runId: order.runId,
    jobId: order.jobId,
    taskId: task.id,
    position: order.position,
    planned: {
      ...planned,
      ...(plan.featureList === undefined ? {} : { featureList: plan.featureList }),
      ...(imbalance === undefined ? {} : { imbalance }),
    },
    name: planned.role === 'refit' ? `${name}, refitted on all rows` : name,
    family,
    sampleFraction: order.sampleFraction,
    threadCount: plan.threadsPerTask,
    predictedMemoryBytes,
  });
  return modelId;
}

/** What making the model is predicted to take, of an ensemble by the sizes of its members' artefacts. */
async function predictedBytes(
  db: Queryable,
  spec: TrainTask | EnsembleTask,
  { partitioning }: Pick<AutopilotPlan, 'partitioning'>,
): Promise<number> {
  if (spec.kind === 'train') return forecastTraining(spec).peakBytes;
  const sizes: number[] = [];
  for (const { modelId } of spec.members) sizes.push((await findModel(db, modelId))?.trained?.sizeBytes ?? 0);
  return forecastEnsemble(spec, heldBackCount(partitioning, spec.table.rowCount), sizes).peakBytes;
}

/** Queues a task that makes a model, with those that fit it together with it; the first of them is answered. */
async function createFit(trx: Transaction, jobId: string, member: NewMember): Promise<Task> {
  const { spec, idempotencyKey } = member;
  if (spec.kind !== 'train' || spec.ranks === undefined) return (await createTask(trx, { ...member, jobId })).task;
  const { datasetId } = spec;
  const parts = Array.from({ length: spec.ranks - 1 }, (_, index): NewMember => ({
    ...member,
    idempotencyKey: `${idempotencyKey}:rank-${index + 1}`,
    spec: { kind: 'train-part', datasetId, train: spec },
  }));
  const { tasks } = await createGroup(trx, jobId, [member, ...parts]);
  const [first] = tasks;
  if (first === undefined) throw new AppError('INTERNAL', `the group of ${idempotencyKey} has no task`);
  return first;
}

function trainSpec(modelId: string, order: ModelOrder, table: StoredTable): TrainTask {
  const task = soleSpec(modelId, order, table);
  const { ranksMax = 1, workerBytesMax = Infinity } = order.plan;
  const ranks = ranksOf(task, { ranksMax, workerBytesMax });
  return ranks > 1 ? { ...task, ranks } : task;
}

function soleSpec(modelId: string, order: ModelOrder, table: StoredTable): TrainTask {
  const { plan, planned } = order;
  const { features, monotonic } = withoutFeatures(plan, planned.excludedFeatures ?? []);
  const imbalance = imbalanceFor(plan, planned.blueprintId);
  const stops = plan.replay?.models.find(({ task }) => task.key === planned.key)?.stops ?? {};
  return {
    kind: 'train',
    modelId,
    projectId: order.projectId,
    datasetId: order.datasetId,
    table,
    target: plan.target,
    features,
    metric: plan.metric,
    partitioning: plan.partitioning,
    weightColumn: plan.weightColumn,
    ...(imbalance === undefined ? {} : { imbalance }),
    monotonic,
    blueprintId: planned.blueprintId,
    parameters: planned.parameters,
    ...(planned.ownBlueprint?.featureSteps === undefined ? {} : { featureSteps: planned.ownBlueprint.featureSteps }),
    sampleFraction: order.sampleFraction,
    ...(planned.findsLeakage === true ? { findsLeakage: true, leakageSearch: leakageSearchOf(plan) } : {}),
    refit: refitOf(planned, order.calibration),
    seed: plan.seed,
    ...(Object.keys(stops).length === 0 ? {} : { stops }),
    threadCount: plan.threadsPerTask,
  };
}

function refitOf(
  { refitOf: of, iterations, copies }: PlannedTask,
  calibration: Calibration | null,
): TrainTask['refit'] {
  if (of === null) return null;
  return {
    ...{ of, iterations },
    ...(copies === undefined ? {} : { copies }),
    ...(calibration === null ? {} : { calibration }),
  };
}

function ensembleSpec(modelId: string, order: ModelOrder, table: StoredTable): EnsembleTask {
  const { plan, planned } = order;
  const limits = plan.ensemble ?? { membersMax: order.members.length, stepsMax: 1 };
  return {
    kind: 'ensemble',
    modelId,
    projectId: order.projectId,
    datasetId: order.datasetId,
    table,
    target: plan.target,
    features: withoutFeatures(plan, planned.excludedFeatures ?? []).features,
    metric: plan.metric,
    members: [...order.members],
    ...limits,
    ...(planned.layer === undefined ? {} : { layer: planned.layer }),
    refitOf: planned.refitOf,
    seed: plan.seed,
  };
}

async function cancelModels(
  trx: Transaction,
  queue: TaskQueue,
  models: readonly ModelRecord[],
  keys: readonly string[],
): Promise<void> {
  const wanted = new Set(keys);
  for (const model of models) {
    if (wanted.has(model.planned.key) && model.state === 'training') await queue.cancelTask(trx, model.taskId);
  }
}

async function goOn(
  trx: Transaction,
  run: AutopilotRunRecord,
  models: readonly ModelRecord[],
  decision: AutopilotDecision,
  nowMs: number,
): Promise<void> {
  const dueAt = decision.wakeAtMs === null ? null : databaseTimeOf(run, decision.wakeAtMs);
  await setWakeUp(trx, { topic: AUTOPILOT_TOPIC, key: run.jobId }, dueAt);
  await updateJobProgress(trx, run.jobId, progressOf(run, models, decision, nowMs));
}

function progressOf(
  run: AutopilotRunRecord,
  models: readonly ModelRecord[],
  decision: AutopilotDecision,
  nowMs: number,
): { fraction: number; phase: string; message: string } {
  const ended = models.filter((model) => model.state !== 'training').length;
  const searched = Math.min(run.plan.candidates.length, run.plan.maxModels ?? Infinity);
  const planned = run.plan.replay?.models.length ?? searched + 1;
  const byTime = run.plan.timeBudgetMs === null ? 0 : elapsedMsOf(run, nowMs) / run.plan.timeBudgetMs;
  const roles = new Set([...models.map((model) => model.planned), ...decision.tasks].map((task) => task.role));
  const ready = models.filter((model) => model.state === 'ready').length;
  return {
    fraction: Math.min(0.99, Math.max(ended / planned, byTime)),
    phase: roles.has('refit') ? 'refit' : roles.has('ensemble') ? 'ensemble' : 'search',
    message: `${ready} ${ready === 1 ? 'model' : 'models'} ready`,
  };
}

async function finish(
  trx: Transaction,
  run: AutopilotRunRecord,
  models: readonly ModelRecord[],
  decision: AutopilotDecision,
): Promise<void> {
  await setWakeUp(trx, { topic: AUTOPILOT_TOPIC, key: run.jobId }, null);
  const { recommended } = decision;
  if (recommended !== null) {
    await recommendModel(trx, run.projectId, recommended.modelId, recommended.reason);
    await finishRun(trx, run.id, 'succeeded', recommended.modelId);
    await finishJob(trx, run.jobId, { state: 'succeeded' });
    if (run.plan.insights === 'recommended') await createInsightTasks(trx, run, recommended.modelId);
    return;
  }
  if (run.state === 'stopping') {
    await finishRun(trx, run.id, 'cancelled', null);
    await finishJob(trx, run.jobId, { state: 'cancelled' });
    return;
  }
  await finishRun(trx, run.id, 'failed', null);
  await finishJob(trx, run.jobId, { state: 'failed', error: noModelError(run, models) });
}

/** Reasons that the error of a run without a model lists at most. */
const REASONS_MAX = 5;

function noModelError(run: AutopilotRunRecord, models: readonly ModelRecord[]): AppError {
  const failed = models.filter((model) => model.error !== null);
  const reasons = failed.slice(0, REASONS_MAX).map((model) => `${model.name}: ${model.error?.detail ?? ''}`);
  const errors = reasons.map((message) => ({ path: '/models', message }));
  const budgetMs = run.plan.timeBudgetMs;
  const first = failed[0]?.error ?? null;
  if (budgetMs === null && first !== null) {
    const cause = fromProblem(first);
    return new AppError(cause.code, `Autopilot: no model could be trained. ${reasons.join(' ')}`, { errors, cause });
  }
  const finding = reasons.length === 0 ? 'no task ended before its deadline; is a worker running?' : reasons.join(' ');
  const budget = budgetMs === null ? '' : ` within ${budgetMs / 1000} s`;
  return new AppError('NO_MODEL_IN_TIME', `Autopilot: no model was ready${budget}: ${finding}`, { errors });
}

/** The model of a task will not come. */
export async function endModelOfTask(
  trx: Transaction,
  modelId: string,
  state: 'failed' | 'cancelled',
  problem: AppError | null,
): Promise<void> {
  await endModel(trx, modelId, state, problem === null ? null : toProblem(problem, null, true));
}

/** Called when a wake-up of a run is due; its job is locked. */
export async function wakeRun(trx: Transaction, queue: TaskQueue, jobId: string): Promise<void> {
  const run = await findRunByJob(trx, jobId);
  if (run !== undefined) await advanceRun(trx, queue, run.id);
}

/** The job of a run is about to be cancelled: the run ends before its tasks do, so that none is made any more. */
export async function cancelRunOfJob(trx: Transaction, jobId: string): Promise<void> {
  await lockJob(trx, jobId);
  const run = await findRunByJob(trx, jobId);
  if (run === undefined || isFinalRunState(run.state)) return;
  await finishRun(trx, run.id, 'cancelled', null);
  await setWakeUp(trx, { topic: AUTOPILOT_TOPIC, key: run.jobId }, null);
}
