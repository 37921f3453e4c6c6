import { AppError, canonicalJson, type EnsembleTask } from '#contracts';
import { outputCountOf, type Sha256Function } from '#scoring';
import type { OutOfFoldFacts } from '../fit/out-of-fold-file.ts';
import type { OutOfFold } from '../fit/out-of-fold.ts';
import { blendFacts, givenBlend, type Blend } from './blend.ts';
import {
  blendMembers,
  heldBack,
  refitFacts,
  type Ensemble,
  type EnsembleClaim,
  type EnsembleReader,
} from './make-ensemble.ts';
import { partCountOf } from './selection-data.ts';
import { shiftCountOf } from './stack-weights.ts';

/** Weights are multiples of one over a number of steps; their sum may miss 1 by so much. */
const SUM_TOLERANCE = 1e-9;

/**
 * Makes an ensemble again from what is said of it: from its weights, and its members' files as they were committed. Everything but
 * the choice of the weights is proven; the weights themselves are held to the task's limits.
 *
 * @param isWhole see {@link heldBack}
 * @returns the ensemble that this must be, to be compared with what was sealed
 * @throws RESULT_MISMATCH where the weights cannot be those of the task
 */
export async function remakeEnsemble(
  task: EnsembleTask,
  claim: EnsembleClaim,
  read: EnsembleReader,
  sha256: Sha256Function,
  isWhole?: (facts: OutOfFoldFacts) => boolean,
): Promise<Ensemble> {
  const final = finalBlend(task, claim);
  const blended = await blendMembers(task, final, read, { sha256, remainingMs: () => null });
  const { partWeights, partBest, partLayers = [] } = claim;
  if (task.refitOf !== null) {
    if (partWeights.length + partBest.length + partLayers.length > 0) throw mismatch('a refit chooses nothing');
    return { ...blended, ...refitFacts(task, final), outOfFold: null, scores: null };
  }
  const { facts: predicted } = await read.outOfFold(0);
  checkParts(task, claim, predicted);
  const byPart = partWeights.map((weights, part): Blend => ({ weights, layer: partLayers[part] ?? null }));
  const { outOfFold, scores, gain, noise } = await heldBack(
    task,
    { final, byPart, bestByPart: partBest },
    read,
    undefined,
    isWhole,
  );
  const { selectionRowCount } = claim.ensemble;
  if (selectionRowCount === null || selectionRowCount > predicted.rowCount)
    throw mismatch(`${selectionRowCount ?? 'no'} rows chose the weights; ${predicted.rowCount} were held back`);
  const facts = { ...blendFacts(task, final), selectionRowCount, gain, noise };
  return { ...blended, facts, partWeights, partLayers, partBest, outOfFold, scores };
}

const mismatch = (what: string): AppError => new AppError('RESULT_MISMATCH', `ensemble: ${what}`);

/** The weights by member of the task, with the layer that they are of. */
function finalBlend(task: EnsembleTask, { ensemble: { members, layer } }: EnsembleClaim): Blend {
  const told = new Map(members.map(({ modelId, weight }) => [modelId, weight]));
  const weights = task.members.map(({ modelId }) => told.get(modelId) ?? 0);
  const blend = { weights, layer: layer ?? null };
  if (canonicalJson(blendFacts(task, blend).members) !== canonicalJson(members))
    throw mismatch('its members are not models of the task, each once, in their order');
  const given = givenBlend(task);
  if (given === null) checkBlend(task, blend, 'the weights');
  else if (canonicalJson(given) !== canonicalJson(blend)) throw mismatch('a refit has the weights of its twin');
  return blend;
}

function checkParts(
  task: EnsembleTask,
  { partWeights, partBest, partLayers = [] }: EnsembleClaim,
  first: Pick<OutOfFold, 'foldCount'>,
): void {
  const count = partCountOf(first);
  const modelCount = task.members.length;
  if (partWeights.length !== count || partWeights.some((weights) => weights.length !== modelCount))
    throw mismatch(`expected ${count} x ${modelCount} weights of parts`);
  if (partBest.length !== count || partBest.some((model) => model >= modelCount))
    throw mismatch(`expected ${count} best models of ${modelCount}`);
  if (partLayers.length > 0 && partLayers.length !== count)
    throw mismatch(`expected layers of ${count} parts, or none`);
  for (const [part, weights] of partWeights.entries())
    checkBlend(task, { weights, layer: partLayers[part] ?? null }, `the weights without part ${part}`);
}

function checkBlend({ membersMax, stacks, target }: EnsembleTask, { weights, layer }: Blend, what: string): void {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const taken = weights.filter((weight) => weight > 0).length;
  const shiftCount = shiftCountOf(outputCountOf(target));
  if (layer !== null && (stacks !== true || layer.shifts.length !== shiftCount || taken === 0))
    throw mismatch(`${what} are of a layer that cannot be`);
  if (layer === null && !(Math.abs(sum - 1) <= SUM_TOLERANCE)) throw mismatch(`${what} add up to ${sum}, expected 1`);
  if (taken > membersMax) throw mismatch(`${what} are of ${taken} models, expected at most ${membersMax}`);
}
