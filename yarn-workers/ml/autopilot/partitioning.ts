import {
  complaint,
  type ModellingFeature,
  type Partitioning,
  type PartitioningRequest,
  type TargetSpec,
  type ValidationMethod,
} from '#contracts';
import { namedPartitions, namesTrainingAndValidation } from '../partition/named.ts';
import { HOLDOUT } from '../partition/types.ts';
import { columnNamed, type PlanColumn } from './columns.ts';
import { quoted } from './quoted.ts';
import { DATE_FIELDS, datePartitioning } from './date-partitioning.ts';
import {
  CLASS_ROWS_MIN,
  CROSS_VALIDATION_CELLS_MAX,
  CROSS_VALIDATION_CELLS_PER_SECOND_MAX,
  DEFAULT_FOLDS,
  DEFAULT_HOLDOUT_FRACTION,
  DEFAULT_VALIDATION_FRACTION,
  HELD_BACK_PROBABILITIES_MAX,
  MODEL_ROWS_MIN,
  RANDOM_CLASS_ROWS_MIN,
} from './limits.ts';

/** What partitioning is decided from. */
export interface PartitioningFacts {
  readonly target: TargetSpec;
  readonly columns: ReadonlyMap<string, PlanColumn>;
  readonly rowCount: number;
  /** Features to be modelled. */
  readonly features: readonly ModellingFeature[];
  /** How many there are, to know how large the data is: a text counts as several. */
  readonly featureCount: number;
  readonly seed: number;
  /** Null without a time budget. */
  readonly timeBudgetMs: number | null;
}

/**
 * Partitioning with every default decided: stratified for classes, else random; 20 % holdout; five folds, or above
 * CROSS_VALIDATION_CELLS_MAX cells (or CROSS_VALIDATION_CELLS_PER_SECOND_MAX a second of the budget) one training/validation
 * split, which holds back less where there would be more than HELD_BACK_PROBABILITIES_MAX probabilities; by date three backtests, or one.
 *
 * @throws TOO_FEW_ROWS, TARGET_CLASS_TOO_SMALL, PARTITION_INVALID, FEATURE_UNKNOWN
 */
export function partitioningOf(request: PartitioningRequest | undefined, facts: PartitioningFacts): Partitioning {
  const asked: PartitioningRequest = request ?? { method: facts.target.classes.length > 0 ? 'stratified' : 'random' };
  if (facts.rowCount < MODEL_ROWS_MIN) {
    throw complaint(
      'TOO_FEW_ROWS',
      'datasetId',
      `the dataset has ${facts.rowCount} rows, modelling needs at least ${MODEL_ROWS_MIN}; add rows`,
    );
  }
  refuseMisfits(asked);
  if (asked.method === 'column') return named(asked, facts);
  if (asked.method === 'date')
    return datePartitioning(asked, columnOf(asked.column ?? '', facts), hasTimeForFolds(facts), facts);
  const partitioning = defaulted(asked, facts);
  checkRows(partitioning, facts);
  if (asked.method === 'group') checkGroups(partitioning, facts);
  else checkClasses(partitioning, facts);
  return partitioning;
}

function refuseMisfits(asked: PartitioningRequest): void {
  const refuse = (field: string, message: string) => complaint('PARTITION_INVALID', `partitioning.${field}`, message);
  for (const field of DATE_FIELDS) {
    if (asked[field] !== undefined && asked.method !== 'date')
      throw refuse(field, `has no meaning for the method ${asked.method}, only for date; leave it out`);
  }
  const needsColumn = asked.method === 'group' || asked.method === 'column' || asked.method === 'date';
  if (needsColumn && asked.column === undefined) throw refuse('column', `is required for the method ${asked.method}`);
  if (!needsColumn && asked.column !== undefined)
    throw refuse('column', `has no meaning for the method ${asked.method}; leave it out`);
  if (needsColumn && asked.duplicates !== undefined)
    throw refuse(
      'duplicates',
      `has no meaning for the method ${asked.method}, where the column parts the rows; leave it out, or use random or stratified`,
    );
  if (asked.method === 'date') return;
  if (asked.validation === 'tvh' && asked.folds !== undefined)
    throw refuse('folds', 'has no meaning with validation tvh; leave it out');
  if (asked.validation === 'cv' && asked.validationFraction !== undefined)
    throw refuse('validationFraction', 'has no meaning with validation cv; leave it out');
  if (asked.folds !== undefined && asked.validationFraction !== undefined)
    throw refuse('folds', 'and validationFraction exclude each other');
  if (asked.method === 'column') {
    for (const field of ['folds', 'holdoutFraction', 'validationFraction'] as const) {
      if (asked[field] !== undefined) throw refuse(field, 'is decided by the column’s values; leave it out');
    }
  }
}

function validationOf(asked: PartitioningRequest, facts: PartitioningFacts): ValidationMethod {
  if (asked.validation !== undefined) return asked.validation;
  if (asked.folds !== undefined) return 'cv';
  if (asked.validationFraction !== undefined) return 'tvh';
  return hasTimeForFolds(facts) ? 'cv' : 'tvh';
}

/** Whether the data is small enough, and the budget long enough, to fit every model several times. */
function hasTimeForFolds(facts: PartitioningFacts): boolean {
  const cells = facts.rowCount * Math.max(1, facts.featureCount);
  const inTime =
    facts.timeBudgetMs === null ? Infinity : (facts.timeBudgetMs / 1000) * CROSS_VALIDATION_CELLS_PER_SECOND_MAX;
  return cells <= Math.min(CROSS_VALIDATION_CELLS_MAX, inTime) && heldBackShare(facts) >= 1;
}

