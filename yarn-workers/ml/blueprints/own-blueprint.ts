import { AppError, type BlueprintDocument, type OwnBlueprint, type Parameters } from '#contracts';
import { BLUEPRINT_IDS, entryOf, settingsOf, type CatalogueEntry } from './catalogue.ts';
import { CROSSES_MAX } from '../fit/crosses/limits.ts';
import { CELL_SIZES_MAX } from '../fit/places/limits.ts';
import { endOf, placeOfParameter, possibleSteps, type MadeBy } from './document.ts';
import { ENSEMBLE_BLUEPRINT_ID } from './ensemble.ts';
import { graphFindings, list, told, type Finding } from './graph.ts';
import { encodesCategories, FEATURE_STEP_KINDS, usualSteps } from './reading.ts';
import { isFactorization, isLinear, type ModelSettings } from './settings.ts';

/**
 * What a document says that a model is made by: the blueprint of the catalogue that it was made from, the parameters that differ from
 * that one's, and the steps of features where they are others than its usual ones.
 *
 * @throws VALIDATION_FAILED naming each place that cannot be, what was found and what is allowed
 */
export function madeBy(document: BlueprintDocument): MadeBy {
  const entry = entryOfDocument(document);
  refuse(catalogueFindings(document, entry));
  refuse(kindFindings(document, entry));
  refuse(graphFindings(document.steps, sourcesIn(entry)));
  refuse(inputFindings(document, entry));
  refuse(parameterFindings(document, entry));
  const parameters = changedParameters(document, entry);
  const ownBlueprint = ownParts(document, entry, parameters);
  return {
    blueprintId: entry.blueprint.id,
    parameters,
    ...(Object.keys(ownBlueprint).length === 0 ? {} : { ownBlueprint }),
  };
}

/** @throws VALIDATION_FAILED with all of the findings, if there are any */
function refuse(findings: readonly Finding[]): void {
  const [first] = findings;
  if (first === undefined) return;
  const errors = findings.map(({ path, message }) => ({ path: `/blueprint${path}`, message }));
  throw new AppError('VALIDATION_FAILED', `blueprint${first.path.replaceAll('/', '.')}: ${first.message}`, { errors });
}

function entryOfDocument({ id }: BlueprintDocument): CatalogueEntry {
  const made = `the blueprint that it was made from; allowed are ${list(BLUEPRINT_IDS)}`;
  if (id === ENSEMBLE_BLUEPRINT_ID)
    refuse([{ path: '/id', message: `an ensemble is made by Autopilot and cannot be trained; name ${made}` }]);
  if (!BLUEPRINT_IDS.includes(id)) refuse([{ path: '/id', message: `${told(id)} is no blueprint; name ${made}` }]);
  return entryOf(id);
}

/** What the catalogue says and a document cannot change. */
function catalogueFindings({ family, parameters = {}, steps }: BlueprintDocument, entry: CatalogueEntry): Finding[] {
  const { blueprint } = entry;
  const found: Finding[] = [];
  if (family !== undefined && family !== blueprint.family)
    found.push({
      path: '/family',
      message: `is ${told(blueprint.family)} of all that is made from ${told(blueprint.id)}; found ${told(family)}`,
    });
  for (const [name, value] of Object.entries(parameters)) {
    const usual = Object.hasOwn(blueprint.parameters, name) ? blueprint.parameters[name] : undefined;
    if (usual === value) continue;
    const kind = placeOfParameter(name) ?? endOf(entry).kind;
    const index = steps.findIndex((step) => step.kind === kind);
    const place = index < 0 ? `a ${told(kind)} step` : `/blueprint/steps/${index}/parameters`;
    const message =
      usual === undefined
        ? `is not a parameter of ${told(blueprint.id)}`
        : `is ${told(usual)} in the catalogue, which these repeat; found ${told(value)}: change it at ${place}`;
    found.push({ path: `/parameters/${name}`, message });
  }
  return found;
}

