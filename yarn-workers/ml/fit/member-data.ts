import type { ManifestStep } from '#contracts';
import { stepColumnCount } from '#scoring';
import { hasLinearLeaves, isXgboost, type GbmSettings } from '../blueprints/settings.ts';
import { constantScores } from './baseline.ts';
import { sampledForBins } from './bin-sample.ts';
import { binMember } from './binned/bin-member.ts';
import { lightgbmDataset, type BoostDataset } from './boosting.ts';
import type { Spool } from './clock.ts';
import { rowsByPass, rowsInMemory, type EncodedRows, type TableEncoder } from './encoder.ts';
import type { EngineDatasetSpec, EngineParameters, RowSink } from './engine.ts';
import type { MemberContext } from './fit-member.ts';
import { keepRows, type KeptRows } from './kept-rows.ts';
import { datasetParameters, engineParameters } from './lightgbm-parameters.ts';
import { MATRIX_CELLS_MAX, PUSH_CELLS_MAX } from './limits.ts';
import { countRows } from './row-roles.ts';
import { offsetsOf } from './target-rows.ts';
import { createXgboostDataset } from './xgboost/dataset.ts';

/** The rows of a member with their target. */
export interface MemberRows {
  readonly trains: (row: number) => boolean;
  readonly validates: (row: number) => boolean;
  /** Of the training rows, as the engine wants them. */
  readonly labels: Float32Array;
  readonly weights: Float32Array | null;
}

/** A member's rows, ready to be boosted on. */
export interface MemberData {
  readonly dataset: BoostDataset;
  readonly training: EncodedRows;
  readonly validation: EncodedRows;
  /** Frees the native memory, and what is kept elsewhere. */
  close(): Promise<void>;
}

/** What is known of a member's matrix before it is made. */
interface Shape {
  readonly columnCount: number;
  readonly trainingCount: number;
  /** By matrix column how many categories it has; null for numbers. */
  readonly categoryCounts: readonly (number | null)[];
  /** Constraints by matrix column; null without any. */
  readonly monotone: readonly (-1 | 0 | 1)[] | null;
}

/**
 * Encodes a member's rows and gives them to the engine. Matrices of at most MATRIX_CELLS_MAX cells stay in memory. Where the training
 * rows have more, the bins of both parts are kept instead (`binMember`); where there is no place to keep them, or the engine wants values, rows
 * are encoded anew whenever they are needed.
 *
 * @param monotone constraints by matrix column; null without any
 */
export async function memberData(
  context: MemberContext,
  encoder: TableEncoder,
  steps: readonly ManifestStep[],
  rows: MemberRows,
  monotone: Shape['monotone'],
): Promise<MemberData> {
  const { settings, io } = context;
  const { columnCount } = encoder;
  const trainingCount = countRows(context.rows.rowCount, rows.trains);
  const shape = { columnCount, trainingCount, categoryCounts: steps.flatMap(categoryCountsOf), monotone };
  const isLarge = trainingCount * columnCount > MATRIX_CELLS_MAX;
  return isLarge && io.openSpool !== undefined && !isXgboost(settings) && !hasLinearLeaves(settings)
    ? binnedData({ ...context, settings }, encoder, rows, shape, await io.openSpool())
    : encodedData(context, encoder, rows, shape);
}

/** For each matrix column of a step how many categories it has, null for numbers. */
function categoryCountsOf(step: ManifestStep): (number | null)[] {
  if (step.kind === 'category-codes') return [Math.max(step.keys.length, (step.missingCode ?? -1) + 1)];
  return Array.from({ length: stepColumnCount(step) }, () => null);
}

/** What LightGBM is told of a data set. */
function lightgbmSpec(
  { task, settings }: MemberContext<GbmSettings>,
  { weights }: MemberRows,
  { columnCount, trainingCount, categoryCounts }: Shape,
  sample: KeptRows,
): EngineDatasetSpec {
  return {
    rowCount: trainingCount,
    columnCount,
    categoricalColumns: categoryCounts.flatMap((count, column) => (count === null ? [] : [column])),
    sample: sample.values,
    sampleRowCount: sample.rowCount,
    hasWeights: weights !== null,
    // Each thread of LightGBM adds up the equations of linear leaves by itself: their sums depend on how many there are.
    threadCount: hasLinearLeaves(settings) ? 1 : task.threadCount,
    parameters: datasetParameters(task, settings, trainingCount),
  };
}

/** The parameters of a member's boosters, by their seeds. */
const parametersOf =
  ({ settings, objective }: MemberContext<GbmSettings>, { trainingCount, monotone }: Shape) =>
  (seed: number): EngineParameters =>
    engineParameters({ settings, objective, monotone, trainingRowCount: trainingCount }, seed);

