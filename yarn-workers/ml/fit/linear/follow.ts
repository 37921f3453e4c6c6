import { AppError } from '#contracts';
import { neumaierSum } from '#statistics';
import type { LinearSettings } from '../../blueprints/linear-settings.ts';
import type { Objective } from '../../blueprints/objective.ts';
import { checkCancelled, type FitIo, type StopAt } from '../clock.ts';
import { countedStop, type StopBook } from '../stops.ts';
import { stoppingLoss } from '../stopping-loss.ts';
import { predictorOf, scaled, shifted, type Coefficients } from './design.ts';
import { penaltyPath, type PenaltyPath, type RowsJob, type TrainingRows } from './path.ts';

/** What decides where a path begins and ends. */
export type PathSettings = Pick<LinearSettings, 'penalties' | 'penaltyRatio' | 'earlyStoppingRounds'>;

/**
 * A step of the path is done when no coefficient's last change, squared and in units of the null model's squared error, is above this.
 * glmnet's default is 1e-7.
 */
export const PATH_TOLERANCE = 1e-6;

/** How the models of a path are made. */
export interface PathMaker {
  readonly pathOf: (job: RowsJob) => PenaltyPath;
  /** A model of the target as it is, made of one of the target in units of `unit`. */
  readonly inUnits: (coefficients: Coefficients, unit: number) => Coefficients;
}

/** @param tolerance see `PathJob` */
export const elasticNet = (l1Ratio: number, tolerance: number): PathMaker => ({
  pathOf: (job) => penaltyPath({ ...job, l1Ratio, tolerance }),
  inUnits: scaled,
});

/** A model that a path of penalties led to. */
export interface Chosen {
  /** One an output. */
  readonly outputs: readonly Coefficients[];
  /** Steps of the path to it. */
  readonly iterations: number;
  readonly stoppedByDeadline: boolean;
}

/** How far a path goes. */
export interface PathRun {
  /** When it must end. */
  readonly stopAt: StopAt;
  readonly stops: StopBook;
  /** How `stops` calls this path. */
  readonly place: string;
  /** Steps to be made, whatever they are worth; null: as many as `judge` likes. */
  readonly frozen: number | null;
  /** What becomes of a frozen path that does not reach its end in time. */
  readonly lateEnd: 'refused' | 'kept';
  readonly judge: ValidationJudge | null;
  readonly onStep: (step: number) => Promise<void>;
}

/** The validation loss of models along a path. */
export interface ValidationJudge {
  lossOf(outputs: readonly Coefficients[]): number;
  /** Milliseconds that the last look has taken. */
  lookMs(): number;
}

/**
 * Fits a path of penalties on some rows and keeps the step that is best for the judge, or the frozen one. A step that is
 * cut short is not kept if there is another.
 *
 * @throws TASK_DEADLINE when a frozen path is late and that is refused; TASK_CANCELLED
 */
export async function fitPath(
  objective: Objective,
  training: TrainingRows,
  outputCount: number,
  settings: PathSettings,
  { pathOf, inUnits }: PathMaker,
  run: PathRun,
  io: FitIo,
): Promise<Chosen> {
  const { unit, measure } = targetUnit(objective, training);
  const isLate = countedStop(run.stops, run.place, () => io.now() >= run.stopAt(run.judge?.lookMs() ?? 0));
  const path = pathOf({
    family: objective.glm,
    outputCount,
    training: measure(training),
    isTooLate: () => {
      checkCancelled(io);
      return isLate();
    },
  });
  const asItIs: PenaltyPath = {
    ...path,
    fitAt: (lambda) => {
      const { outputs, isWhole } = path.fitAt(lambda);
      return { outputs: outputs.map((coefficients) => inUnits(coefficients, unit)), isWhole };
    },
  };
  return follow(asItIs, settings, run);
}

/** The unit that a target is fitted in, by the rows that train, and what takes rows to it. */
export function targetUnit(
  { glm }: Objective,
  training: Pick<TrainingRows, 'labels' | 'offsets' | 'weights'>,
): { readonly unit: number; readonly measure: (rows: TrainingRows) => TrainingRows } {
  const unit = glm === 'gaussian' ? deviationOf(withoutOffsets(glm, training).labels, training.weights) : 1;
  const measure = (rows: TrainingRows): TrainingRows => {
    const { labels, offsets } = withoutOffsets(glm, rows);
    return { ...rows, labels: labels.map((label) => label / unit), offsets };
  };
  return { unit, measure };
}

/** Where the loss is a square an offset is as good as taken from the label. */
function withoutOffsets(
  family: Objective['glm'],
  { labels, offsets }: Pick<TrainingRows, 'labels' | 'offsets'>,
): Pick<TrainingRows, 'labels' | 'offsets'> {
  if (family !== 'gaussian' || offsets === null) return { labels, offsets };
  return { labels: labels.map((label, row) => label - (offsets[row] ?? NaN)), offsets: null };
}

/** The penalty of a step, from 1. */
export const lambdaAt = ({ penalties, penaltyRatio }: PathSettings, step: number, firstLambda: number): number =>
  firstLambda * penaltyRatio ** ((step - 1) / Math.max(1, penalties - 1));

/** Goes along the path: to the frozen step, or until the validation loss has not fallen for some steps. */
export async function follow(
  { firstLambda, fitAt }: PenaltyPath,
  settings: PathSettings,
  { frozen, lateEnd, judge, onStep }: PathRun,
): Promise<Chosen> {
  const { penalties, earlyStoppingRounds: rounds } = settings;
  let best: { outputs: readonly Coefficients[]; step: number; loss: number } | null = null;
  let stoppedByDeadline = false;
  for (let step = 1; step <= (frozen ?? penalties); step += 1) {
    const made = fitAt(lambdaAt(settings, step, firstLambda));
    stoppedByDeadline = !made.isWhole;
    if (stoppedByDeadline && frozen !== null && lateEnd === 'refused') throw refitTooLate(step - 1, frozen);
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

/**
 * The loss of some rows, which is made of the same terms that boosting stops by.
 *
 * @param shift what is added to the models' raw scores, one an output
 * @param scoresOf writes the raw scores of one output
 */
export function validationJudge(
  objective: Objective,
  { design, labels, weights, offsets }: TrainingRows,
  outputCount: number,
  io: FitIo,
  shift: readonly number[] | null = null,
  scoresOf: typeof predictorOf = predictorOf,
): ValidationJudge {
  const { rowCount } = design;
  const term = stoppingLoss(objective, labels, outputCount);
  const raw = new Float64Array(rowCount * outputCount);
  let lookMs = 0;
  return {
    lossOf: (outputs) => {
      const startedAt = io.now();
      for (const [output, coefficients] of shifted(outputs, shift).entries())
        scoresOf(design, coefficients, raw, output, outputCount);
      for (let row = 0; offsets !== null && row < rowCount; row += 1)
        raw[row] = (raw[row] ?? NaN) + (offsets[row] ?? NaN);
      let loss = 0;
      for (let row = 0; row < rowCount; row += 1) loss += (weights[row] ?? 0) * term(raw, row * outputCount, row);
      lookMs = io.now() - startedAt;
      return loss;
    },
    lookMs: () => lookMs,
  };
}
