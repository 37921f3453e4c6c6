import { AppError, type Blueprint, type ModellingFeature, type Parameters } from '#contracts';
import { CELL_SIZES_MAX } from '../fit/places/limits.ts';
import {
  CELLS_STEP,
  DISTANCES_LINE_STEP,
  DISTANCES_STEP,
  ENCODED_STEPS,
  FEATURE_STEPS,
  FOREST_STEPS,
  GEO_LINE_STEP,
  GEO_STEP,
  LINEAR_STEPS,
  PLACES_STEP,
  TEXT_STEP,
} from './feature-steps.ts';
import type { ForestSettings } from './forest-settings.ts';
import type { LinearSettings } from './linear-settings.ts';
import { ENSEMBLE_BLUEPRINT } from './ensemble.ts';
import { FACTORIZATION_ENTRY } from './factorization.ts';
import { FURTHER_BOOSTING } from './further-boosting.ts';
import { HISTORY_ID, HISTORY_STEP } from './history.ts';
import { NAIVE_BAYES_ENTRY } from './naive-bayes.ts';
import { NAIVE_BLUEPRINTS } from './naive.ts';
import { NETWORK_ENTRY } from './network.ts';
import { parameterRefused, withParameters, type GbmSettings, type ModelSettings } from './settings.ts';
import type { XgboostSettings } from './xgboost-settings.ts';

/** A blueprint with what planning and fitting know about it beside its description. */
export interface CatalogueEntry {
  readonly blueprint: Blueprint;
  /** Null for the baseline and for naive forecasts. */
  readonly settings: ModelSettings | null;
  /** Time of a fit relative to `lightgbm-fast` without texts, before anything is measured. */
  readonly relativeCost: number;
  /** What of the features it reads: there is nothing to be fitted where there are none of these. */
  readonly reads: 'all' | 'texts too' | 'no texts' | 'many levels' | 'two features';
  /** False: only where it is named; true by default. */
  readonly isSearched?: boolean;
  /** Features for which it is worth its time unnamed; any by default. */
  readonly isSearchedFor?: (features: readonly ModellingFeature[]) => boolean;
}

const NEUTRAL: GbmSettings = {
  boosting: 'gbdt',
  learningRate: 0.1,
  maxIterations: 1_000,
  earlyStoppingRounds: 50,
  leaves: 31,
  maxDepth: 0,
  minRowsPerLeaf: 20,
  rowFraction: 1,
  featureFraction: 1,
  l1: 0,
  l2: 0,
  extraTrees: false,
  maxBins: 255,
  categorySmoothing: 10,
  categoryL2: 10,
  categories: 'codes',
  categoryCounts: false,
  holidays: 'none',
  textComponents: 0,
};

const ending = (id: string, description: string): Blueprint['steps'][number] => ({
  id,
  kind: id,
  inputs: FEATURE_STEPS.map((step) => step.id),
  description,
});

/** Boosting that reads encodings of categories beside the other features. */
function encoded(entry: CatalogueEntry): CatalogueEntry {
  const { blueprint } = entry;
  const [last] = blueprint.steps.slice(-1);
  if (last === undefined) return entry;
  const before = [...blueprint.steps.slice(0, -1), ...ENCODED_STEPS];
  const steps = [...before, { ...last, inputs: before.map(({ id }) => id) }];
  return { ...entry, reads: 'many levels', blueprint: { ...blueprint, steps } };
}

const BOOSTING = ending(
  'gradient-boosting',
  'Trees added one by one, each against the gradient of the loss; the number of trees is where the validation loss is least.',
);
const FOREST = ending('random-forest', 'Deep trees on random rows and columns, averaged on the link scale.');

function boosted(
  id: string,
  name: string,
  family: Blueprint['family'],
  relativeCost: number,
  description: string,
  changes: Partial<GbmSettings>,
): CatalogueEntry {
  const settings = { ...NEUTRAL, ...changes };
  const steps = [...FEATURE_STEPS, family === 'random-forest' ? FOREST : BOOSTING];
  const blueprint = { id, name, family, description, parameters: { ...settings }, steps };
  return { blueprint, settings, relativeCost, reads: 'all' };
}

