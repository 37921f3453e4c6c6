// Models that predict beside a deployment's, unseen by who asks.

import { nothingYet } from './buckets.js';
import { addressOf, facts, make, number, percent, table, time } from './dom.js';

const intervalText = ({ value, lower, upper }, text) =>
  lower === null ? text(value) : `${text(value)} (${text(lower)} to ${text(upper)})`;

function resultOf({ modelId, pairCount, from, to, agreement, actualCount, metrics }) {
  const { sameClass = null, meanDistance = null } = agreement ?? {};
  const rows = table(
    metrics,
    [
      ['Metric', (row) => row.metric],
      ['Model', (row) => number(row.champion, 4, 4), 'number'],
      ['Challenger', (row) => number(row.challenger, 4, 4), 'number'],
      ['Difference', (row) => intervalText(row.difference, (value) => number(value, 3)), 'number'],
      ['Better', (row) => (row.better === null ? 'not told apart' : make('span', { className: 'tag' }, row.better))],
    ],
    'No outcome of these rows is known: the two are not told apart by what came true.',
  );
  return [
    make('h3', {}, make('a', { href: addressOf({ model: modelId }) }, modelId)),
    facts([
      ['Rows that both predicted', number(pairCount)],
      ['Outcomes known', number(actualCount)],
      ...(from === null
        ? []
        : [
            ['Since', time(from)],
            ['Until', time(to)],
          ]),
      ...(sameClass === null ? [] : [['The same class', intervalText(sameClass, percent)]]),
      ...(meanDistance === null ? [] : [['Mean distance', intervalText(meanDistance, (value) => number(value, 3))]]),
    ]),
    make('div', { className: 'scroll' }, rows),
  ];
}

/** @param comparison the answer of `challengers/comparison` */
export function challengersView({ challengers, transport, coverage }) {
  if (transport === 'off') return [nothingYet('Telemetry is off: nothing is predicted by challengers.')];
  if (challengers.length === 0)
    return [nothingYet('No challengers. trainyard challengers add gives the deployment one, which nobody sees.')];
  return [
    make('p', { className: 'hint' }, `Intervals hold in ${percent(coverage)} of cases, each by itself.`),
    ...challengers.flatMap(resultOf),
  ];
}
