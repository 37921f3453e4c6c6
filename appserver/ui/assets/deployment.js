// A deployment's page: what is served where, and how it is doing.

import { accuracyView } from './accuracy.js';
import { alertsView } from './alerts.js';
import { rangeQuery, SPAN_DEFAULT, SPANS } from './buckets.js';
import { challengersView } from './challengers.js';
import { addressOf, facts, get, make, number, show, table, time } from './dom.js';
import { featureView, targetView } from './drift.js';
import { segmentsView } from './health-segments.js';
import { predictedView } from './predicted.js';
import { serviceView } from './service.js';

/** The views of a deployment: what each answers, where from, and how it is drawn. Those that are not timed are of all time. */
const VIEWS = [
  {
    ...{ name: 'service', title: 'Service', route: 'service-health', view: serviceView, isTimed: true },
    question: 'Is it asked, does it answer, and how fast?',
  },
  {
    ...{ name: 'features', title: 'Features', route: 'feature-drift', view: featureView, isTimed: true },
    question: 'Are the rows still like those that the model was trained on?',
  },
  {
    ...{
      name: 'target',
      title: 'Predictions against training',
      route: 'target-drift',
      view: targetView,
      isTimed: true,
    },
    question: 'Does it predict what it did of rows it had not seen?',
  },
  {
    ...{ name: 'predictions', title: 'Predictions over time', route: 'predictions-over-time', view: predictedView },
    ...{ isTimed: true, question: 'What does it predict, and how much?' },
  },
  {
    ...{ name: 'accuracy', title: 'Accuracy', route: 'accuracy', view: accuracyView, isTimed: true },
    question: 'Did what it predicted come true?',
  },
  {
    ...{ name: 'segments', title: 'Segments', route: 'segments', view: segmentsView, isTimed: true, isByFeature: true },
    question: 'Is it as well with each level of a feature: each country, each shop?',
  },
  {
    ...{ name: 'challengers', title: 'Challengers', route: 'challengers/comparison', view: challengersView },
    ...{ isTimed: false, question: 'Would another model do better on the same rows?' },
  },
  {
    ...{ name: 'alerts', title: 'Alerts', route: 'alerts', view: alertsView, isTimed: false },
    question: 'Is anything out of the ordinary, and who is told?',
  },
];

const telemetryText = ({ transport, received, lost }) => {
  if (transport === 'off') return 'off: nothing is told of its predictions (telemetry.transport)';
  return `${number(received)} events received by ${transport}, ${number(lost)} lost on the way of all deployments`;
};

/** Models that it has served, the last first. */
function historyOf({ data }) {
  const rows = table(
    data,
    [
      ['Since', (entry) => time(entry.at)],
      ['Model', (entry) => make('a', { href: addressOf({ model: entry.modelId }) }, entry.modelId)],
      ['Reason', (entry) => entry.reason, 'name'],
    ],
    'No history.',
  );
  const box = make('details', {}, make('summary', {}, `Models it has served: ${number(data.length)}`));
  box.append(make('div', { className: 'scroll' }, rows));
  return box;
}

async function headOf(deployment, path) {
  const [model, telemetry, history] = await Promise.all([
    get(`models/${encodeURIComponent(deployment.modelId)}`).catch(() => null),
    get(`${path}/telemetry`).catch(() => null),
    get(`${path}/history`),
  ]);
  return [
    make(
      'nav',
      { 'aria-label': 'back' },
      make('a', { href: addressOf({ project: deployment.projectId }) }, '← All deployments'),
    ),
    make(
      'h2',
      { id: 'deployment-name', tabIndex: -1 },
      deployment.name,
      ' ',
      make('span', { className: deployment.ready ? 'tag' : 'tag warn' }, deployment.ready ? 'ready' : 'not ready'),
    ),
    facts([
      ['Model', make('a', { href: addressOf({ model: deployment.modelId }) }, model?.name ?? deployment.modelId)],
      ['Prediction URL', make('code', {}, deployment.predictionUrl)],
      ['Group', deployment.predictionServerGroup],
      ['Deployed', time(deployment.createdAt)],
      ...(telemetry === null ? [] : [['Telemetry', telemetryText(telemetry)]]),
    ]),
    historyOf(history),
  ];
}

function spanChoice(parameters, days) {
  const select = make(
    'select',
    {},
    ...SPANS.map(([value, name]) => make('option', { value, selected: value === days }, name)),
  );
  select.addEventListener('change', () => {
    location.hash = addressOf({ ...parameters, days: select.value });
  });
  return make('div', { className: 'controls' }, make('label', {}, 'Time ', select));
}

/** Shows the page; it is not asked for again by itself, so that what is open stays open. */
export async function showDeployment(parameters) {
  const path = `deployments/${encodeURIComponent(parameters.deployment)}`;
  const deployment = await get(path);
  document.title = `${deployment.name} – Trainyard`;
  const chosen = VIEWS.find(({ name }) => name === parameters.view) ?? VIEWS[0];
  const days = SPANS.find(([value]) => String(value) === parameters.days)?.[0] ?? SPAN_DEFAULT;
  const asked = [
    ...(chosen.isTimed ? [rangeQuery(days)] : []),
    ...(chosen.isByFeature && parameters.feature ? [`feature=${encodeURIComponent(parameters.feature)}`] : []),
  ];
  const query = asked.length === 0 ? '' : `?${asked.join('&')}`;
  const [head, answer] = await Promise.all([headOf(deployment, path), get(`${path}/${chosen.route}${query}`)]);
  show('deployment-head', ...head);
  const link = ({ name, title }) =>
    make(
      'a',
      {
        href: addressOf({ deployment: deployment.id, view: name, days: parameters.days }),
        ...(name === chosen.name ? { 'aria-current': 'page' } : {}),
      },
      title,
    );
  show(
    'deployment-health',
    make('nav', { className: 'tabs', 'aria-label': 'health' }, ...VIEWS.map(link)),
    make('h3', {}, chosen.title),
    make('p', { className: 'hint' }, chosen.question),
    ...(chosen.isTimed ? [spanChoice(parameters, days)] : []),
    make('div', { id: 'health' }, ...chosen.view(answer, parameters)),
  );
  return false;
}
