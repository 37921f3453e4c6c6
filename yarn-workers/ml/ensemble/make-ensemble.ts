import {
  ARTIFACT_FORMAT_VERSION,
  AppError,
  type EnsembleFacts,
  type EnsembleOutcome,
  type EnsembleTask,
  type Manifest,
  type ManifestFile,
  type ModelScores,
  type StackedLayer,
} from '#contracts';
import { ENSEMBLE_BLUEPRINT_ID } from '../blueprints/ensemble.ts';
import { objectiveOf } from '../blueprints/objective.ts';
import { report, type FitIo } from '../fit/clock.ts';
import type { OutOfFoldFacts } from '../fit/out-of-fold-file.ts';
import { blockRowsOf, Collected, isSmall, memoryPredictions, type OutOfFoldSource } from '../fit/out-of-fold-source.ts';
import { scoresOfAllRows, stateScores } from '../fit/scores.ts';
import { blendArtifacts, type BlendedArtifact, type MemberArtifact, type WeightedArtifact } from './blend-artifacts.ts';
import { blendFacts, givenBlend, type Blend, type Choice } from './blend.ts';
import { blendedPredictions, blendOutOfFold, type HeldBack } from './blend-out-of-fold.ts';
import { chooseBlends } from './choose-blends.ts';
import { compareScores, groupedComparison, type ComparedScores, type Comparison } from './compare-scores.ts';
import { linkScale } from './link-scale.ts';

/** Reads what the members of a task have left, by their number in it. */
export interface EnsembleReader {
  /** Its blob is read later, when it is that member's turn, and is held no longer than that. */
  readonly artifact: (member: number) => Promise<MemberArtifact>;
  readonly outOfFold: (member: number) => Promise<OutOfFoldSource>;
}

export type EnsembleIo = Pick<FitIo, 'sha256' | 'now' | 'remainingMs' | 'onProgress' | 'log' | 'signal'>;

/** An ensemble, all of it a function of the task and its members' files. */
export interface Ensemble extends BlendedArtifact {
  readonly facts: EnsembleFacts;
  readonly partWeights: number[][];
  /** Empty where all weights are greedy. */
  readonly partLayers: (StackedLayer | null)[];
  readonly partBest: number[];
  /** Null of a refit, which has seen every row. Of few rows they are in memory, of many they are blended anew. */
  readonly outOfFold: OutOfFoldSource | null;
  readonly scores: ModelScores | null;
}

/**
 * Makes an ensemble: chooses weights on the members' out-of-fold predictions, blends these and the artefacts. Of a refit the
 * weights are given. The out-of-fold predictions of every model are read once to choose, those of the models that are blended once more to score them,
 * a block of each at a time; of the artefacts of those that were chosen one is in memory, beside the blend.
 *
 * @throws TASK_DEADLINE when time runs out between two steps of it; TASK_CANCELLED
 */
export async function makeEnsemble(task: EnsembleTask, read: EnsembleReader, io: EnsembleIo): Promise<Ensemble> {
  const given = givenBlend(task);
  if (given !== null) {
    const blended = await blendMembers(task, given, read, io);
    return { ...blended, ...refitFacts(task, given), outOfFold: null, scores: null };
  }
  const { choice, selectionRowCount } = await chooseBlends(task, read.outOfFold, async (...what) => step(io, ...what));
  await step(io, 0.6, 'blending', 'blending the predictions of the rows held back');
  const held = await heldBack(task, choice, read, (share) =>
    step(io, 0.6 + 0.1 * share, 'blending', 'blending the predictions of the rows held back'),
  );
  const blended = await blendMembers(task, choice.final, read, io);
  const facts = { ...blendFacts(task, choice.final), selectionRowCount, gain: held.gain, noise: held.noise };
  const partWeights = choice.byPart.map(({ weights }) => [...weights]);
  const layers = choice.byPart.map(({ layer }) => layer);
  const partLayers = layers.every((layer) => layer === null) ? [] : layers;
  const partBest = [...choice.bestByPart];
  return { ...blended, facts, partWeights, partLayers, partBest, outOfFold: held.outOfFold, scores: held.scores };
}

