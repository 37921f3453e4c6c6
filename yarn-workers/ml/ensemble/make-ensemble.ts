import {
  ARTIFACT_FORMAT_VERSION,
  AppError,
  type EnsembleFacts,
  type EnsembleOutcome,
  type EnsembleTask,
  type Manifest,
  type ManifestFile,
  type ModelScores,
} from '#contracts';
import { isBetter } from '#statistics';
import { ENSEMBLE_BLUEPRINT_ID } from '../blueprints/ensemble.ts';
import { objectiveOf } from '../blueprints/objective.ts';
import { report, type FitIo } from '../fit/clock.ts';
import { metricOf, scoresFromOutOfFold, type OutOfFold } from '../fit/out-of-fold.ts';
import { blendArtifacts, type BlendedArtifact, type WeightedArtifact } from './blend-artifacts.ts';
import { blendOutOfFold, checkSameRows, type Choice } from './blend-out-of-fold.ts';
import { compareScores } from './compare-scores.ts';
import { linkScale } from './link-scale.ts';
import { partCountOf, partsOf, rawAt, selectionPlaces, termsAt } from './selection-data.ts';
import { selectWeights } from './select-weights.ts';

/** Reads what the members of a task have left, by their number in it. */
export interface EnsembleReader {
  readonly artifact: (member: number) => Promise<Pick<WeightedArtifact, 'manifest' | 'blob'>>;
  readonly outOfFold: (member: number) => Promise<OutOfFold>;
}

export type EnsembleIo = Pick<FitIo, 'sha256' | 'now' | 'remainingMs' | 'onProgress' | 'log' | 'signal'>;

/** An ensemble, all of it a function of the task and its members' files. */
export interface Ensemble extends BlendedArtifact {
  readonly facts: EnsembleFacts;
  readonly partWeights: number[][];
  readonly partBest: number[];
  /** Null of a refit, which has seen every row. */
  readonly outOfFold: OutOfFold | null;
  readonly scores: ModelScores | null;
}

/**
 * Makes an ensemble: chooses weights on the members' out-of-fold predictions, blends these and the artefacts. Of a refit the
 * weights are given. Two passes over the out-of-fold predictions, one model in memory at a time; the artefacts of those that
 * were chosen are held together.
 *
 * @throws TASK_DEADLINE when time runs out between two steps of it; TASK_CANCELLED
 */
export async function makeEnsemble(task: EnsembleTask, read: EnsembleReader, io: EnsembleIo): Promise<Ensemble> {
  const given = givenWeights(task);
  if (given !== null) {
    const blended = await blendMembers(task, given, read, io);
    return { ...blended, ...refitFacts(task, given), outOfFold: null, scores: null };
  }
  const { choice, selectionRowCount, first } = await choose(task, read, io);
  await step(io, 0.6, 'blending', 'blending the predictions of the rows held back');
  const held = await heldBack(task, choice, first, read);
  const blended = await blendMembers(task, choice.final, read, io);
  const facts = { ...membersOf(task, choice.final), selectionRowCount, gain: held.gain, noise: held.noise };
  const partWeights = choice.byPart.map((one) => [...one]);
  const partBest = [...choice.bestByPart];
  return { ...blended, facts, partWeights, partBest, outOfFold: held.outOfFold, scores: held.scores };
}

/** The manifest of an ensemble, ready to be sealed. */
export function ensembleManifest(
  task: EnsembleTask,
  ensemble: Pick<Ensemble, keyof BlendedArtifact | 'facts' | 'partWeights' | 'partBest'>,
  sealed: { readonly createdAt: string; readonly files: readonly ManifestFile[] },
): Manifest {
  const { modelId, projectId, seed } = task;
  return {
    formatVersion: ARTIFACT_FORMAT_VERSION,
    contentHash: ensemble.contentHash,
    modelId,
    projectId,
    blueprintId: ENSEMBLE_BLUEPRINT_ID,
    createdAt: sealed.createdAt,
    seed,
    rowCount: ensemble.rowCount,
    parameters: ensembleParameters(task, ensemble),
    content: ensemble.content,
    trainingStatistics: ensemble.trainingStatistics,
    files: [...sealed.files],
  };
}

/** What the manifest says of how the ensemble was made. */
export function ensembleParameters(
  { members, membersMax, stepsMax }: EnsembleTask,
  { facts, partWeights, partBest }: Pick<Ensemble, 'facts' | 'partWeights' | 'partBest'>,
): Manifest['parameters'] {
  return { library: members.map(({ modelId }) => modelId), membersMax, stepsMax, ...facts, partWeights, partBest };
}

/** The weights that a refit is told; null where they are to be chosen. */
export function givenWeights({ members, refitOf }: Pick<EnsembleTask, 'members' | 'refitOf'>): number[] | null {
  if (refitOf === null) return null;
  return members.map(({ modelId, weight }) => {
    if (weight === null) throw new AppError('INTERNAL', `the refit of an ensemble has no weight of ${modelId}`);
    return weight;
  });
}

/** Weights by model, those that weigh nothing left out. */
export function membersOf(
  { members }: Pick<EnsembleTask, 'members'>,
  weights: readonly number[],
): Pick<EnsembleFacts, 'members'> {
  return {
    members: members.flatMap(({ modelId }, index) => {
      const weight = weights[index] ?? 0;
      return weight > 0 ? [{ modelId, weight }] : [];
    }),
  };
}