const XGBOOST: XgboostSettings = {
  learningRate: 0.1,
  maxIterations: 1_000,
  earlyStoppingRounds: 50,
  leaves: 0,
  maxDepth: 6,
  minChildWeight: 1,
  minSplitGain: 0,
  rowFraction: 1,
  featureFraction: 1,
  l1: 0,
  l2: 1,
  maxBins: 254,
  oneHotLevels: 5,
  categorySetMax: 64,
  categories: 'codes',
  categoryCounts: false,
  holidays: 'none',
  textComponents: 0,
};

function xgboost(
  id: string,
  name: string,
  relativeCost: number,
  description: string,
  changes: Partial<XgboostSettings>,
): CatalogueEntry {
  const settings = { ...XGBOOST, ...changes };
  const steps = [...FEATURE_STEPS, BOOSTING];
  const blueprint: Blueprint = {
    id,
    name,
    family: 'gradient-boosting',
    description,
    parameters: { ...settings },
    steps,
  };
  return { blueprint, settings, relativeCost, reads: 'all' };
}

/** Columns that linear models have of places, pairs of features and dates; crosses and holidays only where they are asked for. */
const MADE = { placeCells: CELL_SIZES_MAX, crosses: 0, holidays: 'none' } as const;

/** A path of penalties that is fine enough: a step is a factor of 0.79. */
const PATH = {
  l1Ratio: 0.1,
  penalties: 50,
  penaltyRatio: 1e-5,
  earlyStoppingRounds: 5,
  ...MADE,
  words: 0,
  characters: 0,
};

/** As many decades in fewer steps: with thousands of terms each takes its time. */
const TEXT_PATH = { l1Ratio: 0.1, penalties: 30, penaltyRatio: 1e-5, earlyStoppingRounds: 3, ...MADE };

function linear(
  id: string,
  name: string,
  relativeCost: number,
  description: string,
  settings: LinearSettings,
): CatalogueEntry {
  const readsTexts = settings.words > 0 || settings.characters > 0;
  const places =
    settings.pieces > 1
      ? [PLACES_STEP, GEO_STEP, CELLS_STEP, DISTANCES_STEP]
      : [GEO_LINE_STEP, CELLS_STEP, DISTANCES_LINE_STEP];
  const inputs = [...LINEAR_STEPS, ...places, ...(readsTexts ? [TEXT_STEP] : [])];
  const end: Blueprint['steps'][number] = {
    id: 'elastic-net',
    kind: 'elastic-net',
    inputs: inputs.map((step) => step.id),
    description:
      'A generalised linear model of the target’s family, its coefficients held by absolute and squared penalties; of a path of penalties the one is kept at which the validation loss is least.',
  };
  const steps = [...inputs, end];
  return {
    blueprint: { id, name, family: 'linear', description, parameters: { ...settings }, steps },
    settings,
    relativeCost,
    reads: readsTexts ? 'texts too' : 'no texts',
  };
}

const VOTES = ending(
  'forest',
  'Fully grown trees whose leaves hold class shares or means. The average over the trees, and over one more vote for the shares of all training rows, is taken to the link scale.',
);

const GROWN: ForestSettings = {
  trees: 200,
  randomThresholds: false,
  bootstrap: true,
  minRowsPerLeaf: 1,
  featureFraction: 0,
  maxBins: 255,
  categorySmoothing: 10,
  holidays: 'none',
  textComponents: 0,
};

function forest(
  id: string,
  name: string,
  relativeCost: number,
  description: string,
  changes: Partial<ForestSettings>,
): CatalogueEntry {
  const settings = { ...GROWN, ...changes };
  return {
    blueprint: {
      id,
      name,
      family: 'random-forest',
      description,
      parameters: { ...settings },
      steps: [...FOREST_STEPS, { ...VOTES, inputs: FOREST_STEPS.map((step) => step.id) }],
    },
    settings,
    relativeCost,
    reads: 'all',
  };
}

/** The forest of 100 trees; stopping early has no meaning for an average. */
const FOREST_TREES = 100;

