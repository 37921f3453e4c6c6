import { AppError, type BatchSource, type ManifestContent } from '#contracts';
import {
  blendMembers,
  calibrate,
  compileMembers,
  outputCountOf,
  scoreRows,
  type CompiledMember,
  type ModelArrays,
  type ModelReader,
  type Scorer,
} from '#scoring';
import { HOLDOUT, UNUSED, isHeldBack } from '../partition/types.ts';
import { copyRow, tableEncoder } from './encoder.ts';
import { BLOCK_ROWS } from './limits.ts';
import type { OutOfFold } from './out-of-fold.ts';
import type { RowRoles } from './row-roles.ts';
import type { TargetOffset, TargetRows } from './target-rows.ts';
import type { TaskFeature } from './task-columns.ts';

/** The packed model, opened again. */
export interface OpenedModel {
  readonly content: ManifestContent;
  readonly models: ReadonlyMap<string, ModelArrays>;
  readonly scorer: Scorer;
}

/**
 * One pass that scores every row that was held back: fold rows by the member that left them out, holdout rows by the
 * whole model. Everything from cell to probability is the code that serves.
 *
 * @returns with raw scores, neither calibrated nor with offsets, for predictions: see {@link turnIntoPredictions}
 */
export async function scorePartitions(
  model: Pick<OpenedModel, 'content' | 'models'>,
  features: readonly TaskFeature[],
  roles: RowRoles,
  rows: TargetRows,
  source: BatchSource,
  signal?: AbortSignal,
): Promise<OutOfFold> {
  const { content } = model;
  const encoder = tableEncoder(features, content.steps, source, signal);
  const members = compiledMembers(model);
  const outputCount = outputCountOf(content);
  const whole = blendMembers(members, outputCount);
  const wanted = Uint32Array.from(roles.of.keys()).filter((row) => isHeldBack(roles.of[row] ?? UNUSED));
  const predictions = new Float64Array(wanted.length * outputCount);
  let next = 0;
  const held = {
    values: new Float64Array(BLOCK_ROWS * encoder.columnCount),
    raw: new Float64Array(BLOCK_ROWS * outputCount),
  };
  await encoder.pass((values, rowCount, firstRow) => {
    const first = next;
    for (let row = 0; row < rowCount; row += 1) if (isHeldBack(roles.of[firstRow + row] ?? UNUSED)) next += 1;
    // One model after the other, so that each stays in the processor's cache.
    for (let partition = HOLDOUT; partition < members.length; partition += 1) {
      const places: number[] = [];
      for (let row = 0, place = first; row < rowCount; row += 1) {
        const found = roles.of[firstRow + row] ?? UNUSED;
        if (found === partition) {
          copyRow(values, row, held.values, places.length, encoder.columnCount);
          places.push(place);
        }
        if (isHeldBack(found)) place += 1;
      }
      const matrix = { rowCount: places.length, columnCount: encoder.columnCount, values: held.values };
      const member = members[partition]?.model;
      if (member === undefined) whole(held.values, encoder.columnCount, 0, places.length, held.raw, 0);
      else scoreRows(member, matrix, 0, places.length, held.raw);
      for (const [index, place] of places.entries())
        predictions.set(held.raw.subarray(index * outputCount, (index + 1) * outputCount), place * outputCount);
    }
  });
  if (next !== wanted.length) throw new AppError('INTERNAL', `${next} rows were predicted, expected ${wanted.length}`);
  return {
    rows: wanted,
    partitions: Int8Array.from(wanted, (row) => roles.of[row] ?? HOLDOUT),
    foldCount: roles.members.length,
    ...(roles.spans === null ? {} : { isByDate: true }),
    classes: rows.classes === null ? null : Int32Array.from(wanted, (row) => rows.classes?.[row] ?? -1),
    values: rows.values === null ? null : Float64Array.from(wanted, (row) => rows.values?.[row] ?? NaN),
    weights: rows.weights === null ? null : Float64Array.from(wanted, (row) => rows.weights?.[row] ?? NaN),
    outputCount,
    predictions,
  };
}

/** Turns raw scores into predictions where they stand: calibrated, with offsets, through the link. */
export function turnIntoPredictions(
  { rows, outputCount, predictions }: OutOfFold,
  scorer: Scorer,
  offsets: readonly TargetOffset[],
): void {
  const { content } = scorer.manifest;
  const write = predictionWriter(content, scorer);
  for (const [place, row] of rows.entries()) {
    const at = place * outputCount;
    calibrate(content.calibration, predictions, at, outputCount);
    for (const { values } of offsets) predictions[at] = (predictions[at] ?? NaN) + (values[row] ?? NaN);
    write(predictions, at, predictions, at);
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