/** The part of the rows of a multiclass target whose probabilities are few enough to be held back; above 1 where all are. */
function heldBackShare({ target, rowCount }: PartitioningFacts): number {
  if (target.targetType !== 'multiclass') return Infinity;
  return HELD_BACK_PROBABILITIES_MAX / (rowCount * target.classes.length);
}

function defaulted(asked: PartitioningRequest, facts: PartitioningFacts): Partitioning {
  const validation = validationOf(asked, facts);
  // Regression has no classes to stratify by.
  const method = asked.method === 'stratified' && facts.target.classes.length === 0 ? 'random' : asked.method;
  const column = asked.column ?? null;
  if (column !== null) columnOf(column, facts);
  const held = DEFAULT_HOLDOUT_FRACTION + DEFAULT_VALIDATION_FRACTION;
  // Two numbers of few digits are easier to read in a plan.
  const shrunk = (fraction: number): number =>
    validation === 'tvh' && heldBackShare(facts) < held
      ? Number(((fraction * heldBackShare(facts)) / held).toPrecision(2))
      : fraction;
  return {
    method,
    validation,
    folds: validation === 'cv' ? (asked.folds ?? DEFAULT_FOLDS) : 1,
    validationFraction: validation === 'tvh' ? (asked.validationFraction ?? shrunk(DEFAULT_VALIDATION_FRACTION)) : null,
    holdoutFraction: asked.holdoutFraction ?? shrunk(DEFAULT_HOLDOUT_FRACTION),
    column,
    seed: facts.seed,
    ...(asked.duplicates === undefined
      ? {}
      : { duplicates: { features: facts.features.map(({ name, type }) => ({ name, type })) } }),
  };
}

function columnOf(name: string, { columns, target }: PartitioningFacts): PlanColumn {
  const field = 'partitioning.column';
  const column = columnNamed(columns, name, field);
  if (name === target.name)
    throw complaint('PARTITION_INVALID', field, `${quoted(name)} is the target; use another column`);
  return column;
}

function checkRows({ validation, folds, holdoutFraction }: Partitioning, { rowCount }: PartitioningFacts): void {
  const rest = rowCount - Math.round(rowCount * holdoutFraction);
  if (validation === 'cv' && rest < 2 * folds) {
    throw complaint(
      'TOO_FEW_ROWS',
      'partitioning.folds',
      `${folds} folds of ${rest} rows outside the holdout leave less than 2 rows a fold; use fewer folds or add rows`,
    );
  }
}

function checkGroups(partitioning: Partitioning, facts: PartitioningFacts): void {
  const { profile } = columnOf(partitioning.column ?? '', facts);
  const partitions =
    (partitioning.validation === 'cv' ? partitioning.folds : 2) + (partitioning.holdoutFraction > 0 ? 1 : 0);
  const groups = profile.uniqueCount + profile.missingCount;
  if (groups >= partitions || profile.uniqueIsEstimate) return;
  throw complaint(
    'PARTITION_INVALID',
    'partitioning.column',
    `${quoted(profile.name)} has ${groups} groups, expected at least ${partitions}, one a partition; use fewer folds, no holdout or another column`,
  );
}

function checkClasses({ method }: Partitioning, { target }: PartitioningFacts): void {
  const needed = method === 'random' ? RANDOM_CLASS_ROWS_MIN : CLASS_ROWS_MIN;
  const small = target.classes.find(({ rowCount }) => rowCount < needed);
  if (small === undefined) return;
  const remedy =
    small.rowCount < CLASS_ROWS_MIN
      ? 'remove or merge the class'
      : 'use partitioning.method stratified, or remove or merge the class';
  const rows = small.rowCount === 1 ? '1 row' : `${small.rowCount} rows`;
  throw complaint(
    'TARGET_CLASS_TOO_SMALL',
    'target',
    `class ${quoted(small.label)} has ${rows}, ${method} partitioning needs at least ${needed}; ${remedy}`,
  );
}

/** `column`: folds and fractions are what the column's values say. */
function named(asked: PartitioningRequest, facts: PartitioningFacts): Partitioning {
  const name = asked.column ?? '';
  const { distinctValues, profile } = columnOf(name, facts);
  const refuse = (message: string) => complaint('PARTITION_INVALID', 'partitioning.column', message);
  if (profile.missingCount > 0)
    throw refuse(`${quoted(name)} is missing in ${profile.missingCount} rows; fill it in or use another column`);
  if (distinctValues === null)
    throw refuse(`${quoted(name)} has ${profile.uniqueCount} or so values; use a column with one value a partition`);
  const values = distinctValues.map(({ value }) => value);
  const validation = asked.validation ?? (namesTrainingAndValidation(values) ? 'tvh' : 'cv');
  const { partitionOf, foldCount } = namedPartitions(values, validation, name);
  const fractionOf = (partition: number): number =>
    distinctValues.reduce((sum, { count }, index) => sum + (partitionOf[index] === partition ? count : 0), 0) /
    facts.rowCount;
  return {
    method: 'column',
    validation,
    folds: foldCount,
    validationFraction: validation === 'tvh' ? fractionOf(0) : null,
    holdoutFraction: fractionOf(HOLDOUT),
    column: name,
    seed: facts.seed,
  };
}
