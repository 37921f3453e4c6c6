import type { StepParameter } from '#contracts';
import { ALL_ENTRIES } from './catalogue.ts';
import {
  BOOSTING_KINDS,
  CATEGORY_ENCODINGS,
  FACTORIZATION_RANGES,
  FOREST_RANGES,
  GBM_RANGES,
  isFactorization,
  isForest,
  isLinear,
  isNetwork,
  isXgboost,
  LINEAR_RANGES,
  NETWORK_RANGES,
  XGBOOST_RANGES,
  type GbmSettings,
  type ModelSettings,
  type Range,
} from './settings.ts';
import { HOLIDAY_CALENDARS } from '../holidays/calendars.ts';
import type { FactorizationSettings } from './factorization-settings.ts';
import type { ForestSettings } from './forest-settings.ts';
import { NAIVE_BAYES_VARIANTS, type LinearSettings } from './linear-settings.ts';
import type { NetworkSettings } from './network-settings.ts';
import type { XgboostSettings } from './xgboost-settings.ts';

/** What a parameter does, and where it is from; the second is absent where it is our own. */
type Told = readonly [description: string, source?: string];

const ENCODED = 'Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical attributes"';
const GLMNET = 'Friedman, Hastie, Tibshirani 2010, J. Stat. Soft. 33(1)';
const MACHINES =
  'Rendle 2010, "Factorization machines"; Rendle, Gantner, Freudenthaler, Schmidt-Thieme 2011, "Fast context-aware recommendations with factorization machines"';
const BETTER =
  'Holzmueller, Grinsztajn, Steinwart 2024, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data"';
const FORESTS = 'Breiman 2001, "Random forests"; Geurts, Ernst, Wehenkel 2006, "Extremely randomized trees"';

const HOLIDAYS: Told = [
  'Whose public holidays dates are looked up in: a country’s by its code (GB: England and Wales), or none’s.',
];

const COMPONENTS: Told = [
  'Directions in which the tf-idf vectors of a text differ most (truncated SVD), a column each beside its scores; 0: none.',
  'Deerwester et al. 1990, "Indexing by latent semantic analysis"; Halko, Martinsson, Tropp 2011, "Finding structure with randomness"',
];

const BOOSTED = {
  earlyStoppingRounds: [
    'Boosting ends after so many iterations without a better validation loss; 0: never.',
    'Prechelt 1998, "Early stopping - but when?"',
  ],
  categories: [
    'How categories of many levels are read: by codes, by the mean target of a level, or by both. Those of few levels are always codes.',
    ENCODED,
  ],
  categoryCounts: ['Whether there is also a column with the share of rows that have the level.'],
  holidays: HOLIDAYS,
  textComponents: COMPONENTS,
} as const satisfies Readonly<Record<string, Told>>;

const GBM: Readonly<Record<keyof GbmSettings, Told>> = {
  ...BOOSTED,
  boosting: ['gbdt adds trees up, dart drops some of them again and again, rf averages them.', 'LightGBM, boosting'],
  learningRate: ['Shrinkage of each tree; a forest ignores it.', 'LightGBM, learning_rate'],
  maxIterations: ['Iterations at most; in each there is a tree for every class output.', 'LightGBM, num_iterations'],
  leaves: ['Leaves of a tree, the best of all split first.', 'LightGBM, num_leaves'],
  maxDepth: ['Depth of a tree; 0: no limit.', 'LightGBM, max_depth'],
  minRowsPerLeaf: [
    'Rows of a leaf at least; a twentieth of the training rows at most is asked for, and at least 2.',
    'LightGBM, min_data_in_leaf',
  ],
  rowFraction: ['Part of the rows that each tree sees.', 'LightGBM, bagging_fraction'],
  featureFraction: ['Part of the columns that each tree sees.', 'LightGBM, feature_fraction'],
  l1: ['Absolute penalty of leaves.', 'LightGBM, lambda_l1'],
  l2: ['Squared penalty of leaves.', 'LightGBM, lambda_l2'],
  extraTrees: ['Thresholds are drawn at random, one a column and node.', 'LightGBM, extra_trees'],
  maxBins: ['Bins of a number.', 'LightGBM, max_bin'],
  categorySmoothing: [
    'Added to the counts of a level when levels are ordered by their gradients.',
    'LightGBM, cat_smooth',
  ],
  categoryL2: ['Squared penalty of splits by sets of levels.', 'LightGBM, cat_l2'],
  dropRate: [
    'Of dart: part of the trees so far that an iteration drops; 0.1 where it is not told.',
    'LightGBM, drop_rate; Rashmi, Gilad-Bachrach 2015, "DART: Dropouts meet Multiple Additive Regression Trees"',
  ],
  skipDrop: ['Of dart: part of the iterations that drop no tree; 0.5 where it is not told.', 'LightGBM, skip_drop'],
  linearLeaves: [
    'Leaves are linear functions of the numbers that their branch asks for; of gbdt only.',
    'LightGBM, linear_tree; Shi, Li, Li 2019, "Gradient boosting with piece-wise linear regression trees"',
  ],
  linearPenalty: ['Squared penalty of the coefficients in linear leaves.', 'LightGBM, linear_lambda'],
};

