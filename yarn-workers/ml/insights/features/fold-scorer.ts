import { AppError, type ManifestContent } from '#contracts';
import {
  calibrate,
  compileOffsets,
  compileSteps,
  firstColumnsOf,
  isOneFeature,
  scoreRows,
  stepColumnCount,
  type CompiledModel,
} from '#scoring';
import { placeCrosses, type ColumnCross } from './column-crosses.ts';
import { placeDistances, type ColumnDistance } from './column-distances.ts';
import { followNumberPairs, placePairs, type ColumnPairs } from './column-pairs.ts';
import { followHistories, placeHistories, type ColumnHistory } from './column-histories.ts';
import type { OutOfFold } from '../../fit/out-of-fold.ts';
import { compiledMembers, predictionWriter, type OpenedModel } from '../../fit/predict-partitions.ts';
import type { SampledFeature } from './read-features.ts';

/** Rows encoded for all members of a model: row-major, the columns of all steps in their order. */
export interface EncodedSample extends ColumnPairs {
  readonly values: Float64Array;
  readonly columnCount: number;
  /** Matrix columns of each sampled feature, in the order of the features; without those of several features. */
  readonly columnsOf: readonly Uint32Array[];
  /** Columns that are looked up by a date and a series. */
  readonly histories: readonly ColumnHistory[];
  /** Columns that are looked up by the keys of two features. */
  readonly crosses: readonly ColumnCross[];
  /** Columns that are made of two places. */
  readonly distances: readonly ColumnDistance[];
}

/**
 * Every column but differences, places of two numbers, distances, histories and crosses is made of one feature, so that moving a feature's columns
 * is moving its cells; the others follow when it is predicted. What they are made of stands in columns after those of all steps, where
 * none of these has it.
 */
export function encodeSample(
  { steps }: ManifestContent,
  features: readonly SampledFeature[],
  rowCount: number,
): EncodedSample {
  const { compiled, columnCount: stepColumns } = compileSteps(steps);
  const histories = placeHistories(steps, stepColumns);
  const crosses = placeCrosses(steps, stepColumns + 2 * histories.length);
  const keyColumns = stepColumns + 2 * (histories.length + crosses.length);
  const distances = placeDistances(steps, keyColumns);
  const numberColumns = keyColumns + 4 * distances.length;
  const { paired, ...pairs } = placePairs(steps, numberColumns);
  const columnCount = numberColumns + paired.length;
  const values = new Float64Array(rowCount * columnCount).fill(NaN);
  const valuesOf = new Map(features.map(({ index, values }) => [index, values]));
  for (const { apply } of compiled) apply(valuesOf, 0, rowCount, values, columnCount);
  const columnsOf = features.map((): number[] => []);
  const placeOf = new Map(features.map(({ index }, place) => [index, place]));
  const firstColumns = firstColumnsOf(steps);
  for (const [number, step] of steps.entries()) {
    if (!isOneFeature(step)) continue;
    const own = columnsOf[placeOf.get(step.feature) ?? -1];
    for (let i = 0; i < stepColumnCount(step); i += 1) own?.push((firstColumns[number] ?? 0) + i);
  }
  for (const history of histories) {
    const { step, secondsColumn, placeColumn } = history;
    history.writeKeys(valuesOf, values, columnCount);
    columnsOf[placeOf.get(step.feature) ?? -1]?.push(secondsColumn);
    if (step.series !== null) columnsOf[placeOf.get(step.series) ?? -1]?.push(placeColumn);
  }
  for (const cross of crosses) {
    cross.writeKeys(valuesOf, values, columnCount);
    columnsOf[placeOf.get(cross.step.feature) ?? -1]?.push(cross.ownColumn);
    columnsOf[placeOf.get(cross.step.other) ?? -1]?.push(cross.otherColumn);
  }
  for (const distance of distances) {
    distance.writeNumbers(valuesOf, values, columnCount);
    for (const [feature, column] of distance.inputs) columnsOf[placeOf.get(feature) ?? -1]?.push(column);
  }
  for (const one of paired) {
    one.writeKeys(valuesOf, values, columnCount);
    columnsOf[placeOf.get(one.feature) ?? -1]?.push(one.column);
  }
  return {
    ...pairs,
    ...{ values, columnCount, histories, crosses, distances },
    columnsOf: columnsOf.map((columns) => Uint32Array.from(columns)),
  };
}

