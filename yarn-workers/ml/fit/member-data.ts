import type { ManifestStep } from '#contracts';
import { stepColumnCount } from '#scoring';
import {
  dropsTrees,
  hasLinearLeaves,
  isBoosted,
  isXgboost,
  type GbmSettings,
  type ModelSettings,
} from '../blueprints/settings.ts';
import { constantScores } from './baseline.ts';
import { binSampleRows, sampledForBins } from './bin-sample.ts';
import { findReference, type RowsToBin } from './binned/binned-dataset.ts';
import { binsKey } from './binned/bins-key.ts';
import { readReference } from './binned/dataset-file.ts';
import { memberBins } from './binned/member-bins.ts';
import type { RowUses } from './binned/row-uses.ts';
import { lightgbmDataset, type BoostDataset } from './boosting.ts';
import type { FitIo, Spool } from './clock.ts';
import { rowsByPass, rowsInMemory, type EncodedRows, type TableEncoder } from './encoder.ts';
import type { EngineDatasetFacts, EngineParameters, RowSink } from './engine.ts';
import type { MemberContext } from './fit-member.ts';
import type { HeldBackRows } from './held-back-rows.ts';
import { keepRows, type KeptRows } from './kept-rows.ts';
import { datasetParameters, engineParameters } from './lightgbm-parameters.ts';
import { MATRIX_CELLS_MAX, PUSH_CELLS_MAX } from './limits.ts';
import { memberSample, type MemberMatrix } from './member-sample.ts';
import { countRows } from './row-roles.ts';
import { offsetsOf } from './target-rows.ts';
import { createXgboostDataset } from './xgboost/dataset.ts';

/** A member's rows, ready to be boosted on. */
export interface MemberData {
  readonly dataset: BoostDataset;
  readonly training: EncodedRows;
  readonly validation: EncodedRows;
  /** Null where they must be encoded again to be predicted. */
  readonly heldBack: HeldBackRows | null;
  /** Frees the native memory, and what is kept elsewhere but for `heldBack`. */
  close(): Promise<void>;
}

/** A member's rows. */
export interface MemberRows extends RowsToBin {
  /** Rows of this rank and of others. */
  readonly anywhere: RowUses;
}

/** What is known of a member's matrix before it is made. */
interface Shape {
  readonly columnCount: number;
  /** Of all ranks. */
  readonly trainingCount: number;
  /** By matrix column how many categories it has; null for numbers. */
  readonly categoryCounts: readonly (number | null)[];
  /** Constraints by matrix column; null without any. */
  readonly monotone: readonly (-1 | 0 | 1)[] | null;
}

/**
 * Encodes a member's rows and gives them to the engine. Matrices of at most MATRIX_CELLS_MAX cells stay in memory. Where the training
 * rows have more, the bins of both parts are kept instead (`memberBins`); where there is no place to keep them, or the engine wants values, rows
 * are encoded anew whenever they are needed.
 *
 * @param monotone constraints by matrix column; null without any
 */
export async function memberData(
  context: MemberContext,
  member: MemberMatrix,
  rows: MemberRows,
  monotone: Shape['monotone'],
): Promise<MemberData> {
  const { settings, io } = context;
  const { encoder, steps } = member;
  const { columnCount } = encoder;
  const trainingCount = countRows(context.rows.rowCount, rows.anywhere.trains);
  const shape = { columnCount, trainingCount, categoryCounts: steps.flatMap(categoryCountsOf), monotone };
  const { openSpool } = io;
  return openSpool !== undefined && isBinned(settings, trainingCount * columnCount, io)
    ? binnedData({ ...context, settings }, member, rows, shape, openSpool)
    : encodedData(context, encoder, rows, shape);
}

const cellsMax = ({ matrixCellsMax }: Pick<FitIo, 'matrixCellsMax'>): number => matrixCellsMax ?? MATRIX_CELLS_MAX;

/** Whether the bins of a member's rows are kept instead of its matrix: they are where several ranks have them, too. */
export const isBinned = (settings: ModelSettings | null, cellCount: number, io: FitIo): settings is GbmSettings =>
  io.openSpool !== undefined && (io.ranks !== undefined || cellCount > cellsMax(io)) && canBeBinned(settings);

/** Whether LightGBM boosts such models on the bins of rows, as far as their number asks for it. */
export const canBeBinned = (settings: ModelSettings | null): settings is GbmSettings =>
  settings !== null && isBoosted(settings) && !isXgboost(settings) && !hasLinearLeaves(settings);

/** Whether several ranks can fit such a model together. */
export const isDistributable = (settings: ModelSettings | null): boolean =>
  canBeBinned(settings) && !dropsTrees(settings);

/** For each matrix column of a step how many categories it has, null for numbers. */
function categoryCountsOf(step: ManifestStep): (number | null)[] {
  if (step.kind === 'category-codes') return [Math.max(step.keys.length, (step.missingCode ?? -1) + 1)];
  return Array.from({ length: stepColumnCount(step) }, () => null);
}

/** What LightGBM is told of a data set. */
function datasetFacts(
  { task, settings }: MemberContext<GbmSettings>,
  { weights }: MemberRows,
  { columnCount, trainingCount, categoryCounts }: Shape,
): EngineDatasetFacts {
  return {
    rowCount: trainingCount,
    columnCount,
    categoricalColumns: categoryCounts.flatMap((count, column) => (count === null ? [] : [column])),
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
  member: MemberMatrix,
  rows: MemberRows,
  shape: Shape,
  openSpool: () => Promise<Spool>,
): Promise<MemberData> {
  const { engine, task, features, io } = context;
  const { encoder, steps, heldOut } = member;
  const facts = datasetFacts(context, rows, shape);
  const bytes = await findReference(context, facts, () => memberSample(context, member, rows.anywhere.trains));
  const { anywhere } = rows;
  const keyOf = (program: string): string | null =>
    binsKey({ table: task.table, features, steps, heldOut, rows: anywhere, reference: bytes, program }, io.sha256);
  const reference = readReference(bytes);
  const tableRows = context.rows.rowCount;
  const job = { engine, facts, reference, encoder, rows, anywhere, tableRows, keyOf };
  const bins = await memberBins(job, io, openSpool);
  const { training, validation, holdout, dataset } = bins;
  return {
    ...{ training, validation },
    dataset: lightgbmDataset(dataset, parametersOf(context, shape)),
    heldBack: { validation, holdout, close: () => bins.closeHoldout() },
    close: () => bins.close(),
  };
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
  return { dataset, training, validation, heldBack: null, close: async () => dataset.close() };
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
    const { values, rowCount } = sample;
    const facts = datasetFacts(own, rows, shape);
    const sink = engine.createDataset({ ...facts, sample: values, sampleRowCount: rowCount });
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
  { task, rows: { rowCount }, io }: MemberContext,
  encoder: TableEncoder,
  { trains, validates }: MemberRows,
  { columnCount, trainingCount }: Shape,
): Promise<EncodedMember> {
  const validationCount = countRows(rowCount, validates);
  const isSampled = sampledForBins(task.seed, trains, trainingCount, binSampleRows(columnCount));
  const fits = (count: number): boolean => count * columnCount <= cellsMax(io);
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
