import { AppError, type BatchSource, type ManifestContent } from '#contracts';
import {
  blendMembers,
  calibrate,
  compileMembers,
  outputCountOf,
  scoreRows,
  rowOf,
  type BlockEvaluator,
  type CompiledMember,
  type CompiledModel,
  type ModelArrays,
  type ModelReader,
  type Scorer,
} from '#scoring';
import { HOLDOUT, UNUSED, isHeldBack } from '../partition/types.ts';
import { copyRow, tableEncoder, type TableEncoder } from './encoder.ts';
import type { HeldBackRows } from './held-back-rows.ts';
import { HeldBackScores } from './held-back-scores.ts';
import { BLOCK_ROWS } from './limits.ts';
import { shareRows, type Ranks } from './rank-group.ts';
import type { RankMeeting } from './rank-meeting.ts';
import type { RowRoles } from './row-roles.ts';
import type { TargetOffset, TargetRows } from './target-rows.ts';
import type { TaskFeature } from './task-columns.ts';

/** The packed model, opened again. */
export interface OpenedModel {
  readonly content: ManifestContent;
  readonly models: ReadonlyMap<string, ModelArrays>;
  readonly scorer: Scorer;
}

/** Rows that are to be predicted. */
export interface PartitionedRows {
  readonly roles: RowRoles;
  readonly rows: TargetRows;
  /** Those of a model of one member, as its steps encode them, of this rank; null: they are read, all of them. */
  readonly heldBack: HeldBackRows | null;
  readonly ranks: Ranks;
  /** Of the ranks. */
  readonly meeting: RankMeeting | null;
}

/**
 * Scores every row that was held back: fold rows by the member that left them out, holdout rows by the whole model, in one pass over
 * the table, unless the rows are at hand. Everything from cell to probability is the code that serves.
 *
 * @returns with raw scores, neither calibrated nor with offsets, for predictions: see {@link turnIntoPredictions}
 */
export async function scorePartitions(
  model: Pick<OpenedModel, 'content' | 'models'>,
  features: readonly TaskFeature[],
  { roles, rows, heldBack, ranks, meeting }: PartitionedRows,
  source: BatchSource,
  signal?: AbortSignal,
): Promise<HeldBackScores> {
  const { content } = model;
  const encoder = tableEncoder(features, content.steps, source, signal);
  const members = compiledMembers(model);
  const outputCount = outputCountOf(content);
  const blend = blendMembers(members, outputCount);
  const blendBlock: BlockEvaluator = (values, base, stride, rowCount, out, at) =>
    blend(values.subarray(base), stride, 0, rowCount, out, at);
  const whole: CompiledModel = { outputCount, score: rowOf(blendBlock), scoreBlock: blendBlock };
  const scores = new HeldBackScores({ roles, rows }, outputCount);
  const { predictions } = scores;
  const queues = new Map(
    [HOLDOUT, ...members.keys()].map((partition) => [
      partition,
      rowQueue(members[partition]?.model ?? whole, encoder.columnCount, outputCount, predictions),
    ]),
  );
  const queueOf = (partition: number): RowQueue => {
    const queue = queues.get(partition);
    if (queue === undefined) throw new AppError('INTERNAL', `no model predicts the rows of partition ${partition}`);
    return queue;
  };
  if (heldBack === null) {
    const count = await readHeldBack(encoder, roles, queueOf);
    if (count !== scores.facts.rowCount)
      throw new AppError('INTERNAL', `${count} rows were predicted, expected ${scores.facts.rowCount}`);
  } else await takeHeldBack(heldBack, roles, ranks, queueOf);
  for (const queue of queues.values()) queue.end();
  // One rank may have read its rows from the table again.
  if (heldBack !== null) await meeting?.all('their predictions', true);
  if (heldBack !== null)
    for (const partition of [0, HOLDOUT])
      shareRows(ranks, placesOf(roles, partition), countOf(roles, partition), predictions, outputCount);
  return scores;
}

/** One pass over the table; the number of rows that are held back. */
async function readHeldBack(
  encoder: TableEncoder,
  { of }: RowRoles,
  queueOf: (partition: number) => RowQueue,
): Promise<number> {
  let next = 0;
  await encoder.pass((values, rowCount, firstRow) => {
    for (let row = 0; row < rowCount; row += 1) {
      const partition = of[firstRow + row] ?? UNUSED;
      if (!isHeldBack(partition)) continue;
      queueOf(partition).add(values, row, next);
      next += 1;
    }
  });
  return next;
}

/** Places of the rows of a partition among all rows that are held back, in order. */
function* placesOf({ of }: RowRoles, wanted: number): Generator<number, number> {
  let place = 0;
  for (const partition of of) {
    if (partition === wanted) yield place;
    if (isHeldBack(partition)) place += 1;
  }
  return NaN;
}

const countOf = ({ of }: RowRoles, wanted: number): number =>
  of.reduce((count, partition) => count + Number(partition === wanted), 0);