/** Makes columns of several features anew of the columns as they are now. */
export function followPairs({ values, columnCount, crosses, distances, ...pairs }: EncodedSample): void {
  followNumberPairs(pairs, values, columnCount);
  for (const one of [...crosses, ...distances])
    for (let start = 0; start < values.length; start += columnCount) one.follow(values, start);
}

/** Some rows of a sample. */
export function encodedRows(sample: EncodedSample, rows: Uint32Array): EncodedSample {
  const { columnCount } = sample;
  const values = new Float64Array(rows.length * columnCount);
  for (const [place, row] of rows.entries())
    values.set(sample.values.subarray(row * columnCount, (row + 1) * columnCount), place * columnCount);
  return { ...sample, values };
}

/** Predictions as `OutOfFold` has them, of rows in order of fold, each by the members that had not seen its fold. */
export type PredictSample = (encoded: EncodedSample) => Float64Array;

/**
 * What predicts a sample. The members of an artefact are, model by model, those of folds 0, 1, ...: one model, or those
 * that an ensemble blends. In fold k the members k of all models predict with the weights of their models, the sums over the models' members,
 * the ensemble's own weights. A constant beyond them is what a stacked layer adds to all rows.
 *
 * @throws INTERNAL where there are not as many members for each fold
 */
export function samplePredictor(model: OpenedModel, rows: Pick<OutOfFold, 'partitions' | 'foldCount'>): PredictSample {
  const { content, scorer } = model;
  const { outputCount } = scorer;
  const { foldCount, partitions } = rows;
  const compiled = compiledMembers(model).map((member) => member.model);
  const hasShifts = compiled.length % foldCount === 1 && content.members.at(-1)?.model.kind === 'constant';
  const [members, shifts] = hasShifts ? [compiled.slice(0, -1), compiled.slice(-1)] : [compiled, []];
  if (members.length % foldCount !== 0)
    throw new AppError('INTERNAL', `the artefact has ${members.length} members for ${foldCount} folds`);
  const write = predictionWriter(content, scorer);
  const offsets = compileOffsets(content);
  const modelWeights = Array.from({ length: members.length / foldCount }, (_, model) =>
    content.members.slice(model * foldCount, (model + 1) * foldCount).reduce((sum, { weight }) => sum + weight, 0),
  );
  const weights = hasShifts ? [...modelWeights, 1] : modelWeights;
  const rowCount = partitions.length;
  const raw = new Float64Array(rowCount * outputCount);
  const own = new Float64Array(rowCount * outputCount);
  return (encoded) => {
    followPairs(encoded);
    followHistories(encoded.histories, encoded.values, encoded.columnCount);
    const { values, columnCount } = encoded;
    const matrix = { rowCount, columnCount, values };
    for (let fold = 0, from = 0; fold < foldCount; fold += 1) {
      let to = from;
      while (to < rowCount && partitions[to] === fold) to += 1;
      const part = raw.subarray(from * outputCount, to * outputCount);
      blendFold(
        [...members.filter((_, index) => index % foldCount === fold), ...shifts],
        weights,
        (member, out) => scoreRows(member, matrix, from, to, out),
        part,
        own.subarray(0, part.length),
      );
      from = to;
    }
    calibrate(content.calibration, raw, 0, raw.length);
    for (let row = 0; offsets !== null && row < rowCount; row += 1) offsets.addTo(values, row * columnCount, raw, row);
    const predictions = new Float64Array(rowCount * outputCount);
    for (let row = 0; row < rowCount; row += 1) write(raw, row * outputCount, predictions, row * outputCount);
    return predictions;
  };
}

/** The only member of weight 1 as it is, to the last bit; else the weighted sum in their order. */
function blendFold(
  members: readonly CompiledModel[],
  weights: readonly number[],
  score: (member: CompiledModel, out: Float64Array) => void,
  out: Float64Array,
  own: Float64Array,
): void {
  for (const [index, member] of members.entries()) {
    if (members.length === 1 && weights[0] === 1) return score(member, out);
    score(member, own);
    const weight = weights[index] ?? NaN;
    for (let i = 0; i < out.length; i += 1) out[i] = (index === 0 ? 0 : (out[i] ?? NaN)) + weight * (own[i] ?? NaN);
  }
}
