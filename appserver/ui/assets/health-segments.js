// Predictions of a deployment by the levels of a feature.

import { bucketName, nothingYet, overTime } from './buckets.js';
import { figure, plot, rangeOf, SERIES } from './charts.js';
import { addressOf, facts, make, number, percent, table } from './dom.js';
import { driftTag } from './drift.js';

/** Levels that are drawn; the table has all. */
const DRAWN_MAX = 20;
/** Levels with a line of their own over time. */
const LINES_MAX = 5;

const levelName = ({ kind, level }) => level ?? { others: 'all others', missing: 'missing' }[kind];

const BESIDE = { before: 'itself before', deployment: 'all others now' };

/** Shares of the levels, of training and now. */
function sharesChart(feature, data) {
  const rows = data.slice(0, DRAWN_MAX);
  const bars = (of, from) => rows.map((row, at) => [at + from, at + from + 0.4, of(row) ?? 0]);
  return plot({
    title: `${feature}: training and now`,
    description: 'Shares of rows by level, of training and of predictions.',
    x: { label: feature, range: [-0.5, rows.length - 0.5], names: rows.map(levelName) },
    y: {
      label: 'Share of rows',
      range: rangeOf(
        rows.flatMap(({ share, trainingShare }) => [share, trainingShare]),
        { from: 0 },
      ),
    },
    series: [
      { kind: 'bars', name: 'training', className: 'soft', data: bars(({ trainingShare }) => trainingShare, -0.4) },
      { kind: 'bars', name: 'now', data: bars(({ share }) => share, 0) },
    ],
  });
}

/** What was predicted, in a word. */
function predictedColumns({ targetType }) {
  const before = ({ heldBack }) => number(heldBack?.meanPredicted, 3);
  if (targetType === 'regression')
    return [
      ['Mean', ({ predictions }) => number(predictions.mean, 4), 'number'],
      ['in training', before, 'number'],
    ];
  const topClass = ({ predictions: { classCounts }, eventCount }) => {
    const [first] = [...(classCounts ?? [])].sort((a, b) => b.count - a.count);
    return first === undefined || eventCount === 0 ? '–' : `${first.label}, ${percent(first.count / eventCount)}`;
  };
  return [
    ['Predicted most', topClass, 'name'],
    ['Mean probability', ({ predictions }) => number(predictions.meanProbability, 3), 'number'],
    ['in training', before, 'number'],
  ];
}

/** The mean prediction of the levels with most predictions, over time. */
function timeChart({ feature, targetType, data, bucket }) {
  const drawn = data.filter(({ eventCount }) => eventCount > 0).slice(0, LINES_MAX);
  const label = targetType === 'regression' ? 'Mean' : 'Mean probability';
  const buckets = drawn[0].overTime.map(({ from }, index) => ({
    from,
    levels: drawn.map((one) => one.overTime[index]),
  }));
  const meanOf = (place) => (entry) => entry.levels[place].meanPredicted;
  const numbers = table(
    buckets.filter(({ levels }) => levels.some(({ eventCount }) => eventCount > 0)),
    [
      ['From', (entry) => bucketName(entry.from, bucket)],
      ...drawn.map((one, place) => [levelName(one), (entry) => number(meanOf(place)(entry), 3), 'number']),
    ],
    'No predictions.',
  );
  return overTime({
    ...{ title: `${label} by ${feature} over time`, description: `${label} of predictions by level and time.` },
    ...{ label, data: buckets, bucket, numbers },
    series: drawn.map((one, place) => ({
      ...{ kind: 'line', name: levelName(one), className: SERIES[place], valueOf: meanOf(place) },
    })),
    caption: 'Levels with most predictions.',
  });
}

/** Choice between the features of the deployment; another one is another address. */
function featureChoice({ features, feature }, parameters) {
  const select = make(
    'select',
    {},
    ...features.map((name) => make('option', { value: name, selected: name === feature }, name)),
  );
  select.addEventListener('change', () => {
    location.hash = addressOf({ ...parameters, feature: select.value });
  });
  return make('div', { className: 'controls' }, make('label', {}, 'Feature ', select));
}

/** @param segments the answer of `segments` */
export function segmentsView(segments, parameters) {
  const { feature, eventCount, data, metric } = segments;
  if (feature === null)
    return [
      nothingYet(
        'No segments: name up to three categories of the model, such as a country, in settings.segments (PATCH /deployments/ID). Predictions are counted by their levels from then on.',
      ),
    ];
  const choice = featureChoice(segments, parameters);
  if (eventCount === 0)
    return [choice, nothingYet(`No prediction of this model in this time that was counted by ${feature}.`)];
  const moved = data.filter(({ drift }) => drift.drift === 'large' || drift.drift === 'moderate');
  const rows = table(
    data,
    [
      [feature, levelName, 'name'],
      ['Predictions', (entry) => number(entry.eventCount), 'number'],
      ['Share', (entry) => percent(entry.share), 'number'],
      ['Training', (entry) => percent(entry.trainingShare), 'number'],
      ...predictedColumns(segments),
      ['Drift', (entry) => driftTag(entry.drift.drift)],
      ['Index', (entry) => number(entry.drift.psi, 3), 'number'],
      ['By chance', (entry) => number(entry.drift.psiByChance, 3), 'number'],
      ['Beside', (entry) => BESIDE[entry.drift.baseline] ?? '–'],
      ['Outcomes', ({ accuracy }) => number(accuracy.actualCount), 'number'],
      [metric, ({ accuracy }) => number(accuracy.metrics[metric], 4, 4), 'number'],
      [`${metric}, training`, ({ heldBack }) => number(heldBack?.score, 4, 4), 'number'],
      ['Accuracy, expected', ({ accuracy }) => percent(accuracy.estimated?.accuracy), 'number'],
    ],
    'No levels.',
  );
  return [
    choice,
    facts([
      ['Predictions', number(eventCount)],
      ['Levels whose predictions have moved', moved.length === 0 ? 'none' : moved.map(levelName).join(', ')],
    ]),
    make('div', { className: 'scroll tall' }, rows),
    figure(
      sharesChart(feature, data),
      'Drift is of what was predicted for rows of the level: beside itself in the time before, as long, or, where there is none, beside all other predictions now: that is how it differs, and no drift.',
      make('p', { className: 'hint' }, 'In the table above.'),
    ),
    timeChart(segments),
  ];
}
