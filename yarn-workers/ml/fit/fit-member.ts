import type { BatchSource, ManifestStep, TrainTask } from '#contracts';
import { stepColumns } from '#scoring';
import type { Objective } from '../blueprints/objective.ts';
import { dropsTrees, isXgboost, type BoostedSettings } from '../blueprints/settings.ts';
import { HOLDOUT } from '../partition/types.ts';
import { constantScores } from './baseline.ts';
import type { MemberFacts } from './binned/facts-keeper.ts';
import { boostDart } from './boost-dart.ts';
import { boost, type Boosted, type BoostJob } from './boost.ts';
import type { FitIo } from './clock.ts';
import { tableEncoder, type HeldOut } from './encoder.ts';
import type { BoostingEngine } from './engine.ts';
import type { HeldBackRows } from './held-back-rows.ts';
import { memberData } from './member-data.ts';
import { ownRows } from './rank-group.ts';
import { baggedRows, countRows, trainingRows, validationRows, type Member, type RowRoles } from './row-roles.ts';
import { offsetsOf, type TargetRows } from './target-rows.ts';
import type { MemberHistory } from './history/member-history.ts';
import type { TaskFeature } from './task-columns.ts';
import { withTermMeans } from './linear-leaves.ts';
import type { StopBook } from './stops.ts';
import type { Passes } from './survey/passes.ts';
import type { SurveyedRows } from './surveyed-rows.ts';
import type { Corpora } from './text/corpus.ts';

/** What all members of a fit share. */
export interface MemberContext<Settings = BoostedSettings> {
  readonly task: TrainTask;
  readonly features: readonly TaskFeature[];
  readonly source: BatchSource;
  /** With the weights by which rows train. */
  readonly rows: TargetRows;
  /** Weights of rows where they judge: never by class. */
  readonly heldWeights: Float64Array | null;
  /** What takes a member's raw scores to those of all rows: see `balanced`. */
  readonly shiftOf: (member: Member) => readonly number[] | null;
  readonly roles: RowRoles;
  readonly engine: BoostingEngine;
  readonly settings: Settings;
  readonly objective: Objective;
  readonly outputCount: number;
  /** The terms of texts, as far as the blueprint reads them. */
  readonly texts: Corpora;
  readonly stops: StopBook;
  /** What a member knows of the past of series, where the blueprint reads it. */
  readonly historyOf: (member: Member) => MemberHistory | null;
  /** What earlier models have left of a single member's features, and what later ones will find; null: nothing is kept. */
  readonly facts: MemberFacts | null;
  /** Further passes over the table, by all ranks of a group where they survey it together. */
  readonly passes: Passes;
  /** Rows that the survey kept for the bins of a single member; given once, and then let go. */
  readonly takeSurveyed: () => SurveyedRows | null;
  readonly io: FitIo;
}

/** The labels of the rows that `wanted` names, as the engine wants them: binary 1 for the positive class, else the class index or value. */
function engineLabels(
  { target }: Pick<TrainTask, 'target'>,
  { rowCount, values, classes }: TargetRows,
  wanted: (row: number) => boolean,
): Float32Array {
  if (values !== null) return pick(rowCount, wanted, (row) => values[row] ?? NaN);
  const classOf = (row: number): number => classes?.[row] ?? NaN;
  const { positiveClass } = target;
  return target.targetType === 'binary'
    ? pick(rowCount, wanted, (row) => (classOf(row) === positiveClass ? 1 : 0))
    : pick(rowCount, wanted, classOf);
}

/** The weights of the rows that `wanted` names; null without any. */
const engineWeights = (
  weights: Float64Array | null,
  { rowCount }: TargetRows,
  wanted: (row: number) => boolean,
): Float32Array | null => (weights === null ? null : pick(rowCount, wanted, (row) => weights[row] ?? NaN));

/** A boosted member, with the rows that it is to predict where they are at hand. */
export interface FittedTrees extends Boosted {
  readonly heldBack: HeldBackRows | null;
}

/**
 * Fits one member on its training rows: encodes, bins, boosts; all native memory is freed whatever happens.
 *
 * @param index number of the member, for seeds
 * @param heldOut what stands in rows that steps were fitted on; null where no step saw the target
 * @param run when it must end, where it begins, and who is told
 */
