import { AppError, TEXT_LENGTH_MAX, type Parameters } from '#contracts';
import { CROSSES_MAX } from '../fit/crosses/limits.ts';
import { CELL_SIZES_MAX } from '../fit/places/limits.ts';
import { HOLIDAY_CALENDARS, type HolidayCalendar } from '../holidays/calendars.ts';
import { RANK_FITTED_MAX } from '../fit/factorization/limits.ts';
import type { FactorizationSettings } from './factorization-settings.ts';
import type { ForestSettings } from './forest-settings.ts';
import { NAIVE_BAYES_VARIANTS, type LinearSettings, type NaiveBayesVariant } from './linear-settings.ts';
import type { NetworkSettings } from './network-settings.ts';
import type { XgboostSettings } from './xgboost-settings.ts';

/** How LightGBM grows its trees. */
export const BOOSTING_KINDS = ['gbdt', 'dart', 'rf'] as const;
export type BoostingKind = (typeof BOOSTING_KINDS)[number];

/** How trees read categories: by codes that splits take sets of, by the mean target of a level, or by both. */
export const CATEGORY_ENCODINGS = ['codes', 'target', 'both'] as const;
export type CategoryEncoding = (typeof CATEGORY_ENCODINGS)[number];

/** How boosted trees read categories, dates and texts, whatever the engine. */
export interface EncodingSettings {
  /** Of the features with at least ENCODED_LEVELS_MIN levels; the others are always codes. */
  readonly categories: CategoryEncoding;
  /** Whether there is also a column with the share of rows that have the level. */
  readonly categoryCounts: boolean;
  /** Whose holidays dates are looked up in. */
  readonly holidays: HolidayCalendar;
  /** Components of each text's terms that trees read beside its scores; 0: none. */
  readonly textComponents: number;
}

/** Settings of a gradient boosting (or random forest) blueprint; the parameters of a blueprint have these names. */
export interface GbmSettings extends EncodingSettings {
  readonly boosting: BoostingKind;
  /** Shrinkage of each tree, in (0, 1]; a forest ignores it. */
  readonly learningRate: number;
  /** At most so many iterations (trees a class output). */
  readonly maxIterations: number;
  /** Boosting stops after so many iterations without a better validation loss; 0 = never (forests). */
  readonly earlyStoppingRounds: number;
  /** Leaves of a tree. */
  readonly leaves: number;
  /** Depth of a tree; 0 = no limit. */
  readonly maxDepth: number;
  /** Rows of a leaf; at most a twentieth of the training rows is asked for, and at least 2. */
  readonly minRowsPerLeaf: number;
  /** Part of the rows that each tree sees, in (0, 1]. */
  readonly rowFraction: number;
  /** Part of the columns that each tree sees, in (0, 1]. */
  readonly featureFraction: number;
  readonly l1: number;
  readonly l2: number;
  /** Thresholds are drawn at random, one a column and node. */
  readonly extraTrees: boolean;
  /** Bins of a numeric column, 15 to 1023. */
  readonly maxBins: number;
  /** Added to the counts of a category when categories are ordered by their gradients. */
  readonly categorySmoothing: number;
  /** L2 of splits by category sets. */
  readonly categoryL2: number;
  /** Part of the trees so far that an iteration drops, in [0, 1]; of `dart` only, 0.1 where it is absent. */
  readonly dropRate?: number;
  /** Part of the iterations that drop no tree, in [0, 1]; of `dart` only, 0.5 where it is absent. */
  readonly skipDrop?: number;
  /** Leaves are linear functions of the numbers that their branch asks for; of `gbdt` only, false where it is absent. */
  readonly linearLeaves?: boolean;
  /** L2 of these functions' coefficients; they are of columns as they are, not standardised. */
  readonly linearPenalty?: number;
}

/** Settings of a model that learns from features. */
export type ModelSettings = BoostedSettings | LinearSettings | ForestSettings | FactorizationSettings | NetworkSettings;

