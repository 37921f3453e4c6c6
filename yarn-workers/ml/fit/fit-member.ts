import type { BatchSource, ManifestStep, TrainTask } from '#contracts';
import { stepColumnCount, stepColumns, type TreeArrays } from '#scoring';
import { hash32, rowHash } from '#statistics';
import type { Objective } from '../blueprints/objective.ts';
import { dropsTrees, hasLinearLeaves, isXgboost, type BoostedSettings } from '../blueprints/settings.ts';
import { constantScores } from './baseline.ts';
import { boostDart } from './boost-dart.ts';
import { boost, type Boosted, type BoostJob } from './boost.ts';
import { lightgbmDataset, type BoostDataset } from './boosting.ts';
import type { FitIo } from './clock.ts';
import {
  copyRow,
  rowsByPass,
  rowsInMemory,
  tableEncoder,
  type EncodedRows,
  type HeldOut,
  type TableEncoder,
} from './encoder.ts';
import type { BoostingEngine } from './engine.ts';
import { BIN_SAMPLE_CELLS_MAX, BIN_SAMPLE_ROWS_MAX, MATRIX_CELLS_MAX, PUSH_CELLS_MAX } from './limits.ts';
import { baggedRows, countRows, trainingRows, validationRows, type Member, type RowRoles } from './row-roles.ts';
import { offsetsOf, type TargetRows } from './target-rows.ts';
import type { MemberHistory } from './history/member-history.ts';
import type { TaskFeature } from './task-columns.ts';
import { datasetParameters, engineParameters } from './lightgbm-parameters.ts';
import { withTermMeans } from './linear-leaves.ts';
import type { StopBook } from './stops.ts';
import type { Corpora } from './text/corpus.ts';
import { createXgboostDataset } from './xgboost/dataset.ts';

const BIN_SALT = 0x5a17_0004;

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
  const encoded = await encodeMember(encoder, rows.rowCount, trains, validates, task.seed);
  const dataset = datasetOf(context, trains, steps, encoded);
  try {
    await fill(
      dataset,
      encoded.training,
      pick(labels, trains),
      rows.weights === null ? null : pick(rows.weights, trains),
    );
    const make = dropsTrees(settings) ? boostDart : boost;
    const boosted = await make(
      {
        dataset,
        settings,
        objective: context.objective,
        outputCount: context.outputCount,
        trainingRowCount: encoded.training.rowCount,
        offsets: isXgboost(settings) ? null : startOf(context, trains),
        shift: context.shiftOf(member),
        stops: context.stops,
        member: index,
        seed: task.seed,
        frozenIterations: task.refit?.iterations ?? null,
        training: encoded.training,
        validation:
          member.fold === null
            ? null
            : {
                rows: encoded.validation,
                labels: pick(labels, validates),
                weights: context.heldWeights === null ? null : pick(context.heldWeights, validates),
                offsets: offsetsOf(rows, validates),
              },
        ...run,
      },
      io,
    );
    return { ...boosted, trees: await withTermMeans(boosted.trees, encoded.training) };
  } finally {
    dataset.close();
  }
}

/** Offsets of the training rows, and the constant that is best beside them; null without offsets. */
function startOf({ task, rows, objective }: MemberContext, trains: (row: number) => boolean): BoostJob['offsets'] {
  const training = offsetsOf(rows, trains);
  if (training === null) return null;
  const [constant = 0] = constantScores(task.target, objective, rows, trains);
  return { training, constant };
}

/** An empty data set of the engine that the settings are of. */
function datasetOf(
  { task, features, rows, engine, settings, objective }: MemberContext,
  trains: (row: number) => boolean,
  steps: readonly ManifestStep[],
  { training, sample, sampleRowCount }: EncodedMember,
): BoostDataset {
  const categoryCounts = steps.flatMap(categoryCountsOf);
  const monotone = monotoneColumns(task, features, steps);
  const shared = {
    rowCount: training.rowCount,
    sample,
    sampleRowCount,
    hasWeights: rows.weights !== null,
    threadCount: task.threadCount,
  };
  if (isXgboost(settings)) {
    return createXgboostDataset(engine.xgboost(), {
      ...shared,
      categoryCounts,
      settings,
      objective,
      constants: constantScores(task.target, objective, rows, trains),
      offsets: offsetsOf(rows, trains),
      monotone,
    });
  }
  const dataset = engine.createDataset({
    ...shared,
    // Each thread of LightGBM adds up the equations of linear leaves by itself: their sums depend on how many there are.
    threadCount: hasLinearLeaves(settings) ? 1 : task.threadCount,
    columnCount: training.columnCount,
    categoricalColumns: categoryCounts.flatMap((count, column) => (count === null ? [] : [column])),
    parameters: datasetParameters(task, settings, training.rowCount),
  });
  const job = { settings, objective, monotone, trainingRowCount: training.rowCount };
  return lightgbmDataset(dataset, (seed) => engineParameters(job, seed));
}