const XGBOOST: Readonly<Record<keyof XgboostSettings, Told>> = {
  ...BOOSTED,
  learningRate: ['Shrinkage of each tree.', 'XGBoost, eta'],
  maxIterations: ['Iterations at most; in each there is a tree for every class output.', 'XGBoost, num_round'],
  leaves: ['Leaves of a tree, the best of all split first; 0: no limit, level by level.', 'XGBoost, max_leaves'],
  maxDepth: ['Depth of a tree.', 'XGBoost, max_depth'],
  minChildWeight: ['Least sum of a leaf’s Hessians; of squares the weight of its rows.', 'XGBoost, min_child_weight'],
  minSplitGain: ['Least gain of a split.', 'XGBoost, gamma'],
  rowFraction: ['Part of the rows that each iteration sees.', 'XGBoost, subsample'],
  featureFraction: ['Part of the columns that each split sees.', 'XGBoost, colsample_bynode'],
  l1: ['Absolute penalty of leaves.', 'XGBoost, alpha'],
  l2: ['Squared penalty of leaves.', 'XGBoost, lambda'],
  maxBins: ['Bins of a number.', 'XGBoost, max_bin'],
  oneHotLevels: [
    'A feature of fewer levels is split one level against all others, others by sets of levels.',
    'XGBoost, max_cat_to_onehot',
  ],
  categorySetMax: ['Levels of a set at most.', 'XGBoost, max_cat_threshold'],
};

const LINEAR: Readonly<Record<keyof LinearSettings, Told>> = {
  l1Ratio: ['Share of the absolute penalty (lasso); the rest is squared (ridge).', GLMNET],
  penalties: ['Steps of the path of penalties.', GLMNET],
  penaltyRatio: [
    'The last penalty as a part of the first, which is the least that leaves nothing but the intercept.',
    GLMNET,
  ],
  earlyStoppingRounds: ['The path ends after so many steps without a better validation loss; 0: never.'],
  pieces: ['Pieces of the broken line that a number may become, at quantiles; 1: straight lines.'],
  placeCells: ['Sizes of cells that places have, a coefficient each; 0: none.'],
  crosses: ['Pairs of features with a coefficient for each two levels, at most, where they gain together; 0: none.'],
  holidays: HOLIDAYS,
  words: ['Longest n-gram of words that a text is read by; 0: none.'],
  characters: ['Longest run of characters within words that a text is read by; 0: none.'],
  naiveBayes: [
    'Coefficients of terms are counted in the classes (multinomial) or in all others (complement) instead of fitted.',
    'Rennie, Shih, Teevan, Karger 2003, "Tackling the poor assumptions of naive Bayes text classifiers"',
  ],
  smoothing: ['Of naive Bayes: added to the count of each term in each class, at the beginning of the path.'],
};

const FACTORIZATION: Readonly<Record<keyof FactorizationSettings, Told>> = {
  rank: ['Numbers of the vector that each level and number has.', MACHINES],
  coefficientPenalty: [
    'Squared penalty of the coefficients, in rows: where squares of unit variance are minimised, a level of so many rows is drawn half of the way to 0.',
    MACHINES,
  ],
  penalties: ['Steps of the path of penalties of the vectors.'],
  penaltyRatio: [
    'The last penalty of the vectors as a part of the first, which is the least that leaves none.',
    'Mazumder, Hastie, Tibshirani 2010, J. Mach. Learn. Res. 11',
  ],
  rounds: ['Rounds over all features at each penalty.'],
  earlyStoppingRounds: ['The path ends after so many steps without a better validation loss; 0: never.'],
};