/** What is known of a refit: weights that it was told. */
export const refitFacts = (
  task: Pick<EnsembleTask, 'members'>,
  given: readonly number[],
): Pick<Ensemble, 'facts' | 'partWeights' | 'partBest'> => ({
  facts: { ...membersOf(task, given), selectionRowCount: null, gain: null, noise: null },
  partWeights: [],
  partBest: [],
});

/** Out-of-fold predictions with their scores, and what they gain over the best single model, chosen in the same way. */
export async function heldBack(
  { target, metric, seed }: EnsembleTask,
  choice: Choice,
  first: OutOfFold,
  read: Pick<EnsembleReader, 'outOfFold'>,
): Promise<{ outOfFold: OutOfFold; scores: ModelScores; gain: number | null; noise: number | null }> {
  const scale = linkScale(target, objectiveOf(target, metric));
  const { ensemble, single } = await blendOutOfFold(scale, first, choice, seed, read.outOfFold);
  const comparison = compareScores(ensemble, single, target, metric, seed);
  return { outOfFold: ensemble, scores: scoresFromOutOfFold(ensemble, target), ...comparison };
}

/** The artefact of the members that weigh something. */
export async function blendMembers(
  { members }: Pick<EnsembleTask, 'members'>,
  weights: readonly number[],
  read: Pick<EnsembleReader, 'artifact'>,
  io: Pick<EnsembleIo, 'sha256' | 'remainingMs' | 'onProgress' | 'signal'>,
): Promise<BlendedArtifact> {
  const artifacts: WeightedArtifact[] = [];
  for (const index of members.keys()) {
    const weight = weights[index] ?? 0;
    if (weight === 0) continue;
    await step(
      io,
      0.7 + (0.2 * index) / members.length,
      'blending',
      `reading artefact ${index + 1} of ${members.length}`,
    );
    artifacts.push({ ...(await read.artifact(index)), weight });
  }
  return blendArtifacts(artifacts, io.sha256);
}

async function choose(
  task: EnsembleTask,
  read: EnsembleReader,
  io: EnsembleIo,
): Promise<{ choice: Choice; selectionRowCount: number; first: OutOfFold }> {
  const { target, metric, members, seed } = task;
  const objective = objectiveOf(target, metric);
  const scale = linkScale(target, objective);
  const first = await read.outOfFold(0);
  const places = selectionPlaces(first, seed, members.length, task);
  const parts = partsOf(first, seed);
  const partCount = partCountOf(first);
  const raw: Float64Array[] = [];
  const scoresByPart: (number | null)[][] = [];
  for (const index of members.keys()) {
    await step(io, (0.2 * index) / members.length, 'reading', `reading model ${index + 1} of ${members.length}`);
    const data = index === 0 ? first : await read.outOfFold(index);
    checkSameRows(first, data, index);
    raw.push(rawAt(scale, data, places));
    scoresByPart.push(scoresWithoutParts(data, task, places, parts, partCount));
  }
  const data = { raw, ...termsAt(first, places, target, objective) };
  const rows = Uint32Array.from(places.keys());
  const byPart: number[][] = [];
  for (let left = 0; left < partCount; left += 1) {
    await step(
      io,
      0.2 + (0.4 * left) / (partCount + 1),
      'selecting',
      `weights without part ${left + 1} of ${partCount}`,
    );
    const others = rows.filter((row) => parts[places[row] ?? 0] !== left);
    byPart.push(selectWeights(data, others, task).weights);
  }
  await step(io, 0.55, 'selecting', 'weights by all parts');
  const { weights: final } = selectWeights(data, rows, task);
  const choice = { final, byPart, bestByPart: bestWithoutParts(metric, scoresByPart, partCount) };
  return { choice, selectionRowCount: rows.length, first };
}

/** A model's score on the rows at `places` without each part in turn. */
function scoresWithoutParts(
  data: OutOfFold,
  { target, metric }: EnsembleTask,
  places: Uint32Array,
  parts: Int8Array,
  partCount: number,
): (number | null)[] {
  const isChosen = new Uint8Array(data.rows.length);
  for (const place of places) isChosen[place] = 1;
  return Array.from({ length: partCount }, (_, left) => {
    return metricOf(metric, data, target, (_of, place) => isChosen[place] === 1 && parts[place] !== left);
  });
}

/** The model with the best score without each part; of equal ones the first. */
const bestWithoutParts = (
  metric: EnsembleTask['metric'],
  scoresByPart: readonly (readonly (number | null)[])[],
  partCount: number,
): number[] =>
  Array.from({ length: partCount }, (_, part) =>
    scoresByPart.reduce(
      (best, scores, model) => (isBetter(metric, scores[part], scoresByPart[best]?.[part]) ? model : best),
      0,
    ),
  );

/** Says what comes next; stops where the task was cancelled or has no time left. */
async function step(
  io: Pick<EnsembleIo, 'remainingMs' | 'onProgress' | 'signal'>,
  fraction: number,
  phase: string,
  message: string,
): Promise<void> {
  const remaining = io.remainingMs();
  if (remaining !== null && remaining <= 0) throw new AppError('TASK_DEADLINE', `no time is left for ${message}`);
  await report(io, fraction, phase, message);
}

/** What an outcome says of the ensemble itself. */
export type EnsembleClaim = Pick<
  EnsembleOutcome,
  'contentHash' | 'rowCount' | 'scores' | 'ensemble' | 'partWeights' | 'partBest'
>;