/** For each matrix column of a step how many categories it has, null for numbers. */
function categoryCountsOf(step: ManifestStep): (number | null)[] {
  if (step.kind === 'category-codes') return [Math.max(step.keys.length, (step.missingCode ?? -1) + 1)];
  return Array.from({ length: stepColumnCount(step) }, () => null);
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

interface EncodedMember {
  readonly training: EncodedRows;
  readonly validation: EncodedRows;
  readonly sample: Float64Array;
  readonly sampleRowCount: number;
}

/** One pass that keeps the training rows, the validation rows and the bin sample, each as far as its limit allows. */
async function encodeMember(
  encoder: TableEncoder,
  rowCount: number,
  trains: (row: number) => boolean,
  validates: (row: number) => boolean,
  seed: number,
): Promise<EncodedMember> {
  const { columnCount } = encoder;
  const trainingCount = countRows(rowCount, trains);
  const validationCount = countRows(rowCount, validates);
  const sampleMost = Math.max(
    1,
    Math.min(BIN_SAMPLE_ROWS_MAX, Math.floor(BIN_SAMPLE_CELLS_MAX / Math.max(1, columnCount))),
  );
  const salted = hash32(seed, BIN_SALT);
  const limit = (sampleMost / trainingCount) * 0x1_0000_0000;
  const samples = trainingCount <= sampleMost ? trains : (row: number) => rowHash(salted, row) < limit && trains(row);
  const keepTraining = trainingCount * columnCount <= MATRIX_CELLS_MAX;
  const keepValidation = validationCount * columnCount <= MATRIX_CELLS_MAX;
  const training = keepTraining ? keeper(trains, trainingCount, columnCount) : null;
  const validation = keepValidation ? keeper(validates, validationCount, columnCount) : null;
  // Rows that are all in the sample and in memory are kept once.
  const sample =
    training !== null && samples === trains ? training : keeper(samples, countRows(rowCount, samples), columnCount);
  const keepers = [...new Set([training, validation, sample])].filter((each) => each !== null);
  await encoder.pass((values, count, firstRow) => {
    for (const each of keepers) each.add(values, count, firstRow);
  });
  return {
    training:
      training === null
        ? rowsByPass(encoder, trains, trainingCount)
        : rowsInMemory(training.values, trainingCount, columnCount),
    validation:
      validation === null
        ? rowsByPass(encoder, validates, validationCount)
        : rowsInMemory(validation.values, validationCount, columnCount),
    sample: sample.values,
    sampleRowCount: sample.rowCount,
  };
}

function keeper(wanted: (row: number) => boolean, rowCount: number, columnCount: number) {
  const values = new Float64Array(rowCount * columnCount);
  let kept = 0;
  return {
    values,
    rowCount,
    add: (block: Float64Array, count: number, firstRow: number): void => {
      for (let row = 0; row < count; row += 1) {
        if (!wanted(firstRow + row)) continue;
        copyRow(block, row, values, kept, columnCount);
        kept += 1;
      }
    },
  };
}

/** Pushes all training rows in chunks of bounded size. */
async function fill(
  dataset: BoostDataset,
  training: EncodedRows,
  labels: Float32Array,
  weights: Float32Array | null,
): Promise<void> {
  const { columnCount } = training;
  const chunkRows = Math.max(1, Math.floor(PUSH_CELLS_MAX / Math.max(1, columnCount)));
  await training.forEach((values, rowCount, first) => {
    for (let from = 0; from < rowCount; from += chunkRows) {
      const to = Math.min(rowCount, from + chunkRows);
      dataset.push(
        values.subarray(from * columnCount, to * columnCount),
        to - from,
        labels.subarray(first + from, first + to),
        weights?.subarray(first + from, first + to) ?? null,
      );
    }
  });
  dataset.finish();
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