/** The rows at hand, part by part. @throws INTERNAL unless they are all that there are, or all of this rank */
async function takeHeldBack(
  { validation, holdout }: HeldBackRows,
  roles: RowRoles,
  ranks: Ranks,
  queueOf: (partition: number) => RowQueue,
): Promise<void> {
  const { rank, size } = ranks ?? { rank: 0, size: 1 };
  for (const [partition, rows] of [
    [0, validation],
    [HOLDOUT, holdout],
  ] as const) {
    const expected = Math.ceil((countOf(roles, partition) - rank) / size);
    if (expected !== rows.rowCount)
      throw new AppError('INTERNAL', `${rows.rowCount} rows of partition ${partition}, expected ${expected}`);
    const queue = queueOf(partition);
    const places = placesOf(roles, partition);
    const pass = (count: number): void => {
      for (let passed = 0; passed < count; passed += 1) places.next();
    };
    pass(rank);
    await rows.forEach((values, count) => {
      for (let row = 0; row < count; row += 1) {
        queue.add(values, row, places.next().value);
        pass(size - 1);
      }
    });
  }
}

type RowQueue = ReturnType<typeof rowQueue>;

/** Rows that wait for one model, until there are so many that its trees are read once for all of them. */
function rowQueue(model: CompiledModel, columnCount: number, outputCount: number, predictions: Float64Array) {
  const values = new Float64Array(BLOCK_ROWS * columnCount);
  const raw = new Float64Array(BLOCK_ROWS * outputCount);
  const places: number[] = [];
  const end = (): void => {
    scoreRows(model, { values, columnCount, rowCount: places.length }, 0, places.length, raw);
    for (const [index, place] of places.entries())
      predictions.set(raw.subarray(index * outputCount, (index + 1) * outputCount), place * outputCount);
    places.length = 0;
  };
  return {
    /** @param place of its predictions */
    add: (from: Float64Array, row: number, place: number): void => {
      copyRow(from, row, values, places.length, columnCount);
      if (places.push(place) === BLOCK_ROWS) end();
    },
    end,
  };
}

/** Turns raw scores into predictions where they stand: calibrated, with offsets, through the link. */
export function turnIntoPredictions(held: HeldBackScores, scorer: Scorer, offsets: readonly TargetOffset[]): void {
  const { predictions, facts } = held;
  const { content } = scorer.manifest;
  const write = predictionWriter(content, scorer);
  let at = 0;
  for (const rows of held.rowNumbers())
    for (const row of rows) {
      calibrate(content.calibration, predictions, at, facts.outputCount);
      for (const { values } of offsets) predictions[at] = (predictions[at] ?? NaN) + (values[row] ?? NaN);
      write(predictions, at, predictions, at);
      at += facts.outputCount;
    }
}

/** What reads arrays that are in memory. @throws INTERNAL for a model without */
function readerOf(models: ReadonlyMap<string, ModelArrays>): ModelReader {
  const fail = (prefix: string): never => {
    throw new AppError('INTERNAL', `no arrays of ${prefix}`);
  };
  return {
    trees: ({ prefix }) => {
      const arrays = models.get(prefix);
      return arrays !== undefined && 'averageOutput' in arrays ? arrays : fail(prefix);
    },
    linear: ({ prefix }) => {
      const arrays = models.get(prefix);
      return arrays !== undefined && !('treeCount' in arrays || 'rank' in arrays || 'unitCount' in arrays)
        ? arrays
        : fail(prefix);
    },
    forest: ({ prefix }) => {
      const arrays = models.get(prefix);
      return arrays !== undefined && 'priorVotes' in arrays ? arrays : fail(prefix);
    },
    factorization: ({ prefix }) => {
      const arrays = models.get(prefix);
      return arrays !== undefined && 'rank' in arrays ? arrays : fail(prefix);
    },
    network: ({ prefix }) => {
      const arrays = models.get(prefix);
      return arrays !== undefined && 'unitCount' in arrays ? arrays : fail(prefix);
    },
  };
}

/** Writes the prediction of raw scores at `from` as `OutOfFold` has it: a probability, one a class, or the value. */
export function predictionWriter(
  content: Pick<ManifestContent, 'targetType' | 'positiveClass'>,
  scorer: Scorer,
): (raw: Float64Array, from: number, out: Float64Array, at: number) => void {
  const answer = scorer.createPrediction();
  const positive = content.positiveClass ?? 1;
  return (raw, from, out, at) => {
    scorer.toPrediction(raw, from, answer);
    if (content.targetType === 'regression') out[at] = Number(answer.prediction);
    else if (content.targetType === 'binary') out[at] = answer.probabilities[positive] ?? NaN;
    else out.set(answer.probabilities, at);
  };
}

/** Each member, compiled for the matrix of all steps. @throws ARTIFACT_INVALID, INTERNAL for one without arrays */
export const compiledMembers = ({ content, models }: Pick<OpenedModel, 'content' | 'models'>): CompiledMember[] =>
  compileMembers(content, readerOf(models));