/** Settings of boosting, or of LightGBM's forest. */
export type BoostedSettings = GbmSettings | XgboostSettings;

export const isXgboost = (settings: ModelSettings): settings is XgboostSettings => 'minChildWeight' in settings;

/** Leaves that a tree may have; of XGBoost at most two to the power of its depth. */
export const leavesOf = (settings: BoostedSettings): number =>
  isXgboost(settings) ? Math.min(settings.leaves || Infinity, 2 ** settings.maxDepth) : settings.leaves;

/** True where trees are averaged instead of added up. */
export const averagesTrees = (settings: BoostedSettings): boolean => !isXgboost(settings) && settings.boosting === 'rf';

/** True where later iterations change the trees of earlier ones. */
export const dropsTrees = (settings: BoostedSettings): boolean => !isXgboost(settings) && settings.boosting === 'dart';

/** True where a leaf is a function of the row. */
export const hasLinearLeaves = (settings: ModelSettings): boolean =>
  'linearLeaves' in settings && settings.linearLeaves;

export const isLinear = (settings: ModelSettings): settings is LinearSettings => 'l1Ratio' in settings;

export const isForest = (settings: ModelSettings): settings is ForestSettings => 'randomThresholds' in settings;

export const isFactorization = (settings: ModelSettings): settings is FactorizationSettings => 'rank' in settings;

export const isNetwork = (settings: ModelSettings): settings is NetworkSettings => 'units' in settings;

/** True of boosting, and of LightGBM's forest. */
export const isBoosted = (settings: ModelSettings): settings is BoostedSettings =>
  !isLinear(settings) && !isForest(settings) && !isFactorization(settings) && !isNetwork(settings);

/** How a linear model counts terms; null: its coefficients are fitted. */
export const naiveBayesOf = (settings: ModelSettings): NaiveBayesVariant | null =>
  isLinear(settings) ? (settings.naiveBayes ?? null) : null;

/** Whether a fit can begin from numbers that rows bring along: forests and naive Bayes cannot. */
export const takesOffsets = (settings: ModelSettings): boolean =>
  isBoosted(settings) ? !averagesTrees(settings) : !isForest(settings) && naiveBayesOf(settings) === null;

/** Whether raw scores of classes are log odds: those of LightGBM's forests are one Newton step each, averaged. */
export const hasLogOdds = (settings: ModelSettings): boolean => !isBoosted(settings) || !averagesTrees(settings);

/** Both ends included. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
}

type Ranges = Readonly<Record<string, Range>>;

const TEXT_COMPONENTS: Range = { min: 0, max: 64, integer: true };

/** What each numeric parameter of a linear model may be, both ends included. */
export const LINEAR_RANGES: Readonly<Record<Exclude<keyof LinearSettings, 'naiveBayes' | 'holidays'>, Range>> = {
  l1Ratio: { min: 0, max: 1, integer: false },
  penalties: { min: 1, max: 1_000, integer: true },
  penaltyRatio: { min: 1e-8, max: 1, integer: false },
  earlyStoppingRounds: { min: 0, max: 1_000, integer: true },
  pieces: { min: 1, max: 100, integer: true },
  placeCells: { min: 0, max: CELL_SIZES_MAX, integer: true },
  crosses: { min: 0, max: CROSSES_MAX, integer: true },
  words: { min: 0, max: TEXT_LENGTH_MAX, integer: true },
  characters: { min: 0, max: TEXT_LENGTH_MAX, integer: true },
  smoothing: { min: 1e-10, max: 1e6, integer: false },
};

/** The same of a factorization machine. */
export const FACTORIZATION_RANGES: Readonly<Record<keyof FactorizationSettings, Range>> = {
  rank: { min: 1, max: RANK_FITTED_MAX, integer: true },
  coefficientPenalty: { min: 1e-6, max: 1e6, integer: false },
  penalties: { min: 1, max: 1_000, integer: true },
  penaltyRatio: { min: 1e-8, max: 1, integer: false },
  rounds: { min: 1, max: 1_000, integer: true },
  earlyStoppingRounds: { min: 0, max: 1_000, integer: true },
};