const NETWORK: Readonly<Record<keyof NetworkSettings, Told>> = {
  units: [
    'Cosines of each copy; a multiple of 8.',
    'Rahimi, Recht 2007, "Random features for large-scale kernel machines"',
  ],
  copies: ['Networks of different random numbers whose raw scores are averaged.'],
  epochs: [
    'Passes over the training rows that the learning rate is planned for; 0: as many as show 525,000 rows of the table, at least 16 and at most 64.',
  ],
  learningRate: ['Of Adam at its highest; it goes up and down four times.', BETTER],
  dropout: [
    'Part of the units that a step leaves out, for the first half of the fit; then it falls to nothing.',
    BETTER,
  ],
  weightDecay: ['What a parameter loses in a step, relative to its learning rate; falls as dropout does.', BETTER],
  numberBins: [
    'Pieces of the functions that are fitted of a number: half of them between quantiles of all values, half of those that are not the most frequent one.',
    'Gorishniy, Rubachev, Babenko 2022, "On embeddings for numerical features in tabular deep learning"',
  ],
  holidays: HOLIDAYS,
};

const FOREST: Readonly<Record<keyof ForestSettings, Told>> = {
  trees: ['Trees; a deadline may end it with fewer, and where it would become too large there are fewer.', FORESTS],
  randomThresholds: ['One random threshold a column and node, instead of the best.', FORESTS],
  bootstrap: ['Each tree has its own rows, drawn with replacement, instead of all.', FORESTS],
  minRowsPerLeaf: ['Rows of a leaf at least; more where the forest would become too large.', FORESTS],
  featureFraction: [
    'Part of the columns that each node draws; 0: the square root of their number for classes, half of them for numbers.',
    FORESTS,
  ],
  maxBins: ['Bins of a column.'],
  categorySmoothing: [
    'Rows of the mean target that the mean target of a level is drawn towards, before levels are ordered by it.',
  ],
  holidays: HOLIDAYS,
  textComponents: COMPONENTS,
};

/** Ranges and descriptions of a family's parameters. */
function tablesOf(settings: ModelSettings): {
  readonly ranges: Readonly<Record<string, Range>>;
  readonly told: Readonly<Record<string, Told>>;
} {
  if (isLinear(settings)) return { ranges: LINEAR_RANGES, told: LINEAR };
  if (isForest(settings)) return { ranges: FOREST_RANGES, told: FOREST };
  if (isFactorization(settings)) return { ranges: FACTORIZATION_RANGES, told: FACTORIZATION };
  if (isNetwork(settings)) return { ranges: NETWORK_RANGES, told: NETWORK };
  return isXgboost(settings) ? { ranges: XGBOOST_RANGES, told: XGBOOST } : { ranges: GBM_RANGES, told: GBM };
}

const VALUES: Readonly<Record<string, readonly string[]>> = {
  boosting: BOOSTING_KINDS,
  categories: CATEGORY_ENCODINGS,
  naiveBayes: NAIVE_BAYES_VARIANTS,
  holidays: HOLIDAY_CALENDARS,
};

/** A parameter of a family, without its values in blueprints. Null: the family has none of this name. */
export function parameterDoc(settings: ModelSettings, name: string): Omit<StepParameter, 'defaults'> | null {
  const { ranges, told } = tablesOf(settings);
  const own = Object.hasOwn(told, name) ? told[name] : undefined;
  if (own === undefined) return null;
  const range = ranges[name];
  const values = VALUES[name];
  const [description, source = null] = own;
  return {
    name,
    type: range === undefined ? (values === undefined ? 'boolean' : 'string') : range.integer ? 'integer' : 'number',
    minimum: range?.min ?? null,
    maximum: range?.max ?? null,
    values: values === undefined ? null : [...values],
    description,
    source,
  };
}

/** What a parameter of a blueprint does; null where the blueprint is not of this program, or has none of this name. */
export function parameterMeaning(blueprintId: string, name: string): string | null {
  const entry = ALL_ENTRIES.find(({ blueprint }) => blueprint.id === blueprintId);
  const settings = entry?.settings ?? null;
  return settings === null ? null : (parameterDoc(settings, name)?.description ?? null);
}
