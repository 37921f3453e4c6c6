// Speed against accuracy of a project's models, of which those on the frontier are as fast and as good as no other.

import { figure, plot, rangeOf } from './charts.js';
import { make, number, table } from './dom.js';

/** Models that no other is both faster and better than, by rising time. */
export function frontierOf(models, isHigher) {
  const better = (a, b) => (isHigher ? a > b : a < b);
  let best = isHigher ? -Infinity : Infinity;
  return models
    .toSorted((a, b) => a.micros - b.micros || (isHigher ? b.score - a.score : a.score - b.score))
    .filter(({ score }) => {
      const isOn = better(score, best);
      if (isOn) best = score;
      return isOn;
    });
}

export function speedChart({ metric, direction, data }) {
  const models = data.flatMap(({ name, predictMicrosPerRow: micros, scores, recommended }) => {
    const score = (scores.crossValidation ?? scores.validation)?.[metric];
    return score === undefined || score === null || !(micros > 0) ? [] : [{ name, micros, score, recommended }];
  });
  if (models.length < 2) return [];
  const frontier = frontierOf(models, direction === 'higher');
  const point = ({ name, micros, score }) => [
    micros,
    score,
    `${name}: ${number(micros, 3)} µs, ${metric} ${number(score)}`,
  ];
  const [least, most] = rangeOf(models.map(({ micros }) => micros));
  const chart = plot({
    title: 'Speed against accuracy',
    description: `${metric} by microseconds for one prediction; ${direction} is better.`,
    x: { label: 'Microseconds for one prediction', range: [least / 1.3, most * 1.3], log: true },
    y: { label: metric, range: rangeOf(models.map(({ score }) => score)) },
    series: [
      { kind: 'points', name: 'models', className: 'soft', data: models.map(point) },
      { kind: 'line', name: 'as good and as fast as no other', data: frontier.map(point) },
      {
        kind: 'points',
        name: 'recommended',
        className: 'third',
        data: models.filter(({ recommended }) => recommended).map(point),
      },
    ],
  });
  const rows = table(
    models,
    [
      ['Model', (row) => row.name, 'name'],
      ['One prediction, µs', (row) => number(row.micros, 3), 'number'],
      [metric, (row) => number(row.score), 'number'],
      ['On the line', (row) => (frontier.includes(row) ? 'yes' : '')],
    ],
    'No models.',
  );
  const box = make(
    'details',
    {},
    make('summary', {}, 'Speed against accuracy'),
    figure(chart, `Models by the rows that rank them; times were measured when each was fitted.`, rows),
  );
  return [box];
}