/** Each kind of the blueprint at most once; of fixed ones every one. */
function kindFindings({ steps }: BlueprintDocument, entry: CatalogueEntry): Finding[] {
  const end = endOf(entry).kind;
  const possible = possibleSteps(entry).map(({ kind }) => kind);
  const found = steps.flatMap(({ kind }, index): Finding[] => {
    const path = `/steps/${index}/kind`;
    const first = steps.findIndex((step) => step.kind === kind);
    if (kind !== end && !possible.includes(kind))
      return [
        {
          path,
          message: `${told(kind)} is no step of ${told(entry.blueprint.id)}; allowed are ${list([...possible, end])}`,
        },
      ];
    return first === index
      ? []
      : [{ path, message: `${told(kind)} is the kind of step ${first} too; leave one of them out` }];
  });
  const kinds = steps.map(({ kind }) => kind);
  const needed = entry.settings === null ? [...possible, end] : [end];
  const missing = needed.filter((kind) => !kinds.includes(kind));
  if (missing.length > 0)
    found.push({ path: '/steps', message: `${told(entry.blueprint.id)} needs a step of each of ${list(missing)}` });
  if (entry.settings !== null && kinds.includes('category-numbers') && !kinds.includes('category-codes'))
    found.push({
      path: `/steps/${kinds.indexOf('category-numbers')}/kind`,
      message: '"category-numbers" needs "category-codes": categories of few levels are always read as codes',
    });
  return found;
}

const sourcesIn =
  (entry: CatalogueEntry) =>
  (kind: string): readonly string[] =>
    possibleSteps(entry).find((step) => step.kind === kind)?.inputs ?? [];

/** Steps of features read their sources, and the model reads them all: what else a graph could be, nothing fits. */
function inputFindings({ steps }: BlueprintDocument, entry: CatalogueEntry): Finding[] {
  const end = endOf(entry).kind;
  const others = steps.filter(({ kind }) => kind !== end).map(({ id }) => id);
  const sources = sourcesIn(entry);
  return steps.flatMap(({ kind, inputs }, index): Finding[] => {
    const wanted = kind === end ? others : sources(kind);
    const isSame = wanted.length === inputs.length && wanted.every((input) => inputs.includes(input));
    const message = `a ${told(kind)} step reads ${wanted.length === 0 ? 'nothing' : `all of ${list(wanted)} and nothing else`}; found ${told(inputs)}`;
    return isSame ? [] : [{ path: `/steps/${index}/inputs`, message }];
  });
}

/** Parameters that stand at the wrong step, or that a step does not have. */
function parameterFindings({ steps }: BlueprintDocument, entry: CatalogueEntry): Finding[] {
  const end = endOf(entry).kind;
  const known = Object.keys(entry.settings ?? {});
  return steps.flatMap(({ kind, parameters = {} }, index) => {
    const here = known.filter((name) => (placeOfParameter(name) ?? end) === kind);
    return Object.keys(parameters).flatMap((name): Finding[] => {
      if (here.includes(name)) return [];
      const allowed = here.length === 0 ? 'it has none' : `known are ${here.join(', ')}`;
      const message = `is not a parameter of a ${told(kind)} step; ${allowed}`;
      return [{ path: `/steps/${index}/parameters/${name}`, message }];
    });
  });
}

/** What a step that the blueprint of the catalogue does not have is, where nothing is said. */
const ADDED: Readonly<Record<string, Parameters>> = {
  'text-scores': { words: 2, characters: 4 },
  'category-numbers': { categories: 'target', categoryCounts: true },
  'place-cells': { placeCells: CELL_SIZES_MAX },
  'category-cross': { crosses: CROSSES_MAX },
  // No country goes without saying.
  holidays: {},
};

/** What parameters of a step are without it. */
const WITHOUT: Readonly<Record<string, Parameters>> = {
  'text-scores': { words: 0, characters: 0 },
  'category-numbers': { categories: 'codes', categoryCounts: false },
  'place-cells': { placeCells: 0 },
  'category-cross': { crosses: 0 },
  holidays: { holidays: 'none' },
};

