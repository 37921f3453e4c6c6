import {
  METRIC_FACTS,
  complaint,
  type MetricName,
  type TargetSpec,
  type TargetType,
  type ValueCount,
} from '#contracts';
import { categoryKey, parseNumber } from '#scoring';
import { defaultMetric, metricsFor } from '#statistics';
import { compareCodePoints, inTextOrder } from '../text-order.ts';
import type { PlanColumn } from './columns.ts';
import { quoted } from './quoted.ts';
import { CLASSES_MAX } from './limits.ts';
import type { AutopilotRequest } from './request.ts';

type TargetClass = TargetSpec['classes'][number];

/**
 * The target: its type, classes in class order (ascending if all are numbers, else by code points) and positive class
 * (the last unless named). Numerically equal spellings are one class, named by the first one seen.
 *
 * @throws TARGET_CONSTANT, TARGET_HAS_MISSING, TARGET_NOT_FINITE, TARGET_TYPE_MISMATCH, VALIDATION_FAILED
 */
export function targetSpecOf(request: AutopilotRequest, target: PlanColumn): TargetSpec {
  const { name, missingCount, uniqueCount, infiniteCount } = target.profile;
  if (uniqueCount === 0)
    throw complaint('TARGET_CONSTANT', 'target', `${quoted(name)} has no values at all; choose another target`);
  if (missingCount > 0) {
    throw complaint(
      'TARGET_HAS_MISSING',
      'target',
      `${quoted(name)} is missing in ${missingCount} rows; remove these rows and add a new dataset version`,
    );
  }
  if (infiniteCount > 0) {
    throw complaint(
      'TARGET_NOT_FINITE',
      'target',
      `${quoted(name)} is infinite in ${infiniteCount} rows; correct or remove them and add a new dataset version`,
    );
  }
  const isNumeric = target.column.parse.kind === 'number';
  const classes = classesOf(target);
  if (classes?.length === 1) {
    throw complaint(
      'TARGET_CONSTANT',
      'target',
      `${quoted(name)} has only the value ${quoted(classes[0]?.label ?? '')}; choose a target with at least two`,
    );
  }
  const targetType = request.targetType ?? (classes?.length === 2 ? 'binary' : isNumeric ? 'regression' : 'multiclass');
  if (targetType === 'regression') return regression(request, target, isNumeric);
  const known = checkedClasses(target, classes, targetType);
  return {
    name,
    targetType,
    classes: known,
    positiveClass: targetType === 'binary' ? positiveIndex(request, known) : refusePositive(request),
  };
}

function regression(request: AutopilotRequest, { profile }: PlanColumn, isNumeric: boolean): TargetSpec {
  if (!isNumeric) {
    throw complaint(
      'TARGET_TYPE_MISMATCH',
      'targetType',
      `regression needs numbers, but ${quoted(profile.name)} is ${profile.type}; choose binary or multiclass, or another target`,
    );
  }
  // LightGBM keeps labels in single precision.
  const largest = Math.max(Math.abs(profile.min ?? 0), Math.abs(profile.max ?? 0));
  if (largest > LABEL_MAX) {
    throw complaint(
      'TARGET_NOT_FINITE',
      'target',
      `${quoted(profile.name)} has values up to ${largest}, at most ${LABEL_MAX} can be modelled; use a smaller unit`,
    );
  }
  const apart = 2 ** (Math.floor(Math.log2(largest)) - SINGLE_BITS);
  const spread = profile.std ?? 0;
  if (spread > 0 && apart > STEP_OF_SPREAD_MAX * spread) {
    throw complaint(
      'VALIDATION_FAILED',
      'target',
      `${quoted(profile.name)} has values up to ${largest} that differ by ${spread.toPrecision(3)} only (standard deviation), which single precision, that trees read, cannot tell apart; subtract a constant from the column, such as its smallest value ${profile.min ?? 0}`,
    );
  }
  return { name: profile.name, targetType: 'regression', classes: [], positiveClass: refusePositive(request) };
}

/** Bits behind the first one of a number of single precision. @see IEEE 754, binary32 */
const SINGLE_BITS = 23;
/** So large a part of its standard deviation a target may lose by rounding to single precision. */
const STEP_OF_SPREAD_MAX = 0.01;

/** Largest magnitude of a regression target: well inside single precision, squares included. */
const LABEL_MAX = 1e18;

function refusePositive(request: AutopilotRequest): null {
  if (request.positiveClass === undefined) return null;
  throw complaint('VALIDATION_FAILED', 'positiveClass', 'has a meaning for a binary target only; leave it out');
}