async function binnedData(
  context: MemberContext<GbmSettings>,
  encoder: TableEncoder,
  rows: MemberRows,
  shape: Shape,
  spool: Spool,
): Promise<MemberData> {
  try {
    const { task, engine } = context;
    const isSampled = sampledForBins(task.seed, rows.trains, shape.trainingCount, shape.columnCount);
    const sample = keepRows(isSampled, context.rows.rowCount, shape.columnCount);
    await encoder.pass(sample.add);
    const spec = lightgbmSpec(context, rows, shape, sample);
    const { dataset, training, validation } = await binMember(engine, spec, encoder, rows, spool);
    return {
      dataset: lightgbmDataset(dataset, parametersOf(context, shape)),
      training,
      validation,
      close: async () => {
        dataset.close();
        await spool.close();
      },
    };
  } catch (err) {
    await spool.close();
    throw err;
  }
}

async function encodedData(
  context: MemberContext,
  encoder: TableEncoder,
  rows: MemberRows,
  shape: Shape,
): Promise<MemberData> {
  const { training, validation, sample } = await encodeRows(context, encoder, rows, shape);
  const { dataset, sink } = emptyDataset(context, rows, shape, sample);
  try {
    await fill(sink, training, rows);
  } catch (err) {
    dataset.close();
    throw err;
  }
  return { dataset, training, validation, close: async () => dataset.close() };
}

/** An empty data set of the engine that the settings are of, and what fills it. */
function emptyDataset(
  context: MemberContext,
  rows: MemberRows,
  shape: Shape,
  sample: KeptRows,
): { dataset: BoostDataset; sink: RowSink } {
  const { task, engine, settings, objective } = context;
  const { categoryCounts, monotone, trainingCount } = shape;
  if (!isXgboost(settings)) {
    const own = { ...context, settings };
    const sink = engine.createDataset(lightgbmSpec(own, rows, shape, sample));
    return { dataset: lightgbmDataset(sink, parametersOf(own, shape)), sink };
  }
  const dataset = createXgboostDataset(engine.xgboost(), {
    rowCount: trainingCount,
    categoryCounts,
    sample: sample.values,
    sampleRowCount: sample.rowCount,
    hasWeights: rows.weights !== null,
    threadCount: task.threadCount,
    settings,
    objective,
    constants: constantScores(task.target, objective, context.rows, rows.trains),
    offsets: offsetsOf(context.rows, rows.trains),
    monotone,
  });
  return { dataset, sink: dataset };
}

interface EncodedMember {
  readonly training: EncodedRows;
  readonly validation: EncodedRows;
  readonly sample: KeptRows;
}

/** One pass that keeps the training rows, the validation rows and the bin sample, each as far as its limit allows. */
async function encodeRows(
  { task, rows: { rowCount } }: MemberContext,
  encoder: TableEncoder,
  { trains, validates }: MemberRows,
  { columnCount, trainingCount }: Shape,
): Promise<EncodedMember> {
  const validationCount = countRows(rowCount, validates);
  const isSampled = sampledForBins(task.seed, trains, trainingCount, columnCount);
  const fits = (count: number): boolean => count * columnCount <= MATRIX_CELLS_MAX;
  const training = fits(trainingCount) ? keepRows(trains, rowCount, columnCount) : null;
  const validation = fits(validationCount) ? keepRows(validates, rowCount, columnCount) : null;
  // Rows that are all in the sample and in memory are kept once.
  const sample = training !== null && isSampled === trains ? training : keepRows(isSampled, rowCount, columnCount);
  const keepers = [...new Set([training, validation, sample])].filter((each) => each !== null);
  await encoder.pass((values, count, firstRow) => {
    for (const each of keepers) each.add(values, count, firstRow);
  });
  const rowsOf = (kept: KeptRows | null, wanted: (row: number) => boolean, count: number): EncodedRows =>
    kept === null ? rowsByPass(encoder, wanted, count) : rowsInMemory(kept.values, count, columnCount);
  return {
    training: rowsOf(training, trains, trainingCount),
    validation: rowsOf(validation, validates, validationCount),
    sample,
  };
}

/** Pushes all training rows in chunks of bounded size. */
async function fill(sink: RowSink, training: EncodedRows, { labels, weights }: MemberRows): Promise<void> {
  const { columnCount } = training;
  const chunkRows = Math.max(1, Math.floor(PUSH_CELLS_MAX / Math.max(1, columnCount)));
  await training.forEach((values, rowCount, first) => {
    for (let from = 0; from < rowCount; from += chunkRows) {
      const to = Math.min(rowCount, from + chunkRows);
      sink.push(
        values.subarray(from * columnCount, to * columnCount),
        to - from,
        labels.subarray(first + from, first + to),
        weights?.subarray(first + from, first + to) ?? null,
      );
    }
  });
  sink.finish();
}