/** The parameters of a document that differ from the catalogue's, in the catalogue's order. */
function changedParameters(document: BlueprintDocument, entry: CatalogueEntry): Parameters {
  const { blueprint, settings: usual } = entry;
  if (usual === null) return {};
  const end = endOf(entry).kind;
  const isThere = (kind: string): boolean => document.steps.some((step) => step.kind === kind);
  const hadIt = new Set<string>(usualSteps(blueprint.id, usual));
  const implied = Object.keys(ADDED).flatMap((kind) =>
    isThere(kind) ? Object.entries(hadIt.has(kind) ? {} : (ADDED[kind] ?? {})) : Object.entries(WITHOUT[kind] ?? {}),
  );
  const said = document.steps.flatMap(({ parameters = {} }) => Object.entries(parameters));
  const all = { ...usual, ...Object.fromEntries([...implied, ...said].filter(([name]) => Object.hasOwn(usual, name))) };
  const settings = allowedSettings(document, blueprint.id, end, all);
  refuseEmptySteps(document, settings);
  const before = new Map<string, unknown>(Object.entries(usual));
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => before.get(name) !== value));
}

/** @throws VALIDATION_FAILED naming the parameter at its step */
function allowedSettings(
  { steps }: BlueprintDocument,
  blueprintId: string,
  end: string,
  parameters: Parameters,
): ModelSettings {
  try {
    const settings = settingsOf(blueprintId, parameters);
    if (settings === null) throw new AppError('INTERNAL', `${blueprintId} has no parameters`);
    return settings;
  } catch (err) {
    if (!(err instanceof AppError) || err.code !== 'VALIDATION_FAILED') throw err;
    refuse(
      err.errors.map(({ path, message }) => {
        const name = path.replace('/parameters/', '');
        const index = steps.findIndex(({ kind }) => kind === (placeOfParameter(name) ?? end));
        return { path: `/steps/${index}/parameters/${name}`, message };
      }),
    );
    throw err;
  }
}

/** A step that is there and would read nothing. */
function refuseEmptySteps({ steps }: BlueprintDocument, settings: ModelSettings): void {
  const readsNoTexts = isLinear(settings) && settings.words === 0 && settings.characters === 0;
  const empty: Readonly<Record<string, string>> = {
    ...(readsNoTexts ? { 'text-scores': 'words and characters are both 0' } : {}),
    ...(encodesCategories(settings) ? {} : { 'category-numbers': 'categories is "codes" and categoryCounts false' }),
    ...(isLinear(settings) && settings.placeCells === 0 ? { 'place-cells': 'placeCells is 0' } : {}),
    ...(isLinear(settings) && settings.crosses === 0 ? { 'category-cross': 'crosses is 0' } : {}),
    ...(!isFactorization(settings) && settings.holidays === 'none' ? { holidays: 'holidays is "none"' } : {}),
  };
  refuse(
    steps.flatMap(({ kind }, index): Finding[] => {
      const reason = empty[kind];
      const message = `${reason ?? ''}, so that the step does nothing; leave it out`;
      return reason === undefined ? [] : [{ path: `/steps/${index}/parameters`, message }];
    }),
  );
}

function ownParts(
  { name, description, steps }: BlueprintDocument,
  { blueprint, settings: usual }: CatalogueEntry,
  parameters: Parameters,
): OwnBlueprint {
  const used = FEATURE_STEP_KINDS.filter((kind) => steps.some((step) => step.kind === kind));
  const usually = usualSteps(blueprint.id, settingsOf(blueprint.id, parameters));
  const isUsual = usual === null || used.join() === usually.join();
  return {
    ...(name === undefined || name === blueprint.name ? {} : { name }),
    ...(description === undefined || description === blueprint.description ? {} : { description }),
    ...(isUsual ? {} : { featureSteps: used }),
  };
}
