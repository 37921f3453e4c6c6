import type { BatchSource, ManifestStep, TrainTask } from '#contracts';
import { stepColumns, type TreeArrays } from '#scoring';
import type { Objective } from '../blueprints/objective.ts';
import { dropsTrees, isXgboost, type BoostedSettings } from '../blueprints/settings.ts';
import { constantScores } from './baseline.ts';
import { boostDart } from './boost-dart.ts';
import { boost, type Boosted, type BoostJob } from './boost.ts';
import type { FitIo } from './clock.ts';
import { tableEncoder, type HeldOut } from './encoder.ts';
import type { BoostingEngine } from './engine.ts';
import { memberData } from './member-data.ts';
import { baggedRows, countRows, trainingRows, validationRows, type Member, type RowRoles } from './row-roles.ts';
import { offsetsOf, type TargetRows } from './target-rows.ts';
import type { MemberHistory } from './history/member-history.ts';
import type { TaskFeature } from './task-columns.ts';
import { withTermMeans } from './linear-leaves.ts';
import type { StopBook } from './stops.ts';
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
  readonly io: FitIo;
}

/** Labels as the engine wants them: binary 1 for the positive class, else the class index or value. */
export function engineLabels({ target }: Pick<TrainTask, 'target'>, rows: TargetRows): Float32Array {
  if (rows.values !== null) return Float32Array.from(rows.values);
  const { positiveClass } = target;
  const classes = rows.classes ?? new Int32Array(0);
  return target.targetType === 'binary'
    ? Float32Array.from(classes, (index) => (index === positiveClass ? 1 : 0))
    : Float32Array.from(classes);
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
  run: Pick<BoostJob, 'stopAt' | 'resumed' | 'onIteration' | 'onSegment'>,
): Promise<Boosted & { trees: TreeArrays }> {
  const { task, features, source, rows, roles, io, settings } = context;
  const encoder = tableEncoder(features, steps, source, io.signal, heldOut);
  const isTraining = trainingRows(roles, member);
  const isInBag = baggedRows(member, task.seed);
  const trains = (row: number): boolean => isTraining(row) && isInBag(row);
  const validates = validationRows(roles, member);
  const labels = engineLabels(task, rows);
  const weights = rows.weights === null ? null : pick(rows.weights, trains);
  const memberRows = { trains, validates, labels: pick(labels, trains), weights };
  const data = await memberData(context, encoder, steps, memberRows, monotoneColumns(task, features, steps));
  try {
    const make = dropsTrees(settings) ? boostDart : boost;
    const boosted = await make(
      {
        dataset: data.dataset,
        settings,
        objective: context.objective,
        outputCount: context.outputCount,
        trainingRowCount: data.training.rowCount,
        offsets: isXgboost(settings) ? null : startOf(context, trains),
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
                labels: pick(labels, validates),
                weights: context.heldWeights === null ? null : pick(context.heldWeights, validates),
                offsets: offsetsOf(rows, validates),
              },
        ...run,
      },
      io,
    );
    return { ...boosted, trees: await withTermMeans(boosted.trees, data.training) };
  } finally {
    await data.close();
  }
}

/** Offsets of the training rows, and the constant that is best beside them; null without offsets. */
function startOf({ task, rows, objective }: MemberContext, trains: (row: number) => boolean): BoostJob['offsets'] {
  const training = offsetsOf(rows, trains);
  if (training === null) return null;
  const [constant = 0] = constantScores(task.target, objective, rows, trains);
  return { training, constant };
}

/** Values of the rows that `wanted` names, in row order. */
function pick(values: Float32Array | Float64Array, wanted: (row: number) => boolean): Float32Array {
  const picked = new Float32Array(countRows(values.length, wanted));
  let at = 0;
  for (let row = 0; row < values.length; row += 1) {
    if (!wanted(row)) continue;
    picked[at] = values[row] ?? NaN;
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
