// What a deployment is asked and answers now, beside what its model was trained on.

import { bucketName, nothingYet, overTime } from './buckets.js';
import { figure, plot, rangeOf } from './charts.js';
import { facts, make, number, percent, table } from './dom.js';

const P_SHOWN_MIN = 0.0001;
const MARKS = { none: 'tag', moderate: 'tag warn', large: 'tag bad', unknown: 'tag soft' };

/** A word for how far apart two distributions are. */
export const driftTag = (drift) => make('span', { className: MARKS[drift] }, drift);

const pText = (value) => (value !== null && value < P_SHOWN_MIN ? `below ${P_SHOWN_MIN}` : number(value, 2));

function binName({ kind, from, to, level }, isDate = false) {
  if (kind === 'level') return level;
  if (kind !== 'range') return { others: 'all others', present: 'there', missing: 'missing' }[kind];
  const end = (value) => (isDate ? new Date(1000 * value).toISOString().slice(0, 10) : number(value));
  if (from === null && to === null) return 'all';
  if (from === null) return `below ${end(to)}`;
  return to === null ? `${end(from)} to more` : `${end(from)} to ${end(to)}`;
}

const share = (count, total) => (total === 0 ? 0 : count / total);

/** Shares of the bins, of training and now. */
function binsChart(name, { bins, trainingCount, liveCount }) {
  const rows = bins.map((bin) => ({
    name: binName(bin),
    training: share(bin.trainingCount, trainingCount),
    live: share(bin.liveCount, liveCount),
    ...{ trainingCount: bin.trainingCount, liveCount: bin.liveCount },
  }));
  const chart = plot({
    title: `${name}: training and now`,
    description: 'Shares of rows by value, of training and of predictions.',
    x: { label: name, range: [-0.5, rows.length - 0.5], names: rows.map((row) => row.name) },
    y: {
      label: 'Share of rows',
      range: rangeOf(
        rows.flatMap(({ training, live }) => [training, live]),
        { from: 0 },
      ),
    },
    series: [
      { kind: 'bars', name: 'training', className: 'soft', data: rows.map((row, at) => [at - 0.4, at, row.training]) },
      { kind: 'bars', name: 'now', data: rows.map((row, at) => [at, at + 0.4, row.live]) },
    ],
  });
  const numbers = table(
    rows,
    [
      [name, (row) => row.name, 'name'],
      ['Training', (row) => number(row.trainingCount), 'number'],
      ['', (row) => percent(row.training), 'number'],
      ['Now', (row) => number(row.liveCount), 'number'],
      [' ', (row) => percent(row.live), 'number'],
    ],
    'No rows.',
  );
  return figure(chart, 'Bins are those of the training rows.', numbers);
}

function timeChart(name, data, bucket) {
  const numbers = table(
    data.filter(({ liveCount }) => liveCount > 0),
    [
      ['From', (entry) => bucketName(entry.from, bucket)],
      ['Rows', (entry) => number(entry.liveCount), 'number'],
      ['Index', (entry) => number(entry.psi, 3), 'number'],
      ['By chance', (entry) => number(entry.psiByChance, 3), 'number'],
    ],
    'No rows.',
  );
  return overTime({
    ...{ title: `${name}: drift over time`, description: 'Population stability index by time.' },
    ...{ label: 'Population stability index', data, bucket, numbers },
    series: [
      { kind: 'line', name: 'index', valueOf: (entry) => entry.psi },
      { kind: 'dashes', name: 'what chance makes', className: 'soft', valueOf: (entry) => entry.psiByChance },
    ],
    caption: 'Of few rows chance alone makes a large index: the dashes say how large.',
  });
}

const distances = ({ psi, psiByChance, jensenShannon, kolmogorovSmirnov, pValue, drift }) =>
  facts([
    ['Drift', driftTag(drift)],
    ['Population stability index', number(psi, 3)],
    ['of which chance makes', number(psiByChance, 3)],
    ['Jensen-Shannon', jensenShannon === null ? '–' : `${number(jensenShannon, 3)} bit`],
    ['Kolmogorov-Smirnov', number(kolmogorovSmirnov, 3)],
    ['p, not corrected', pText(pValue)],
  ]);

