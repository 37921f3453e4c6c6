import type { BatchSource, EnsembleTask, InsightTask, Manifest, StoredInsight, TrainTask } from '#contracts';
import * as ml from '#ml';
import { Collected } from '../../yarn-workers/ml/fit/out-of-fold-source.ts';
import { blendOutOfFold, type Blending, type ReadOutOfFold } from '../../yarn-workers/ml/ensemble/blend-out-of-fold.ts';

// What looks at out-of-fold predictions in blocks, for tests that have them all in memory. The names are those of `#ml`.

/** A fit with its predictions. */
export type FitResult = Omit<ml.FitResult, 'outOfFold'> & { readonly outOfFold: ml.OutOfFold | null };

export async function fitModel(
  task: TrainTask,
  source: BatchSource,
  engine: ml.BoostingEngine,
  io: ml.FitIo,
): Promise<FitResult> {
  const fit = await ml.fitModel(task, source, engine, io);
  return { ...fit, outOfFold: (await fit.outOfFold?.whole()) ?? null };
}

/** An ensemble with its predictions. */
export type Ensemble = Omit<ml.Ensemble, 'outOfFold'> & { readonly outOfFold: ml.OutOfFold | null };

const inMemory = async (ensemble: ml.Ensemble): Promise<Ensemble> => ({
  ...ensemble,
  outOfFold: (await ensemble.outOfFold?.whole()) ?? null,
});

export const makeEnsemble = async (task: EnsembleTask, read: ml.EnsembleReader, io: ml.EnsembleIo): Promise<Ensemble> =>
  inMemory(await ml.makeEnsemble(task, read, io));

export const remakeEnsemble = async (...args: Parameters<typeof ml.remakeEnsemble>): Promise<Ensemble> =>
  inMemory(await ml.remakeEnsemble(...args));

/** What an insight is made of. */
export type InsightInput = Omit<ml.InsightInput, 'outOfFold'> & { readonly outOfFold: ml.OutOfFold };

export const computeInsight = (
  task: InsightTask,
  { outOfFold, ...input }: InsightInput,
  io: ml.InsightIo,
): Promise<StoredInsight> => ml.computeInsight(task, { ...input, outOfFold: ml.memoryPredictions(outOfFold) }, io);

export const checkInsight = (
  task: InsightTask,
  stored: StoredInsight,
  manifest: Manifest,
  outOfFold: ml.OutOfFold,
): Promise<void> => ml.checkInsight(task, stored, manifest, ml.memoryPredictions(outOfFold));

/** The predictions of a blend, and of the single models beside it. */
export async function blendInMemory(
  blending: Blending,
  read: ReadOutOfFold,
): Promise<{ readonly ensemble: ml.OutOfFold; readonly single: ml.OutOfFold }> {
  const { facts } = await read(0);
  const [ensemble, single] = [new Collected(facts), new Collected(facts)];
  for await (const block of blendOutOfFold(blending, read)) {
    ensemble.add(block.ensemble);
    single.add(block.single);
  }
  return { ensemble: ensemble.data, single: single.data };
}