/** The same of a network. */
export const NETWORK_RANGES: Readonly<Record<Exclude<keyof NetworkSettings, 'holidays'>, Range>> = {
  units: { min: 8, max: 512, integer: true },
  copies: { min: 1, max: 8, integer: true },
  epochs: { min: 0, max: 1_000, integer: true },
  learningRate: { min: 1e-4, max: 1, integer: false },
  dropout: { min: 0, max: 0.9, integer: false },
  weightDecay: { min: 0, max: 1, integer: false },
  numberBins: { min: 2, max: 255, integer: true },
};

/** The same of a forest. */
export const FOREST_RANGES: Readonly<
  Record<Exclude<keyof ForestSettings, 'randomThresholds' | 'bootstrap' | 'holidays'>, Range>
> = {
  trees: { min: 1, max: 2_000, integer: true },
  minRowsPerLeaf: { min: 1, max: 1_000_000, integer: true },
  featureFraction: { min: 0, max: 1, integer: false },
  maxBins: { min: 15, max: 1023, integer: true },
  categorySmoothing: { min: 0, max: 1e6, integer: false },
  textComponents: TEXT_COMPONENTS,
};

/** Parameters of LightGBM that are true or false. */
const GBM_FLAGS = ['extraTrees', 'linearLeaves'] as const;
type GbmFlag = (typeof GBM_FLAGS)[number];

/** The same of boosted trees. */
export const GBM_RANGES: Readonly<Record<Exclude<keyof GbmSettings, 'boosting' | GbmFlag | EncodingName>, Range>> = {
  learningRate: { min: 0.001, max: 1, integer: false },
  maxIterations: { min: 1, max: 20_000, integer: true },
  earlyStoppingRounds: { min: 0, max: 10_000, integer: true },
  leaves: { min: 2, max: 4096, integer: true },
  maxDepth: { min: 0, max: 64, integer: true },
  minRowsPerLeaf: { min: 1, max: 1_000_000, integer: true },
  rowFraction: { min: 0.01, max: 1, integer: false },
  featureFraction: { min: 0.01, max: 1, integer: false },
  l1: { min: 0, max: 1e6, integer: false },
  l2: { min: 0, max: 1e6, integer: false },
  maxBins: { min: 15, max: 1023, integer: true },
  categorySmoothing: { min: 0, max: 1e6, integer: false },
  categoryL2: { min: 0, max: 1e6, integer: false },
  dropRate: { min: 0, max: 1, integer: false },
  skipDrop: { min: 0, max: 1, integer: false },
  linearPenalty: { min: 0, max: 1e6, integer: false },
  textComponents: TEXT_COMPONENTS,
};

/** The same of trees of XGBoost. */
export const XGBOOST_RANGES: Readonly<Record<Exclude<keyof XgboostSettings, EncodingName>, Range>> = {
  learningRate: { min: 0.001, max: 1, integer: false },
  maxIterations: { min: 1, max: 20_000, integer: true },
  earlyStoppingRounds: { min: 0, max: 10_000, integer: true },
  leaves: { min: 0, max: 4096, integer: true },
  maxDepth: { min: 1, max: 16, integer: true },
  minChildWeight: { min: 1e-6, max: 1e6, integer: false },
  minSplitGain: { min: 0, max: 1e6, integer: false },
  rowFraction: { min: 0.01, max: 1, integer: false },
  featureFraction: { min: 0.01, max: 1, integer: false },
  l1: { min: 0, max: 1e6, integer: false },
  l2: { min: 0, max: 1e6, integer: false },
  maxBins: { min: 15, max: 1023, integer: true },
  oneHotLevels: { min: 1, max: 1_000, integer: true },
  categorySetMax: { min: 1, max: 1_000, integer: true },
  textComponents: TEXT_COMPONENTS,
};

