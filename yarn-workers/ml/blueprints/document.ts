import type { Blueprint, BlueprintDocument, OwnBlueprint, Parameters } from '#contracts';
import { BLUEPRINTS, SERIES_BLUEPRINTS, entryOf, settingsOf, type CatalogueEntry } from './catalogue.ts';
import { ENSEMBLE_BLUEPRINT } from './ensemble.ts';
import { FACTORIZATION_STEPS } from './factorization.ts';
import {
  CELLS_STEP,
  CROSSES_STEP,
  DISTANCES_LINE_STEP,
  DISTANCES_STEP,
  ENCODED_STEPS,
  FEATURE_STEPS,
  FOREST_STEPS,
  GEO_LINE_STEP,
  GEO_STEP,
  HOLIDAYS_STEP,
  HOLIDAY_NAMES_STEP,
  LINEAR_STEPS,
  PLACES_STEP,
  TEXT_STEP,
} from './feature-steps.ts';
import { HISTORY_STEP, readsHistory } from './history.ts';
import { NETWORK_STEPS } from './network.ts';
import { usualSteps } from './reading.ts';
import { isBoosted, isFactorization, isForest, isNetwork, naiveBayesOf } from './settings.ts';

export type DocumentStep = BlueprintDocument['steps'][number];

/** What a model was made by, as its task has it. */
export interface MadeBy {
  readonly blueprintId: string;
  readonly parameters: Parameters;
  readonly ownBlueprint?: OwnBlueprint;
}

/** Parameters that stand at the step that reads them; all others stand at the model that ends the blueprint. */
const AT_FEATURE_STEPS: Readonly<Record<string, readonly string[]>> = {
  'text-scores': ['words', 'characters', 'textComponents'],
  'category-numbers': ['categories', 'categoryCounts'],
  'place-cells': ['placeCells'],
  'category-cross': ['crosses'],
  holidays: ['holidays'],
};

/** The kind of step that a parameter stands at; null: at the model. */
export const placeOfParameter = (name: string): string | null =>
  Object.keys(AT_FEATURE_STEPS).find((kind) => AT_FEATURE_STEPS[kind]?.includes(name)) ?? null;

/** The model that ends a blueprint. */
export function endOf({ blueprint }: CatalogueEntry): Blueprint['steps'][number] {
  const [last] = blueprint.steps.slice(-1);
  if (last === undefined) throw new TypeError(`blueprint ${blueprint.id} has no steps`);
  return last;
}

/** Every step of features that a blueprint made from this one can have, in their order; of a fixed one those that it has. */
export function possibleSteps(entry: CatalogueEntry): Blueprint['steps'] {
  const { blueprint, settings } = entry;
  if (settings === null) return blueprint.steps.slice(0, -1);
  if (isForest(settings)) return [...FOREST_STEPS, DISTANCES_STEP, HOLIDAYS_STEP];
  if (isBoosted(settings)) return [...FEATURE_STEPS, ...ENCODED_STEPS, HOLIDAYS_STEP];
  if (isFactorization(settings)) return FACTORIZATION_STEPS;
  if (isNetwork(settings)) return [...NETWORK_STEPS, HOLIDAYS_STEP];
  if (naiveBayesOf(settings) !== null) return [TEXT_STEP];
  const [geo, distances] = settings.pieces > 1 ? [GEO_STEP, DISTANCES_STEP] : [GEO_LINE_STEP, DISTANCES_LINE_STEP];
  return [
    ...LINEAR_STEPS,
    PLACES_STEP,
    geo,
    CELLS_STEP,
    distances,
    CROSSES_STEP,
    HOLIDAY_NAMES_STEP,
    TEXT_STEP,
    ...(readsHistory(blueprint.id) ? [HISTORY_STEP] : []),
  ];
}

/** The blueprint that a model was made by as a document, all its parameters told: sent back, it makes the model again. */
export function documentOf({ blueprintId, parameters, ownBlueprint }: MadeBy): BlueprintDocument {
  if (blueprintId === ENSEMBLE_BLUEPRINT.id) return withoutParameters(ENSEMBLE_BLUEPRINT);
  const entry = entryOf(blueprintId);
  const settings = settingsOf(blueprintId, parameters);
  const { id, name, family, description, steps } = entry.blueprint;
  const titles = {
    ...{ id, name: ownBlueprint?.name ?? name, family },
    description: ownBlueprint?.description ?? description,
  };
  if (settings === null) return { ...titles, steps };
  const used: readonly string[] = ownBlueprint?.featureSteps ?? usualSteps(blueprintId, settings);
  const before = possibleSteps(entry).filter(({ kind }) => used.includes(kind));
  const end = endOf(entry);
  const all = Object.entries(settings);
  const withOwn = (step: DocumentStep, place: string | null): DocumentStep => {
    const own = Object.fromEntries(all.filter(([key]) => placeOfParameter(key) === place));
    const { id: stepId, kind, inputs, description: told } = step;
    if (Object.keys(own).length === 0) return step;
    return { id: stepId, kind, inputs, parameters: own, ...(told === undefined ? {} : { description: told }) };
  };
  return {
    ...titles,
    steps: [
      ...before.map((step) => withOwn(step, step.kind)),
      withOwn({ ...end, inputs: before.map((step) => step.id) }, null),
    ],
  };
}

const withoutParameters = ({ parameters: _, ...rest }: Blueprint): BlueprintDocument => rest;

/** A document with what the fit of its model found. */
export function withFound(document: BlueprintDocument, found: Readonly<Record<string, number>>): BlueprintDocument {
  const [end] = document.steps.slice(-1);
  if (end === undefined || Object.keys(found).length === 0) return document;
  return { ...document, steps: [...document.steps.slice(0, -1), { ...end, found: { ...found } }] };
}

/** A blueprint of the catalogue with its parameters at their steps too. */
function shown(blueprint: Blueprint): Blueprint {
  const document = documentOf({ blueprintId: blueprint.id, parameters: {} });
  const parametersAt = new Map(document.steps.map((step) => [step.id, step.parameters]));
  const steps = blueprint.steps.map(({ id, kind, inputs, description }) => {
    const parameters = parametersAt.get(id);
    return { id, kind, inputs, ...(parameters === undefined ? {} : { parameters }), description };
  });
  return { ...blueprint, steps };
}

/** All blueprints as the REST API shows them. */
export const SHOWN_BLUEPRINTS: readonly Blueprint[] = [...BLUEPRINTS, ...SERIES_BLUEPRINTS, ENSEMBLE_BLUEPRINT].map(
  shown,
);
