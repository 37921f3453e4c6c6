import type { Blueprint, BlueprintStepKind, StepParameter } from '#contracts';
import { BLUEPRINT_IDS, entryOf, type CatalogueEntry } from './catalogue.ts';
import { endOf, placeOfParameter, possibleSteps } from './document.ts';
import { ENSEMBLE_BLUEPRINT } from './ensemble.ts';
import { parameterDoc } from './parameter-docs.ts';

/** The publication or program that a kind of step is of; none is named of what is a convention of our own. */
const SOURCES: Readonly<Record<string, string>> = {
  'category-numbers':
    'Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical attributes"; Bühlmann, Straub 1970 (credibility); Pargent, Pfisterer, Thomas, Bischl 2022',
  'text-scores':
    'Salton, Buckley 1988, "Term-weighting approaches in automatic text retrieval"; Wolpert 1992, "Stacked generalization"',
  holidays: 'Meeus 1991, "Astronomical Algorithms" (Easter); the countries’ laws',
  'series-history': 'Ben Taieb, Hyndman 2014, "A gradient boosting approach to multi-step forecasting"',
  'gradient-boosting': 'Friedman 2001, "Greedy function approximation: a gradient boosting machine"; LightGBM; XGBoost',
  'random-forest': 'Breiman 2001, "Random forests"; LightGBM',
  forest: 'Breiman 2001, "Random forests"; Geurts, Ernst, Wehenkel 2006, "Extremely randomized trees"',
  'elastic-net': 'Friedman, Hastie, Tibshirani 2010, J. Stat. Soft. 33(1); Zou, Hastie 2005',
  'factorization-machine':
    'Rendle 2010, "Factorization machines"; Rendle, Gantner, Freudenthaler, Schmidt-Thieme 2011, "Fast context-aware recommendations with factorization machines"',
  network:
    'Rahimi, Recht 2007, "Random features for large-scale kernel machines" (cosines); Gorishniy, Rubachev, Babenko 2022 (numbers); Holzmueller, Grinsztajn, Steinwart 2024, "Better by default" (fit)',
  'weighted-mean': 'Caruana, Niculescu-Mizil, Crew, Ksikes 2004, "Ensemble selection from libraries of models"',
};

type Step = Blueprint['steps'][number];

function stepKinds(): BlueprintStepKind[] {
  const kinds = new Map<string, BlueprintStepKind>();
  for (const id of BLUEPRINT_IDS) {
    const entry = entryOf(id);
    const end = endOf(entry);
    for (const step of possibleSteps(entry)) add(kinds, entry, step, 'features', parametersAt(entry, step.kind));
    const inputs = end.inputs.length === 0 ? [] : ['all other steps'];
    add(kinds, entry, { ...end, inputs }, 'model', parametersAt(entry, null));
  }
  const [blend] = ENSEMBLE_BLUEPRINT.steps;
  if (blend !== undefined) kinds.set(blend.kind, kindOf(blend, 'model', [ENSEMBLE_BLUEPRINT.id], []));
  return [...kinds.values()];
}

function add(
  kinds: Map<string, BlueprintStepKind>,
  { blueprint }: CatalogueEntry,
  step: Step,
  role: BlueprintStepKind['role'],
  parameters: readonly StepParameter[],
): void {
  const facts = parameters.map(({ defaults: _, ...rest }) => rest);
  const key = JSON.stringify([step.kind, step.description, facts]);
  const known = kinds.get(key);
  const merged = parameters.map((one) => {
    const before = known?.parameters.find(({ name }) => name === one.name)?.defaults ?? {};
    return { ...one, defaults: { ...before, ...one.defaults } };
  });
  kinds.set(key, kindOf(step, role, [...(known?.blueprints ?? []), blueprint.id], merged));
}

const kindOf = (
  { kind, inputs, description }: Step,
  role: BlueprintStepKind['role'],
  blueprints: string[],
  parameters: StepParameter[],
): BlueprintStepKind => ({
  kind,
  role,
  blueprints,
  inputs,
  description,
  source: SOURCES[kind] ?? null,
  parameters,
});

/** What a step of a blueprint can be told, with the catalogue's values. */
function parametersAt({ blueprint, settings }: CatalogueEntry, place: string | null): StepParameter[] {
  if (settings === null) return [];
  return Object.entries(blueprint.parameters).flatMap(([name, value]) => {
    const doc = placeOfParameter(name) === place ? parameterDoc(settings, name) : null;
    return doc === null ? [] : [{ ...doc, defaults: { [blueprint.id]: value } }];
  });
}

/** All kinds of steps; one that families do otherwise, or with other parameters, is there once for each. */
export const BLUEPRINT_STEP_KINDS: readonly BlueprintStepKind[] = stepKinds();