/**
 * A blueprint's settings with some of them replaced.
 *
 * @throws VALIDATION_FAILED naming the parameter, what is allowed and what was found
 */
export function withParameters(defaults: ModelSettings, parameters: Parameters): ModelSettings {
  const complaintOf = complaintsOf(defaults);
  const settings: Record<string, number | string | boolean> = { ...defaults };
  for (const [name, value] of Object.entries(parameters)) {
    const complaint = complaintOf(name, value);
    if (complaint !== null) throw parameterRefused(name, `${complaint}; found ${JSON.stringify(value)}`);
    settings[name] = value;
  }
  const conflict = conflictOf(settings);
  if (conflict !== null) throw parameterRefused(conflict.name, conflict.message);
  // The cast holds: defaults are complete, and complaintOf has let only known names with values of their type through.
  return settings as unknown as ModelSettings;
}

export const parameterRefused = (name: string, message: string): AppError =>
  new AppError('VALIDATION_FAILED', `parameters.${name}: ${message}`, {
    errors: [{ path: `/parameters/${name}`, message }],
  });

/** The units of a network go with so many at a time. */
const UNITS_STEP = 8;

/** Parameters that are allowed, but not together or not with this value. */
function conflictOf(settings: Readonly<Record<string, Value>>): { name: string; message: string } | null {
  const { boosting } = settings;
  if (boosting === 'rf' && settings['rowFraction'] === 1)
    return { name: 'rowFraction', message: 'must be below 1 for a random forest' };
  const dropping = ['dropRate', 'skipDrop'].find((name) => name in settings);
  if (dropping !== undefined && boosting !== 'dart')
    return { name: dropping, message: 'has a meaning only where boosting is dart' };
  const isLinearTree = settings['linearLeaves'] === true;
  if (isLinearTree && boosting !== 'gbdt')
    return { name: 'linearLeaves', message: 'must be false unless boosting is gbdt' };
  if ('linearPenalty' in settings && !isLinearTree)
    return { name: 'linearPenalty', message: 'has a meaning only where linearLeaves is true' };
  const { units } = settings;
  if (typeof units === 'number' && units % UNITS_STEP !== 0)
    return { name: 'units', message: `must be a multiple of ${UNITS_STEP}` };
  return naiveBayesConflict(settings);
}

function naiveBayesConflict(settings: Readonly<Record<string, Value>>): { name: string; message: string } | null {
  if (!('naiveBayes' in settings))
    return 'smoothing' in settings
      ? { name: 'smoothing', message: 'has a meaning only where naiveBayes says how terms count' }
      : null;
  if (settings['words'] === 0 && settings['characters'] === 0)
    return { name: 'words', message: 'must be at least 1, or characters: naive Bayes reads nothing but terms' };
  const idle = (['l1Ratio', 'pieces'] as const).find((name) => settings[name] !== { l1Ratio: 0, pieces: 1 }[name]);
  return idle === undefined ? null : { name: idle, message: `must be ${idle === 'pieces' ? 1 : 0} beside naiveBayes` };
}

type Value = Parameters[string];

function complaintsOf(defaults: ModelSettings): (name: string, value: Value) => string | null {
  if (isLinear(defaults)) return linearComplaint;
  if (isForest(defaults)) return forestComplaint;
  if (isFactorization(defaults))
    return (name, value) => rangeComplaint(name, value, FACTORIZATION_RANGES, Object.keys(FACTORIZATION_RANGES));
  if (isNetwork(defaults)) return networkComplaint;
  return isXgboost(defaults) ? xgboostComplaint : gbmComplaint;
}

function linearComplaint(name: string, value: Value): string | null {
  if (name === 'naiveBayes') return choiceComplaint(value, NAIVE_BAYES_VARIANTS);
  if (name === 'holidays') return choiceComplaint(value, HOLIDAY_CALENDARS);
  return rangeComplaint(name, value, LINEAR_RANGES, [...Object.keys(LINEAR_RANGES), 'holidays']);
}