function checkedClasses({ profile }: PlanColumn, classes: TargetClass[] | null, targetType: TargetType): TargetClass[] {
  const field = 'targetType';
  const finding = `${quoted(profile.name)} has ${classes === null ? `${profile.uniqueCount} or so` : classes.length} values`;
  if (classes === null || classes.length > CLASSES_MAX) {
    throw complaint(
      'TARGET_TYPE_MISMATCH',
      field,
      `${finding}, a classification target at most ${CLASSES_MAX}; choose regression or another target`,
    );
  }
  if (targetType === 'binary' && classes.length !== 2) {
    throw complaint(
      'TARGET_TYPE_MISMATCH',
      field,
      `${finding}, a binary target has two; choose multiclass or another target`,
    );
  }
  return classes;
}

/** Classes in class order, or null when there are too many values to know them all. */
export function classesOf({ column, distinctValues }: PlanColumn): TargetClass[] | null {
  if (distinctValues === null) return null;
  const allNumbers = distinctValues.every(({ value }) => !Number.isNaN(parseNumber(value)));
  const rule = column.parse.kind === 'category' ? column.parse.keyRule : 'text';
  const keyOf = (text: string): string => categoryKey(text, allNumbers ? 'number' : rule);
  const byKey = new Map<string, { label: string; texts: string[]; rowCount: number }>();
  for (const { value, count } of distinctValues) {
    const key = keyOf(value);
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, { label: value, texts: [value], rowCount: count });
    else {
      known.texts.push(value);
      known.rowCount += count;
    }
  }
  const order = inTextOrder([...byKey.values()].map(({ label }) => label));
  const place = new Map(order.map((label, index) => [label, index]));
  return [...byKey.values()].sort(
    (a, b) => (place.get(a.label) ?? 0) - (place.get(b.label) ?? 0) || compareCodePoints(a.label, b.label),
  );
}

/** The class that `positiveClass` names. */
function positiveIndex({ positiveClass }: AutopilotRequest, classes: readonly TargetClass[]): number {
  if (positiveClass === undefined) return classes.length - 1;
  const text = String(positiveClass);
  const index = classNamed(classes, text);
  if (index !== null) return index;
  const labels = classes.map(({ label }) => quoted(label)).join(' or ');
  throw complaint('VALIDATION_FAILED', 'positiveClass', `must be ${labels}; found ${quoted(text)}`);
}

/** The class that a text names: by exact text first, then as a number or boolean; null: none. */
export function classNamed(classes: readonly TargetClass[], text: string): number | null {
  const matches: ((candidate: string) => boolean)[] = [
    (candidate) => candidate === text,
    (candidate) => categoryKey(candidate, 'number') === categoryKey(text, 'number'),
    (candidate) => categoryKey(candidate, 'boolean') === categoryKey(text, 'boolean'),
  ];
  for (const isMatch of matches) {
    const index = classes.findIndex(({ texts }) => texts.some(isMatch));
    if (index >= 0) return index;
  }
  return null;
}

/**
 * The metric, the default if none is named.
 *
 * @throws METRIC_MISMATCH when it has no meaning for the target type or for these target values
 */
export function metricOf(request: AutopilotRequest, target: PlanColumn, targetType: TargetType): MetricName {
  const { metric } = request;
  if (metric === undefined) return defaultMetric(targetType);
  if (!METRIC_FACTS[metric].targetTypes.includes(targetType)) {
    throw complaint(
      'METRIC_MISMATCH',
      'metric',
      `${metric} has no meaning for a ${targetType} target; use one of ${metricsFor(targetType).join(', ')}`,
    );
  }
  const min = target.profile.min ?? 0;
  const finding = `${quoted(target.profile.name)} goes down to ${min}`;
  const needs = (holds: boolean, need: string): void => {
    if (!holds)
      throw complaint(
        'METRIC_MISMATCH',
        'metric',
        `${metric} needs ${need} target values, but ${finding}; use rmse, mae or r2`,
      );
  };
  if (metric === 'gammaDeviance') needs(min > 0, 'positive');
  if (metric === 'poissonDeviance' || metric === 'tweedieDeviance' || metric === 'rmsle')
    needs(min >= 0, 'non-negative');
  if (metric === 'mape') {
    const hasZero = target.distinctValues?.some(({ value }: ValueCount) => parseNumber(value) === 0) ?? false;
    if (hasZero)
      throw complaint(
        'METRIC_MISMATCH',
        'metric',
        `mape is not defined where the target is 0, and ${quoted(target.profile.name)} has zeros; use mae or rmse`,
      );
  }
  return metric;
}

/** The median. */
const DEFAULT_QUANTILE = 0.5;

/** The target with the level that the metric asks for. @throws VALIDATION_FAILED for a level without the metric */
export function withQuantile({ quantile }: AutopilotRequest, target: TargetSpec, metric: MetricName): TargetSpec {
  if (metric === 'quantileLoss') return { ...target, quantile: quantile ?? DEFAULT_QUANTILE };
  if (quantile === undefined) return target;
  throw complaint(
    'VALIDATION_FAILED',
    'quantile',
    `has a meaning with metric quantileLoss only; found metric ${metric}`,
  );
}
