// The deployments of the start page, each with its health.

import { rangeQuery, SPAN_DEFAULT } from './buckets.js';
import { sparkline } from './charts.js';
import { addressOf, get, make, number, percent, table, time } from './dom.js';
import { driftTag } from './drift.js';
import { milliseconds } from './service.js';

/** Health is asked again after so long. */
const HEALTH_MS = 30_000;
/** Deployments whose health is asked for; the page of each has it too. */
const SHOWN_MAX = 20;

/** By deployment: when its health was asked for, and what it was. */
const kept = new Map();

/** Health of the last days; null where it cannot be told. */
async function healthOf({ id }) {
  const known = kept.get(id);
  if (known !== undefined && Date.now() - known.at < HEALTH_MS) return known.health;
  const path = `deployments/${encodeURIComponent(id)}`;
  const range = rangeQuery(SPAN_DEFAULT);
  const asked = await Promise.all([
    get(`${path}/service-health?${range}`),
    get(`${path}/feature-drift?${range}&limit=1000`),
    get(`${path}/predictions-over-time?${range}`),
    get(`${path}/alerts?rules=false`),
  ]).catch(() => null);
  const [service, drift, predictions, alerts] = asked ?? [];
  const health = asked === null ? null : { service, drift, predictions, alerts };
  kept.set(id, { at: Date.now(), health });
  return health;
}

/** How many features have moved, the one that matters most first. */
function driftOf({ drift: { data, eventCount } }) {
  if (eventCount === 0) return '–';
  const moved = data.filter(({ drift }) => drift === 'large' || drift === 'moderate');
  const [first] = moved;
  if (first === undefined) return driftTag('none');
  const more = moved.length === 1 ? '' : ` and ${moved.length - 1} more`;
  return make('span', {}, driftTag(first.drift), ` ${first.feature}${more}`);
}

/** How many alarms are open. */
function alarmsOf({ id, health }) {
  const open = health?.alerts.data.filter(({ state }) => state === 'open') ?? [];
  if (open.length === 0) return '–';
  const href = addressOf({ deployment: id, view: 'alerts' });
  return make(
    'a',
    { href, title: open.map(({ text }) => text).join('\n') },
    make('span', { className: 'tag warn' }, `${open.length} open`),
  );
}

/** The table of them. */
export async function deploymentsTable(deployments) {
  const shown = await Promise.all(
    deployments.map(async (deployment, index) => ({
      ...deployment,
      health: index < SHOWN_MAX ? await healthOf(deployment) : null,
    })),
  );
  const of = (tell) => (row) => (row.health === null ? '–' : tell(row.health));
  return table(
    shown,
    [
      ['Name', (row) => make('a', { href: addressOf({ deployment: row.id }) }, row.name), 'name'],
      [
        'Ready',
        (row) => make('span', { className: row.ready ? 'tag' : 'tag warn' }, row.ready ? 'ready' : 'not ready'),
      ],
      ['Predictions, 7 days', of(({ predictions }) => number(predictions.eventCount)), 'number'],
      [
        'Over time',
        of(({ predictions: { data, eventCount } }) =>
          eventCount === 0
            ? '–'
            : sparkline({
                title: 'Predictions over time',
                description: `${data.length} buckets, ${number(eventCount)} predictions.`,
                values: data.map((entry) => entry.eventCount),
              }),
        ),
      ],
      ['Errors', of(({ service }) => percent(service.errorRate)), 'number'],
      ['99 %', of(({ service }) => milliseconds(service.latencyMs?.p99)), 'number'],
      ['Drift', of(driftOf)],
      ['Alarms', alarmsOf],
      ['Prediction URL', (row) => make('code', {}, row.predictionUrl ?? '–')],
      ['Since', (row) => time(row.createdAt)],
    ],
    'Nothing is deployed.',
  );
}
