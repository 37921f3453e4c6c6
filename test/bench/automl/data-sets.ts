import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { MetricName, TargetType } from '#contracts';
import { computeMetrics, type MetricInput } from '#statistics';
import { csvRecords } from '../../support/api.ts';

/** The metrics of `manifest.json` by our names. */
const METRICS: Readonly<Record<string, MetricName>> = { auc: 'auc', rmse: 'rmse', logloss: 'logLoss' };

interface ManifestEntry {
  readonly name: string;
  readonly task: TargetType;
  readonly target: string;
  readonly metric: string;
  readonly positive_class?: string | number;
}

/** A data set with what its test rows hold. */
export interface BenchSet {
  readonly name: string;
  readonly targetType: TargetType;
  readonly target: string;
  readonly metric: MetricName;
  readonly positiveClass: string | null;
  /** Texts of the classes in one order for all systems; empty for regression. */
  readonly classes: readonly string[];
  /** The target's cells of the test rows. */
  readonly actual: readonly string[];
  /** Of `train` and `test`. */
  readonly file: (name: 'train.csv.gz' | 'test.csv.gz' | 'train.parquet' | 'test.parquet') => string;
}

/** What a system said of the test rows: for each class its probabilities, or the one column `prediction`. */
export type PredictedColumns = ReadonlyMap<string, Float64Array>;

/** The sets of a folder, all or those named. @throws Error for a name that is not there */
export function benchSets(folder: string, only: readonly string[]): BenchSet[] {
  // The cast holds: the folder's README describes this shape.
  const { datasets } = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as {
    datasets: ManifestEntry[];
  };
  for (const name of only)
    if (!datasets.some((entry) => entry.name === name)) throw new Error(`${folder} has no data set ${name}`);
  return datasets
    .filter(({ name }) => only.length === 0 || only.includes(name))
    .map((entry) => {
      const file: BenchSet['file'] = (name) => path.join(folder, entry.name, name);
      const actual = cellsOf(file('test.csv.gz'), entry.target);
      const isRegression = entry.task === 'regression';
      const labels = isRegression ? [] : [...new Set([...actual, ...cellsOf(file('train.csv.gz'), entry.target)])];
      return {
        name: entry.name,
        targetType: entry.task,
        target: entry.target,
        metric: METRICS[entry.metric] ?? 'logLoss',
        positiveClass: entry.positive_class === undefined ? null : String(entry.positive_class),
        classes: labels.sort(),
        actual,
        file,
      };
    });
}

function cellsOf(file: string, column: string): string[] {
  const [names = [], ...rows] = csvRecords(gunzipSync(readFileSync(file)).toString('utf8'));
  const at = names.indexOf(column);
  return rows.map((row) => row[at] ?? '');
}

/** Reads what a system wrote. @throws Error where rows or columns are missing */
export function predictedColumns(set: BenchSet, text: string, nameOf = (label: string) => label): PredictedColumns {
  const [names = [], ...rows] = csvRecords(text);
  if (rows.length !== set.actual.length)
    throw new Error(`${set.name}: ${rows.length} predictions of ${set.actual.length} rows`);
  const wanted = set.classes.length === 0 ? ['prediction'] : set.classes.map(nameOf);
  return new Map(
    wanted.map((name, index) => {
      const at = names.indexOf(name);
      if (at < 0) throw new Error(`${set.name}: there is no column ${name} among ${names.join(', ')}`);
      return [set.classes[index] ?? name, Float64Array.from(rows, (row) => Number(row[at]))];
    }),
  );
}

/**
 * The set's metric of some of its test rows. Probabilities are clipped by the metric as it defines them.
 *
 * @param rows indices, which may repeat
 */
export function scoreOf(set: BenchSet, predicted: PredictedColumns, rows: Uint32Array): number {
  const value = computeMetrics([set.metric], inputOf(set, predicted, rows))[set.metric];
  return value ?? NaN;
}

function inputOf(set: BenchSet, predicted: PredictedColumns, rows: Uint32Array): MetricInput {
  const pick = (name: string): Float64Array => {
    const values = predicted.get(name) ?? new Float64Array(0);
    return Float64Array.from(rows, (row) => values[row] ?? NaN);
  };
  const { targetType, classes, actual, positiveClass } = set;
  if (targetType === 'regression')
    return {
      targetType,
      actual: Float64Array.from(rows, (row) => Number(actual[row])),
      predicted: pick('prediction'),
    };
  const index = new Map(classes.map((label, at) => [label, at]));
  const truth = Int32Array.from(rows, (row) => index.get(actual[row] ?? '') ?? -1);
  if (targetType === 'binary') {
    const positive = positiveClass ?? classes[1] ?? '';
    return {
      targetType,
      actual: truth,
      positiveClass: index.get(positive) ?? 1,
      probability: pick(positive),
      threshold: 0.5,
    };
  }
  const probabilities = new Float64Array(rows.length * classes.length);
  for (const [at, label] of classes.entries())
    for (const [row, value] of pick(label).entries()) probabilities[row * classes.length + at] = value;
  return { targetType, actual: truth, classCount: classes.length, probabilities };
}