/** The manifest of an ensemble, ready to be sealed. */
export function ensembleManifest(
  task: EnsembleTask,
  ensemble: Pick<Ensemble, keyof BlendedArtifact | keyof HowChosen>,
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

/** What an ensemble says of how it was chosen. */
type HowChosen = Pick<Ensemble, 'facts' | 'partWeights' | 'partLayers' | 'partBest'>;

/** What the manifest says of how the ensemble was made. */
export function ensembleParameters(
  { members, membersMax, stepsMax }: EnsembleTask,
  { facts, partWeights, partLayers, partBest }: HowChosen,
): Manifest['parameters'] {
  const layers = partLayers.length === 0 ? {} : { partLayers };
  const library = members.map(({ modelId }) => modelId);
  return { library, membersMax, stepsMax, ...facts, partWeights, ...layers, partBest };
}

/** What is known of a refit: weights that it was told. */
export const refitFacts = (task: Pick<EnsembleTask, 'members'>, given: Blend): HowChosen => ({
  facts: { ...blendFacts(task, given), selectionRowCount: null, gain: null, noise: null },
  partWeights: [],
  partLayers: [],
  partBest: [],
});

/** Blocks after which it is said how far blending has come: two million rows of one number. */
const TOLD_BLOCKS = 16;

/**
 * Out-of-fold predictions with their scores, and what they gain over the best single model, chosen in the same way.
 *
 * @param onRows told now and then which share of the rows is blended
 * @param isWhole whether so many are held and scored at once
 */
export async function heldBack(
  { target, metric, seed }: EnsembleTask,
  choice: Choice,
  read: Pick<EnsembleReader, 'outOfFold'>,
  onRows?: (share: number) => Promise<void>,
  isWhole: (facts: OutOfFoldFacts) => boolean = isSmall,
): Promise<{ outOfFold: OutOfFoldSource; scores: ModelScores; gain: number | null; noise: number | null }> {
  const blending = { scale: linkScale(target, objectiveOf(target, metric)), choice, seed };
  const first = await read.outOfFold(0);
  const { facts } = first;
  const scored = isWhole(facts)
    ? wholeBlend(facts, { target, metric, seed })
    : blendInBlocks(facts, { target, metric, seed });
  let blended = 0;
  const tellEvery = TOLD_BLOCKS * blockRowsOf(facts);
  for await (const block of blendOutOfFold(blending, read.outOfFold)) {
    blended += block.ensemble.rows.length;
    if (blended % tellEvery === 0) await onRows?.(blended / facts.rowCount);
    scored.add(block);
  }
  const { outOfFold, ...found } = scored.found();
  return { outOfFold: outOfFold ?? blendedPredictions(first, blending, read.outOfFold), ...found };
}

/** What is known of a blend when all of its blocks have come. */
interface ScoredBlend extends Comparison {
  readonly scores: ModelScores;
  /** Null where they were not kept. */
  readonly outOfFold: OutOfFoldSource | null;
}

interface BlendScorer {
  add(block: HeldBack): void;
  found(): ScoredBlend;
}

/** Keeps what is blended, and what it is compared with. */
function wholeBlend(facts: OutOfFoldFacts, { target, metric, seed }: ComparedScores): BlendScorer {
  const [ensemble, single] = [new Collected(facts), new Collected(facts)];
  return {
    add: (block) => {
      ensemble.add(block.ensemble);
      single.add(block.single);
    },
    found: () => ({
      outOfFold: memoryPredictions(ensemble.data),
      scores: scoresOfAllRows(ensemble.data, target),
      ...compareScores(ensemble.data, single.data, target, metric, seed),
    }),
  };
}

/** Keeps sums. */
function blendInBlocks(facts: OutOfFoldFacts, compared: ComparedScores): BlendScorer {
  const [scores, comparison] = [stateScores(facts, compared.target), groupedComparison(facts, compared)];
  return {
    add: ({ ensemble, single }) => {
      scores.add(ensemble);
      comparison.add(ensemble, single);
    },
    found: () => ({ outOfFold: null, scores: scores.scores(), ...comparison.result() }),
  };
}

/** The artefact of the members that weigh something. */
export async function blendMembers(
  { members }: Pick<EnsembleTask, 'members'>,
  { weights, layer }: Blend,
  read: Pick<EnsembleReader, 'artifact'>,
  io: Pick<EnsembleIo, 'sha256' | 'remainingMs' | 'onProgress' | 'signal'>,
): Promise<BlendedArtifact> {
  const artifacts: WeightedArtifact[] = [];
  for (const index of members.keys()) {
    const weight = weights[index] ?? 0;
    if (weight === 0) continue;
    const { manifest, readBlob } = await read.artifact(index);
    const readNext = async (): Promise<Uint8Array> => {
      const message = `reading artefact ${index + 1} of ${members.length}`;
      await step(io, 0.7 + (0.2 * index) / members.length, 'blending', message);
      return readBlob();
    };
    artifacts.push({ manifest, readBlob: readNext, weight });
  }
  return blendArtifacts(artifacts, io.sha256, layer?.shifts);
}

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
  'contentHash' | 'rowCount' | 'scores' | 'ensemble' | 'partWeights' | 'partLayers' | 'partBest'
>;