function mapOf(entries) {
  const known = entries.filter(({ impact, psi }) => impact !== null && psi !== null);
  if (known.length < 2) return [];
  const chart = plot({
    title: 'Importance and drift',
    description: 'Features by their impact on the model and by how far they have moved.',
    x: { label: 'Impact on the model', range: [0, 1.05] },
    y: {
      label: 'Population stability index',
      range: rangeOf(
        known.map(({ psi }) => psi),
        { from: 0 },
      ),
    },
    series: [
      {
        kind: 'points',
        data: known.map(({ feature, impact, psi }) => [
          impact,
          psi,
          `${feature}: impact ${number(impact, 3)}, index ${number(psi, 3)}`,
        ]),
      },
    ],
  });
  const numbers = make('p', { className: 'hint' }, 'In the table above.');
  return [figure(chart, 'What is to the right and high is what matters: point at a feature for its name.', numbers)];
}

/** @param drift the answer of `feature-drift` */
export function featureView(drift, { feature }) {
  const { data, eventCount, featureCount, bucket } = drift;
  if (eventCount === 0)
    return [nothingYet('No prediction of this model in this time, or none was told: see the telemetry above.')];
  const rows = table(
    data,
    [
      ['Feature', (entry) => entry.feature, 'name'],
      ['Drift', (entry) => driftTag(entry.drift)],
      ['Index', (entry) => number(entry.psi, 3), 'number'],
      ['Impact', (entry) => number(entry.impact, 3), 'number'],
      ['Impact x index', (entry) => number(entry.weightedDrift, 3), 'number'],
      ['Missing, training', (entry) => percent(entry.missingRate.training), 'number'],
      ['Missing, now', (entry) => percent(entry.missingRate.live), 'number'],
      ['Unseen', (entry) => percent(entry.unseenRate), 'number'],
      ['Out of range', (entry) => percent(entry.outOfRangeRate), 'number'],
    ],
    'The events of this deployment carry no features.',
  );
  const parts = [
    facts([
      ['Predictions', number(eventCount)],
      [
        'Features',
        data.length === featureCount
          ? number(featureCount)
          : `${data.length} of ${featureCount}, those that matter most`,
      ],
    ]),
    make('div', { className: 'scroll tall' }, rows),
  ];
  if (data.length === 0) return parts;
  const place = make('div', { id: 'one-feature' });
  const select = make('select', {}, ...data.map((entry, index) => make('option', { value: index }, entry.feature)));
  const asked = data.findIndex((entry) => entry.feature === feature);
  select.value = String(Math.max(0, asked));
  const draw = () => {
    const entry = data[Number(select.value)];
    place.replaceChildren(
      distances(entry),
      binsChart(entry.feature, entry),
      timeChart(entry.feature, entry.overTime, bucket),
    );
  };
  select.addEventListener('change', draw);
  draw();
  return [
    ...parts,
    ...mapOf(data),
    make('h3', {}, 'One feature'),
    make('div', { className: 'controls' }, make('label', {}, 'Feature ', select)),
    place,
  ];
}

/** @param drift the answer of `target-drift` */
export function targetView(drift) {
  const { eventCount, predictions, probabilities, overTime: data, bucket } = drift;
  if (eventCount === 0)
    return [nothingYet('No prediction of this model in this time, or none was told: see the telemetry above.')];
  const parts = [
    facts([['Predictions', number(eventCount)]]),
    distances(predictions),
    binsChart('Prediction', predictions),
  ];
  if (probabilities !== null)
    parts.push(make('h3', {}, 'Probability'), distances(probabilities), binsChart('Probability', probabilities));
  return [...parts, timeChart('Predictions', data, bucket)];
}