/** All blueprints, best expected value first after the two quick ones that make sure something can be recommended early. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    blueprint: {
      id: 'baseline',
      name: 'Baseline',
      family: 'baseline',
      description:
        'Predicts what the training rows alone say, whatever the features: class shares, the mean, or the median where the metric is an absolute error.',
      parameters: {},
      steps: [{ id: 'constant', kind: 'constant', inputs: [], description: 'The weighted prior of the target.' }],
    },
    settings: null,
    relativeCost: 0.1,
    reads: 'all',
  },
  boosted(
    'lightgbm-fast',
    'LightGBM, fast',
    'gradient-boosting',
    1,
    'Few small trees with a high learning rate: the first real model, in seconds.',
    {
      learningRate: 0.2,
      leaves: 15,
      maxIterations: 150,
      earlyStoppingRounds: 20,
    },
  ),
  linear(
    'linear-text',
    'Text n-grams with a linear model',
    18,
    'One coefficient a word, pair of words and run of characters, beside those of all other features: on text nothing that is as quick is better.',
    { ...TEXT_PATH, pieces: 1, words: 2, characters: 4 },
  ),
  boosted('lightgbm-default', 'LightGBM', 'gradient-boosting', 2.2, 'LightGBM’s own defaults with early stopping.', {}),
  encoded(
    boosted(
      'lightgbm-encoded',
      'LightGBM, encoded categories',
      'gradient-boosting',
      2.5,
      'Categories of many levels as numbers: their mean target and how many rows they have, learnt so that no row has seen its own target.',
      { categories: 'target', categoryCounts: true },
    ),
  ),
  FACTORIZATION_ENTRY,
  boosted(
    'lightgbm-shallow',
    'LightGBM, shallow',
    'gradient-boosting',
    2.2,
    'Shallow, regularised trees: few interactions, hard to overfit.',
    {
      learningRate: 0.08,
      maxIterations: 1_500,
      earlyStoppingRounds: 75,
      leaves: 8,
      maxDepth: 4,
      l2: 5,
    },
  ),
  linear(
    'linear',
    'Regularised linear model',
    1.1,
    'One coefficient a number and level, an elastic net: hard to beat on small data, and easily read. Texts are left out.',
    { ...PATH, pieces: 1 },
  ),
  boosted(
    'lightgbm-slow',
    'LightGBM, slow learning',
    'gradient-boosting',
    7,
    'A low learning rate with random rows and columns: usually the most accurate.',
    {
      learningRate: 0.03,
      maxIterations: 3_000,
      earlyStoppingRounds: 100,
      rowFraction: 0.8,
      featureFraction: 0.7,
      l2: 1,
    },
  ),
  boosted(
    'lightgbm-fine',
    'LightGBM, small leaves',
    'gradient-boosting',
    10,
    'A low learning rate, leaves of few rows, half of the columns a tree: for data with much signal.',
    {
      learningRate: 0.03,
      maxIterations: 3_000,
      earlyStoppingRounds: 100,
      leaves: 84,
      minRowsPerLeaf: 3,
      rowFraction: 0.98,
      featureFraction: 0.53,
      l2: 0.84,
    },
  ),
  forest(
    'extra-trees',
    'Extremely randomised trees',
    3,
    'Fully grown trees with random thresholds, averaged as probabilities: hard to beat where rows resemble each other.',
    { randomThresholds: true, bootstrap: false, textComponents: 8 },
  ),
  NETWORK_ENTRY,
  linear(
    'linear-splines',
    'Regularised linear model with broken lines',
    1.9,
    'As the linear model, but a number may bend at its quantiles: an additive model without interactions. Texts are left out.',
    { ...PATH, pieces: 20 },
  ),
  forest(
    'random-forest',
    'Random forest',
    4,
    'Grown trees on random rows and columns, averaged as probabilities: robust, and another kind of mistake.',
    { minRowsPerLeaf: 5 },
  ),
  boosted(
    'lightgbm-extra-trees',
    'LightGBM, extra trees',
    'gradient-boosting',
    2.5,
    'Random thresholds: smoother, a different kind of mistake.',
    {
      extraTrees: true,
      learningRate: 0.1,
      maxIterations: 1_500,
      earlyStoppingRounds: 75,
      featureFraction: 0.8,
    },
  ),
  boosted(
    'lightgbm-wide',
    'LightGBM, wide trees',
    'gradient-boosting',
    7,
    'Large trees, regularised: many interactions, for larger data.',
    {
      learningRate: 0.05,
      maxIterations: 2_000,
      earlyStoppingRounds: 75,
      leaves: 127,
      minRowsPerLeaf: 40,
      rowFraction: 0.8,
      featureFraction: 0.6,
      l2: 5,
    },
  ),
  xgboost(
    'xgboost-default',
    'XGBoost',
    3.5,
    'Level by level to a depth, as XGBoost grows its trees by default: another engine, another kind of mistake.',
    {},
  ),
  xgboost('xgboost-slow', 'XGBoost, slow learning', 12, 'A low learning rate, and random columns for each split.', {
    learningRate: 0.03,
    maxIterations: 3_000,
    earlyStoppingRounds: 100,
    featureFraction: 0.7,
  }),
  {
    ...boosted(
      'lightgbm-random-forest',
      'LightGBM, random forest',
      'random-forest',
      2.5,
      'Deep trees on random rows and columns, averaged on the link scale. Not searched: `random-forest` is better and quicker.',
      {
        boosting: 'rf',
        maxIterations: FOREST_TREES,
        earlyStoppingRounds: 0,
        leaves: 255,
        minRowsPerLeaf: 5,
        rowFraction: 0.632,
        featureFraction: 0.6,
      },
    ),
    isSearched: false,
  },
  ...FURTHER_BOOSTING.map(({ id, name, relativeCost, description, changes, isSearched }) => ({
    ...boosted(id, name, 'gradient-boosting', relativeCost, description, changes),
    isSearched,
  })),
  NAIVE_BAYES_ENTRY,
];

/** The blueprints that any project may have. */
export const BLUEPRINTS: readonly Blueprint[] = CATALOGUE.map((entry) => entry.blueprint);