export async function fitMember(
  context: MemberContext,
  member: Member,
  index: number,
  steps: readonly ManifestStep[],
  heldOut: HeldOut | null,
  run: Pick<BoostJob, 'stopAt' | 'resumed' | 'segmentIterations' | 'onIteration' | 'onSegment'>,
): Promise<FittedTrees> {
  const { task, features, source, rows, roles, io, settings } = context;
  const encoder = tableEncoder(features, steps, source, io.signal, heldOut);
  const isTraining = trainingRows(roles, member);
  const isInBag = baggedRows(member, task.seed);
  const isAlone = roles.members.length === 1;
  const anywhere = {
    trains: (row: number) => isTraining(row) && isInBag(row),
    validates: validationRows(roles, member),
    // Of several members each predicts the holdout, all of them together.
    isHeldOut: (row: number) => isAlone && roles.of[row] === HOLDOUT,
  };
  const isOwn = ownRows(io.ranks ?? null, rows.rowCount, (row) =>
    anywhere.trains(row) ? 0 : anywhere.validates(row) ? 1 : anywhere.isHeldOut(row) ? 2 : -1,
  );
  const trains = (row: number): boolean => isOwn(row) && anywhere.trains(row);
  const validates = (row: number): boolean => isOwn(row) && anywhere.validates(row);
  const memberRows = {
    ...{ trains, validates, anywhere },
    isHeldOut: (row: number) => isOwn(row) && anywhere.isHeldOut(row),
    labels: engineLabels(task, rows, trains),
    weights: engineWeights(rows.weights, rows, trains),
  };
  const matrix = { encoder, steps, heldOut };
  const data = await memberData(context, matrix, memberRows, monotoneColumns(task, features, steps));
  const heldBack = isAlone && member.fold !== null ? data.heldBack : null;
  if (heldBack === null) await data.heldBack?.close();
  try {
    const make = dropsTrees(settings) ? boostDart : boost;
    const job: BoostJob = {
      dataset: data.dataset,
      settings,
      objective: context.objective,
      outputCount: context.outputCount,
      trainingRowCount: data.training.rowCount,
      offsets: isXgboost(settings) ? null : startOf(context, trains, anywhere.trains),
      shift: context.shiftOf(member),
      stops: context.stops,
      member: index,
      seed: task.seed,
      frozenIterations: task.refit?.iterations ?? null,
      training: data.training,
      validation:
        member.fold === null
          ? null
          : {
              rows: data.validation,
              labels: engineLabels(task, rows, validates),
              weights: engineWeights(context.heldWeights, rows, validates),
              offsets: offsetsOf(rows, validates),
            },
      ...run,
    };
    const boosted = await (io.ranks === undefined ? make(job, io) : io.ranks.joined(() => make(job, io)));
    return { ...boosted, trees: await withTermMeans(boosted.trees, data.training), heldBack };
  } catch (err) {
    await heldBack?.close();
    throw err;
  } finally {
    await data.close();
  }
}

/** Offsets of this rank's training rows, and the constant that is best beside those of all ranks; null without offsets. */
function startOf(
  { task, rows, objective }: MemberContext,
  trains: (row: number) => boolean,
  trainsAnywhere: (row: number) => boolean,
): BoostJob['offsets'] {
  const training = offsetsOf(rows, trains);
  if (training === null) return null;
  const [constant = 0] = constantScores(task.target, objective, rows, trainsAnywhere);
  return { training, constant };
}

/** A number of each row that `wanted` names, in row order. */
function pick(rowCount: number, wanted: (row: number) => boolean, valueOf: (row: number) => number): Float32Array {
  const picked = new Float32Array(countRows(rowCount, wanted));
  let at = 0;
  for (let row = 0; row < rowCount; row += 1) {
    if (!wanted(row)) continue;
    picked[at] = valueOf(row);
    at += 1;
  }
  return picked;
}

/** Constraints by matrix column, or null without any. */
export function monotoneColumns(
  { monotonic }: Pick<TrainTask, 'monotonic'>,
  features: readonly TaskFeature[],
  steps: readonly ManifestStep[],
): (-1 | 0 | 1)[] | null {
  if (monotonic.increasing.length === 0 && monotonic.decreasing.length === 0) return null;
  const manifests = features.map(({ manifest }) => manifest);
  return steps.flatMap((step) =>
    stepColumns(step, manifests).map(({ sourceFeature, kind }): -1 | 0 | 1 => {
      if (kind !== 'dense' || step.kind !== 'numeric') return 0;
      return monotonic.increasing.includes(sourceFeature) ? 1 : monotonic.decreasing.includes(sourceFeature) ? -1 : 0;
    }),
  );
}
