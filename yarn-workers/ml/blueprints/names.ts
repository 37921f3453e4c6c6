import { blueprintOf, settingsOf } from './catalogue.ts';
import type { MadeBy } from './document.ts';
import { ENSEMBLE_BLUEPRINT_ID } from './ensemble.ts';
import { usualSteps, type FeatureStepKind } from './reading.ts';

/** Changes that a model's name tells at most. */
const NAMED_CHANGES_MAX = 3;

/**
 * What a model is called: its blueprint, and the first of the changes that are its own, steps before parameters. A name of its own goes
 * before those of the blueprint that it was made from.
 */
export function candidateName(made: MadeBy): string {
  const { name } = blueprintOf(made.blueprintId);
  const changes = changesOf(made);
  const own = made.ownBlueprint?.name;
  if (own !== undefined) return `${own} (${changes.length === 0 ? name : `${name}, changed`})`;
  return changes.length === 0 ? name : `${name} (${changes.slice(0, NAMED_CHANGES_MAX).join(', ')})`;
}

function changesOf({ blueprintId, parameters, ownBlueprint }: MadeBy): string[] {
  const told = Object.entries(parameters).map(([key, value]) => `${key} ${value}`);
  const steps = ownBlueprint?.featureSteps;
  if (steps === undefined || blueprintId === ENSEMBLE_BLUEPRINT_ID) return told;
  const usual = usualSteps(blueprintId, settingsOf(blueprintId, {}));
  const without = usual.filter((kind) => !steps.includes(kind)).map((kind) => `without ${kind}`);
  const added = steps.filter((kind) => !usual.includes(kind as FeatureStepKind)).map((kind) => `with ${kind}`);
  return [...without, ...added, ...told];
}
