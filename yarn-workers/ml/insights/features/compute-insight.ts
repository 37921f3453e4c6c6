import { AppError, Manifest, parse, type BatchSource, type InsightTask, type StoredInsight } from '#contracts';
import { openArtifact, readModels } from '#scoring';
import { hash32 } from '#statistics';
import type { FitIo } from '../../fit/clock.ts';
import type { BoostingEngine } from '../../fit/engine.ts';
import { ENSEMBLE_BLUEPRINT_ID } from '../../blueprints/ensemble.ts';
import type { OutOfFoldSource } from '../../fit/out-of-fold-source.ts';
import { checkOutputs } from '../../fit/out-of-fold.ts';
import { featureEffects } from './feature-effects.ts';
import { encodedRows, encodeSample, samplePredictor } from './fold-scorer.ts';
import { factsOf, inputFeaturesOf, insightSample, isNear } from './insight-facts.ts';
import { DEPENDENCE_ROWS_MAX, REPEATS } from './limits.ts';
import { permutationImpact, type Sample } from './permutation-impact.ts';
import { permutations } from './permutations.ts';
import { readFeatures } from './read-features.ts';
import { countRankingRows, sampleRows } from './sample-rows.ts';
import { learningCurve } from '../learning-curve/learning-curve.ts';
import { segmentRows, segmentsOf } from '../segments/segments.ts';

/** What a model has left, and the data that it was made from. */
export interface InsightInput {
  /** `manifest.json`, parsed. */
  readonly manifest: unknown;
  readonly blob: Uint8Array;
  readonly outOfFold: OutOfFoldSource;
  readonly source: BatchSource;
  /** Needed by learning curves alone. */
  readonly engine?: BoostingEngine;
}

export type InsightIo = Pick<FitIo, 'sha256' | 'now' | 'onProgress' | 'signal' | 'log'>;

const PERMUTATION_SALT = 0x5a17_0022;

/**
 * Impact, effects or segments of a model's features, on rows of which each is predicted by the members that had not seen it. A function of the task
 * and the model's files: done again it gives the same. Memory: the encoded rows, at most 128 MB.
 *
 * @throws ARTIFACT_INVALID; TOO_FEW_ROWS; RESULT_MISMATCH where the model does not predict what is stored; TASK_CANCELLED
 */
export async function computeInsight(task: InsightTask, input: InsightInput, io: InsightIo): Promise<StoredInsight> {
  const { outOfFold, source } = input;
  checkOutputs(outOfFold.facts.outputCount, outOfFold.facts.isRegression, task.target);
  if (task.insight === 'segments') return computeSegments(task, input, io);
  if (task.insight === 'learning-curve') return computeCurve(task, input, io);
  const scorer = openArtifact(input.manifest, input.blob, io.sha256);
  const { content } = scorer.manifest;
  const inputs = inputFeaturesOf(content);
  const rows = await insightSample(task, content, outOfFold);
  io.log?.(`${rows.rows.length} rows of ${outOfFold.facts.rowCount}, ${inputs.length} features`);
  const requests = scorer.columnRequests(task.table.columns);
  const features = await readFeatures(source, content.features, requests, rows.rows, io.signal);
  const encoded = encodeSample(content, features, rows.rows.length);
  const model = { content, models: readModels(content, input.blob, 'in-place'), scorer };
  const sample: Sample = { target: task.target, rows, features, encoded, predict: samplePredictor(model, rows) };
  if (scorer.manifest.blueprintId !== ENSEMBLE_BLUEPRINT_ID) checkPredictions(sample);
  const salted = hash32(task.seed, PERMUTATION_SALT);
  const told = async (): Promise<StoredInsight['insight']> => {
    if (task.insight === 'feature-impact') {
      const unused = content.features.map(({ name }) => name).filter((name) => !inputs.includes(name));
      return permutationImpact(sample, task.metric, permutations(salted, REPEATS, rows.rows.length), unused, io);
    }
    const few = sampleRows(rows, task.seed, DEPENDENCE_ROWS_MAX);
    const placeOf = new Map([...rows.rows.entries()].map(([place, row]) => [row, place]));
    const places = few.rows.map((row) => placeOf.get(row) ?? 0);
    const part = { rows: few, encoded: encodedRows(encoded, places), predict: samplePredictor(model, few) };
    const [order = new Uint32Array(0)] = permutations(salted, 1, few.rows.length);
    return featureEffects(sample, part, order, io);
  };
  return { ...factsOf(task, outOfFold.facts, rows.rows.length), insight: await told() };
}

async function computeCurve(task: InsightTask, input: InsightInput, io: InsightIo): Promise<StoredInsight> {
  const { outOfFold, source, engine } = input;
  if (engine === undefined) throw new AppError('INTERNAL', 'a learning curve needs an engine to fit with');
  const insight = await learningCurve(task, { outOfFold, source, engine }, { ...io, remainingMs: () => null });
  return { ...factsOf(task, outOfFold.facts, await countRankingRows(outOfFold)), insight };
}

async function computeSegments(task: InsightTask, input: InsightInput, io: InsightIo): Promise<StoredInsight> {
  const { content } = parse(Manifest, input.manifest, 'manifest.json', 'ARTIFACT_INVALID');
  const { facts } = input.outOfFold;
  const rows = await segmentRows(task, input.outOfFold);
  io.log?.(`${rows.rows.length} rows of ${facts.rowCount}`);
  const insight = await segmentsOf(task, content, rows, input.source, io);
  return { ...factsOf(task, facts, rows.rows.length), insight };
}

/** A single model predicts what is stored; an ensemble's stored predictions have weights that were chosen without the row's part. */
function checkPredictions({ rows, encoded, predict }: Sample): void {
  const place = predict(encoded).findIndex((value, at) => !isNear(value, rows.predictions[at] ?? NaN));
  if (place < 0) return;
  const row = rows.rows[Math.floor(place / rows.outputCount)] ?? 0;
  throw new AppError('RESULT_MISMATCH', `insight: row ${row} is not predicted as out-of-fold.bin has it`);
}