/** Naive forecasts, beside the catalogue: only a series has them. */
export const NAIVE_ENTRIES: readonly CatalogueEntry[] = NAIVE_BLUEPRINTS.map((blueprint) => ({
  blueprint,
  settings: null,
  relativeCost: 0.1,
  reads: 'all',
}));

/** An entry whose model reads the past of series too. */
function withHistory(entry: CatalogueEntry): CatalogueEntry {
  const { blueprint } = entry;
  const last = blueprint.steps.slice(-1).map((step) => ({ ...step, inputs: [...step.inputs, HISTORY_STEP.id] }));
  return { ...entry, blueprint: { ...blueprint, steps: [...blueprint.steps.slice(0, -1), HISTORY_STEP, ...last] } };
}

/** Models that know the past of a series, beside the catalogue: only a series has one. */
export const HISTORY_ENTRIES: readonly CatalogueEntry[] = [
  withHistory(
    linear(
      HISTORY_ID,
      'Regularised linear model with history',
      1.3,
      'As the linear model, beside what was known of the series: its last values and means, weighed against each other. Texts are left out.',
      { ...PATH, pieces: 1 },
    ),
  ),
];

/** Blueprints beside the catalogue that a series can have. */
export const SERIES_BLUEPRINTS: readonly Blueprint[] = [
  ...NAIVE_BLUEPRINTS,
  ...HISTORY_ENTRIES.map(({ blueprint }) => blueprint),
];

export const ALL_ENTRIES: readonly CatalogueEntry[] = [...CATALOGUE, ...NAIVE_ENTRIES, ...HISTORY_ENTRIES];

/** Ids of all blueprints that can be fitted. */
export const BLUEPRINT_IDS: readonly string[] = ALL_ENTRIES.map(({ blueprint }) => blueprint.id);

/** @throws BLUEPRINT_UNKNOWN naming the known ids */
export function entryOf(blueprintId: string): CatalogueEntry {
  const entry = ALL_ENTRIES.find(({ blueprint }) => blueprint.id === blueprintId);
  if (entry !== undefined) return entry;
  throw new AppError(
    'BLUEPRINT_UNKNOWN',
    `blueprint ${JSON.stringify(blueprintId)} does not exist, expected one of ${BLUEPRINT_IDS.join(', ')}`,
  );
}

/** @throws BLUEPRINT_UNKNOWN naming the known ids */
export function blueprintOf(blueprintId: string): Blueprint {
  return blueprintId === ENSEMBLE_BLUEPRINT.id ? ENSEMBLE_BLUEPRINT : entryOf(blueprintId).blueprint;
}

/**
 * The settings that a task fits with; null for the baseline and naive forecasts.
 *
 * @throws BLUEPRINT_UNKNOWN; VALIDATION_FAILED on a parameter that does not exist or fit
 */
export function settingsOf(blueprintId: string, parameters: Parameters): ModelSettings | null {
  const { settings } = entryOf(blueprintId);
  if (settings !== null) return withParameters(settings, parameters);
  const surplus = Object.keys(parameters)[0];
  if (surplus === undefined) return null;
  throw parameterRefused(surplus, `${blueprintId === 'baseline' ? 'the baseline' : blueprintId} has no parameters`);
}
