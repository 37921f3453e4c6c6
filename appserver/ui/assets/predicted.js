// What a deployment has predicted in the course of time.

import { bucketName, nothingYet, overTime } from './buckets.js';
import { SERIES } from './charts.js';
import { facts, number, table } from './dom.js';

/** Classes that are drawn; the table has all. */
const CLASSES_MAX = SERIES.length;

const sumOf = (models, of) => models.reduce((sum, model) => sum + of(model), 0);

/** Mean over the models of a bucket, by their events; null without. */
const meanOf = (entry, of) =>
  entry.eventCount === 0 ? null : sumOf(entry.models, (model) => of(model) * model.eventCount) / entry.eventCount;

/** Columns of the classes of a target, largest first. */
function classSeries(data) {
  const counts = new Map();
  for (const { models } of data)
    for (const { classCounts } of models)
      for (const { label, count } of classCounts ?? []) counts.set(label, (counts.get(label) ?? 0) + count);
  const labels = [...counts].sort(([, a], [, b]) => b - a).map(([label]) => label);
  const countOf = (label) => (entry) =>
    sumOf(entry.models, ({ classCounts }) => classCounts?.find((one) => one.label === label)?.count ?? 0);
  return labels.map((label) => ({ label, countOf: countOf(label) }));
}

function numberSeries() {
  const quantile = (name) => (entry) => meanOf(entry, ({ quantiles }) => quantiles?.[name] ?? NaN);
  return [
    { kind: 'line', name: 'median', valueOf: quantile('p50') },
    { kind: 'dashes', name: '5 %', className: 'soft', valueOf: quantile('p5') },
    { kind: 'dashes', name: '95 %', className: 'soft', valueOf: quantile('p95') },
  ];
}

/** @param predictions the answer of `predictions-over-time` */
export function predictedView(predictions) {
  const { eventCount, data, bucket, targetType } = predictions;
  if (eventCount === 0) return [nothingYet('No prediction in this time, or none was told: see the telemetry above.')];
  const models = new Set(data.flatMap((entry) => entry.models.map(({ modelId }) => modelId)));
  const isNumber = targetType === 'regression';
  const classes = isNumber ? [] : classSeries(data);
  const shares = classes.slice(0, CLASSES_MAX).map(({ label, countOf }, index) => ({
    ...{ kind: 'line', name: label, className: SERIES[index] },
    valueOf: (entry) => (entry.eventCount === 0 ? null : countOf(entry) / entry.eventCount),
  }));
  const series = isNumber ? numberSeries() : shares;
  const numbers = table(
    data.filter((entry) => entry.eventCount > 0),
    [
      ['From', (entry) => bucketName(entry.from, bucket)],
      ['Predictions', (entry) => number(entry.eventCount), 'number'],
      ...(isNumber
        ? [['Mean', (entry) => number(meanOf(entry, ({ mean }) => mean ?? NaN)), 'number']]
        : classes.map(({ label, countOf }) => [label, (entry) => number(countOf(entry)), 'number'])),
    ],
    'No predictions.',
  );
  return [
    facts([
      ['Predictions', number(eventCount)],
      ['Models that made them', number(models.size)],
    ]),
    overTime({
      ...{ title: 'Number of predictions', description: 'Predictions by time.', label: 'Predictions' },
      ...{ data, bucket, numbers },
      series: [{ kind: 'bars', valueOf: (entry) => entry.eventCount }],
      caption: 'Rows, of requests that succeeded.',
    }),
    overTime({
      ...{
        title: 'What was predicted',
        description: isNumber ? 'Predicted values by time.' : 'Shares of predicted classes by time.',
      },
      ...{
        label: isNumber ? 'Predicted value' : 'Share of predictions',
        data,
        bucket,
        numbers: numbers.cloneNode(true),
        series,
      },
      ...(isNumber ? { from: undefined } : {}),
      caption: isNumber
        ? 'Quantiles of sketches: ranks within 2.1 %.'
        : classes.length > CLASSES_MAX
          ? `The ${CLASSES_MAX} most frequent classes; the table has all.`
          : 'All models of the deployment together.',
    }),
  ];
}
