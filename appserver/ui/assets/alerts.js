// Alarms of a deployment, and how many false ones it may raise.

import { nothingYet } from './buckets.js';
import { ask, facts, folded, make, number, table, time } from './dom.js';

const WATCHED = { hour: 'an hour', day: 'a day', service: 'requests of an hour' };

const channelText = ({ type, url, to, hasSecret }) =>
  type === 'webhook' ? `${url}${hasSecret ? ' (signed)' : ''}` : type === 'mail' ? to.join(', ') : 'Kafka';

/** A button that says whether an alarm was a false one. */
function verdict(path, alarm) {
  const button = make('button', { type: 'button' });
  const draw = ({ falseAlarm }) => {
    button.textContent = falseAlarm === true ? 'False alarm ✓' : 'Call it false';
    button.setAttribute('aria-pressed', String(falseAlarm === true));
  };
  let current = alarm;
  draw(current);
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      const json = { falseAlarm: current.falseAlarm !== true };
      current = (await ask(`${path}/alerts/${encodeURIComponent(alarm.id)}`, { method: 'PATCH', json })).body;
      draw(current);
    } catch (err) {
      button.textContent = err.message;
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

const alarmsTable = (path, data) =>
  table(
    data,
    [
      ['Since', (alarm) => time(alarm.openedAt)],
      [
        'State',
        (alarm) =>
          alarm.state === 'open' ? make('span', { className: 'tag warn' }, 'open') : `until ${time(alarm.closedAt)}`,
      ],
      ['What', (alarm) => alarm.text],
      ['Seen in', (alarm) => WATCHED[alarm.family]],
      ['Excess', (alarm) => `${number(alarm.excess, 3)} (above ${number(alarm.threshold, 3)})`, 'number'],
      ['', (alarm) => verdict(path, alarm)],
    ],
    'No alarms.',
  );

const rulesTable = (rules) =>
  table(
    rules,
    [
      ['Looks at', ({ family }) => WATCHED[family]],
      ['False alarms a month', (rule) => number(rule.falseAlarmsPerMonth, 3), 'number'],
      ['Chance below', (rule) => number(rule.pValueMax, 2), 'number'],
      ['Above what is usual, times', (rule) => number(rule.multiplier, 3), 'number'],
      ['Looks of the past', (rule) => number(rule.looks), 'number'],
      ['Alarms in that time', (rule) => number(rule.raisedAlarms), 'number'],
      ['Budget held by', (rule) => (rule.budgetHeldByPast ? 'its past' : 'chance alone, as yet')],
    ],
    'No rules.',
  );

/** @param alerts the answer of `alerts` */
export function alertsView({ deploymentId, enabled, falseAlarmsPerMonth, channels, watchedTo, rules, messages, data }) {
  const path = `deployments/${encodeURIComponent(deploymentId)}`;
  const told = facts([
    ['False alarms accepted a month', number(falseAlarmsPerMonth)],
    [
      'Told to',
      channels.length === 0
        ? 'nobody: PUT /deployments/ID/alerts, or trainyard deployments alerts'
        : channels.map(channelText).join('; '),
    ],
    ['Watched up to', watchedTo === null ? 'not yet' : time(watchedTo)],
    ...(messages.waiting + messages.failed > 0
      ? [['Messages', `${number(messages.waiting)} on their way, ${number(messages.failed)} given up`]]
      : []),
    ...(messages.lastError === null
      ? []
      : [['Not delivered', `${messages.lastError.channel}: ${messages.lastError.message}`]]),
  ]);
  if (!enabled) return [told, nothingYet('It is not watched: alerts are switched off.')];
  return [
    told,
    make('div', { className: 'scroll' }, alarmsTable(path, data)),
    make(
      'p',
      { className: 'hint' },
      'An alarm that is called false counts as usual from then on. Of those that nobody speaks of, as many as the budget has stay out of what thresholds are fitted to.',
    ),
    folded('By what rules', rulesTable(rules)),
  ];
}
