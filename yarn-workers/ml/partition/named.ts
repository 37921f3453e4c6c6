import { AppError, type Partitioning, type ValidationMethod } from '#contracts';
import { inTextOrder } from '../text-order.ts';
import { HOLDOUT, TRAINING, type KeyColumn } from './types.ts';

/** More folds than anybody asks for; a column with more values is no partition column. */
export const NAMED_FOLDS_MAX = 20;
const invalid = (message: string): AppError =>
  new AppError('PARTITION_INVALID', message, { errors: [{ path: '/partitioning/column', message }] });
/** Values that a message lists at most. */
const VALUES_NAMED_MAX = 10;

/** What a partition column's values mean. */
export interface NamedPartitions {
  /** Partition of each value, by its index in the values given. */
  readonly partitionOf: Int8Array;
  readonly foldCount: number;
  readonly hasHoldout: boolean;
}

const TVH_NAMES: Readonly<Record<string, number>> = {
  training: TRAINING,
  train: TRAINING,
  validation: 0,
  valid: 0,
  holdout: HOLDOUT,
  test: HOLDOUT,
};

const tvhPartition = (value: string): number | undefined => {
  const name = value.trim().toLowerCase();
  return Object.hasOwn(TVH_NAMES, name) ? TVH_NAMES[name] : undefined;
};

/** True if the values are the names of a training/validation/holdout split, with training and validation among them. */
export function namesTrainingAndValidation(values: readonly string[]): boolean {
  const partitions = values.map(tvhPartition);
  return !partitions.includes(undefined) && partitions.includes(TRAINING) && partitions.includes(0);
}

/**
 * Reads a partition column's distinct values. `tvh`: `training` or `train`, `validation` or `valid`, and, if wanted,
 * `holdout` or `test`, in any case. `cv`: every value is a fold, numbered in the order of values (numeric if all are
 * numbers, else by code points), except that `holdout` (any case) is the holdout.
 *
 * @throws PARTITION_INVALID naming the values found
 */
export function namedPartitions(
  values: readonly string[],
  validation: ValidationMethod,
  column: string,
): NamedPartitions {
  const found = `partitioning.column ${JSON.stringify(column)} has the values ${listOf(values)}`;
  if (validation === 'tvh') {
    const partitionOf = Int8Array.from(values, (value) => {
      const partition = tvhPartition(value);
      if (partition === undefined) {
        throw invalid(
          `${found}; ${JSON.stringify(value)} is none of training, validation, holdout; name the partitions so`,
        );
      }
      return partition;
    });
    if (!partitionOf.includes(TRAINING) || !partitionOf.includes(0)) {
      throw invalid(`${found}; expected both training and validation`);
    }
    return { partitionOf, foldCount: 1, hasHoldout: partitionOf.includes(HOLDOUT) };
  }
  const isHoldout = (value: string): boolean => value.trim().toLowerCase() === 'holdout';
  const folds = inTextOrder(values.filter((value) => !isHoldout(value)));
  if (folds.length < 2 || folds.length > NAMED_FOLDS_MAX) {
    throw invalid(`${found}; expected 2 to ${NAMED_FOLDS_MAX} folds beside holdout`);
  }
  const partitionOf = Int8Array.from(values, (value) => (isHoldout(value) ? HOLDOUT : folds.indexOf(value)));
  return { partitionOf, foldCount: folds.length, hasHoldout: folds.length < values.length };
}

/**
 * The partition of each row as its column names it.
 *
 * @throws PARTITION_INVALID on a missing value, an unknown name, or another number of folds than planned
 */
export function foldsOfColumn(partitioning: Partitioning, key: KeyColumn): Int8Array {
  const missing = key.codes.indexOf(-1);
  if (missing >= 0) {
    throw invalid(
      `partitioning.column ${JSON.stringify(key.name)} has no value in row ${missing}; fill it in or use another column`,
    );
  }
  const named = namedPartitions(key.keys, partitioning.validation, key.name);
  if (partitioning.validation === 'cv' && named.foldCount !== partitioning.folds) {
    throw invalid(
      `partitioning.column ${JSON.stringify(key.name)} names ${named.foldCount} folds, expected ${partitioning.folds}`,
    );
  }
  return Int8Array.from(key.codes, (code) => named.partitionOf[code] ?? HOLDOUT);
}

function listOf(values: readonly string[]): string {
  const shown = values.slice(0, VALUES_NAMED_MAX).map((value) => JSON.stringify(value.slice(0, 40)));
  return values.length > shown.length
    ? `${shown.join(', ')} and ${values.length - shown.length} more`
    : shown.join(', ');
}
