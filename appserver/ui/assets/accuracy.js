// Predictions of a deployment beside what came true.

import { bucketName, nothingYet, overTime } from './buckets.js';
import { facts, make, number, percent, table } from './dom.js';

const estimateText = (estimated) =>
  estimated === null ? '–' : `${percent(estimated.accuracy)} ± ${percent(1.96 * estimated.standardError)}`;

/** Metrics of training, which were of held-back rows, and now. */
function metricsTable({ metric, metrics, training }) {
  const names = [...new Set([...Object.keys(metrics ?? {}), ...Object.keys(training?.metrics ?? {})])].sort(
    (a, b) => Number(b === metric) - Number(a === metric) || a.localeCompare(b),
  );
  return table(
    names,
    [
      [
        'Metric',
        (name) => (name === metric ? make('span', {}, name, ' ', make('span', { className: 'tag' }, 'ranks')) : name),
      ],
      ['Held-back rows of training', (name) => number(training?.metrics[name], 4, 4), 'number'],
      ['Now', (name) => number(metrics?.[name], 4, 4), 'number'],
    ],
    'No metrics.',
  );
}

/** @param accuracy the answer of `accuracy` */
export function accuracyView(accuracy) {
  const { predictionCount, actualCount, estimated, metric, data, bucket, training } = accuracy;
  const told = facts([
    ['Predictions with an id', number(predictionCount)],
    ['of which the outcome is known', number(actualCount)],
    ...(estimated === null ? [] : [['Accuracy by the probabilities alone', estimateText(estimated)]]),
  ]);
  if (actualCount === 0)
    return [
      told,
      nothingYet(
        predictionCount === 0
          ? 'Rows with an associationId can be held against their outcomes: POST /deployments/ID/actuals, or trainyard deployments actuals.'
          : 'No outcome is known yet: POST /deployments/ID/actuals, or trainyard deployments actuals.',
      ),
    ];
  const numbers = table(
    data.filter((entry) => entry.predictionCount > 0),
    [
      ['From', (entry) => bucketName(entry.from, bucket)],
      ['Predictions', (entry) => number(entry.predictionCount), 'number'],
      ['Outcomes', (entry) => number(entry.actualCount), 'number'],
      [metric, (entry) => number(entry.metrics?.[metric], 4, 4), 'number'],
      ['Accuracy, estimated', (entry) => estimateText(entry.estimated), 'number'],
    ],
    'No predictions.',
  );
  const before = training?.metrics[metric] ?? null;
  return [
    told,
    make('div', { className: 'scroll' }, metricsTable(accuracy)),
    overTime({
      ...{ title: `${metric} over time`, description: `${metric} of predictions whose outcome is known, by time.` },
      ...{ label: metric, data, bucket, numbers },
      series: [
        { kind: 'line', name: 'now', valueOf: (entry) => entry.metrics?.[metric] ?? null },
        { kind: 'dashes', name: 'held-back rows of training', className: 'soft', valueOf: () => before },
      ],
      caption: 'By the time of the prediction, not of its outcome: what came late is where it belongs.',
    }),
  ];
}