function networkComplaint(name: string, value: Value): string | null {
  if (name === 'holidays') return choiceComplaint(value, HOLIDAY_CALENDARS);
  return rangeComplaint(name, value, NETWORK_RANGES, [...Object.keys(NETWORK_RANGES), 'holidays']);
}

function forestComplaint(name: string, value: Value): string | null {
  const flags = ['randomThresholds', 'bootstrap'];
  if (flags.includes(name)) return flagComplaint(value);
  if (name === 'holidays') return choiceComplaint(value, HOLIDAY_CALENDARS);
  return rangeComplaint(name, value, FOREST_RANGES, [...flags, ...Object.keys(FOREST_RANGES), 'holidays']);
}

function xgboostComplaint(name: string, value: Value): string | null {
  if (isEncoding(name)) return encodingComplaint(name, value);
  return rangeComplaint(name, value, XGBOOST_RANGES, [...ENCODINGS, ...Object.keys(XGBOOST_RANGES)]);
}

function gbmComplaint(name: string, value: Value): string | null {
  if (name === 'boosting') return choiceComplaint(value, BOOSTING_KINDS);
  if (GBM_FLAGS.some((flag) => flag === name)) return flagComplaint(value);
  if (isEncoding(name)) return encodingComplaint(name, value);
  return rangeComplaint(name, value, GBM_RANGES, ['boosting', ...GBM_FLAGS, ...ENCODINGS, ...Object.keys(GBM_RANGES)]);
}

/** Parameters of all boosted trees that say how they read features. */
const ENCODINGS = ['categories', 'categoryCounts', 'holidays'] as const;
type EncodingName = (typeof ENCODINGS)[number];

const isEncoding = (name: string): name is EncodingName => ENCODINGS.some((one) => one === name);

function encodingComplaint(name: EncodingName, value: Value): string | null {
  if (name === 'categoryCounts') return flagComplaint(value);
  return choiceComplaint(value, name === 'holidays' ? HOLIDAY_CALENDARS : CATEGORY_ENCODINGS);
}

const flagComplaint = (value: Value): string | null => (typeof value === 'boolean' ? null : 'must be true or false');

const choiceComplaint = (value: Value, choices: readonly Value[]): string | null =>
  choices.includes(value) ? null : `must be one of ${choices.join(', ')}`;

function rangeComplaint(name: string, value: Value, ranges: Ranges, known: readonly string[]): string | null {
  const range = Object.hasOwn(ranges, name) ? ranges[name] : undefined;
  if (range === undefined) return `is not a parameter of this blueprint; known are ${known.join(', ')}`;
  const { min, max, integer } = range;
  const fits = typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value));
  return fits ? null : `must be ${integer ? 'an integer' : 'a number'} from ${min} to ${max}`;
}

/** True of boosting and networks, whose refits are averaged; forests average already, and linear models gain nothing by it. */
export const isAveraged = (settings: ModelSettings | null): settings is BoostedSettings | NetworkSettings =>
  settings !== null && (isNetwork(settings) || (isBoosted(settings) && !averagesTrees(settings)));

/** True if two fits of the same rows with other seeds are different models. */
const drawsRandomNumbers = (settings: BoostedSettings): boolean => usesRandomness(settings) || settings.rowFraction < 1;

/** True if refits are bagged: without random numbers, copies on the same rows would all be the same. */
export const isBagged = (settings: ModelSettings | null): settings is BoostedSettings =>
  isAveraged(settings) && isBoosted(settings) && !drawsRandomNumbers(settings);

/**
 * True if the engine draws random numbers, so that boosting in segments needs seeds of their own. Rows of XGBoost are drawn
 * outside of it, by iteration.
 */
export function usesRandomness(settings: BoostedSettings): boolean {
  if (isXgboost(settings)) return settings.featureFraction < 1;
  const { boosting, rowFraction, featureFraction, extraTrees } = settings;
  return boosting !== 'gbdt' || rowFraction < 1 || featureFraction < 1 || extraTrees;
}
