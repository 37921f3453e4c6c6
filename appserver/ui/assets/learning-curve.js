// What the model would be with fewer rows, and whether more would help.

import { figure, plot, rangeOf } from './charts.js';
import { facts, make, number, percent, table } from './dom.js';

const note = (text) => make('p', { className: 'hint' }, text);

/** The view of the insight. */
export function learningCurve({ metric, points }) {
  const last = points.at(-1);
  const before = points.at(-2);
  if (before === undefined)
    return [note('There are too few rows to fit this blueprint on a part of them, so there is no curve.')];
  const scored = points.filter(({ score }) => score !== null);
  const chart = plot({
    title: 'Learning curve',
    description: `${metric} of the same held-back rows, by the part of the training rows that was fitted.`,
    x: { label: 'Part of the training rows', range: [0, 1] },
    y: { label: metric, range: rangeOf(scored.map(({ score }) => score)) },
    series: [
      { kind: 'line', data: scored.map(({ part, score }) => [part, score]) },
      { kind: 'points', data: scored.map(({ part, score }) => [part, score, `${percent(part)}: ${number(score)}`]) },
    ],
  });
  const rows = table(
    points,
    [
      ['Part of the rows', (point) => percent(point.part), 'number'],
      ['Rows fitted on', (point) => (point.rowCount === null ? 'all' : number(point.rowCount)), 'number'],
      [metric, (point) => number(point.score), 'number'],
      ['All rows are better by', (point) => number(point.gain), 'number'],
      ['± standard error', (point) => number(point.noise), 'number'],
    ],
    'No points.',
  );
  return [
    facts([
      [`${metric} of the model`, number(last.score)],
      ['Gained by the last doubling of rows', `${number(before.gain)} ± ${number(before.noise)}`],
      ['Would more rows help?', verdictOf(before)],
    ]),
    figure(chart, 'Each part holds the one before. The last point is the model itself.', rows),
  ];
}

/** Beyond two standard errors chance is no good explanation. */
function verdictOf({ gain, noise }) {
  if (gain === null || noise === null) return 'The metric is undefined in a part of the rows.';
  if (gain > 2 * noise) return 'Probably: the last doubling did, by more than chance explains.';
  return 'Not seen: the last doubling gained no more than chance may give.';
}
