// A model held against another one of its project on the same rows.

import { bars, figure } from './charts.js';
import { addressOf, facts, get, make, number, table } from './dom.js';

/** Fills a place with the choice of the other model, and what the two differ by. */
export async function showComparison(place, { model, project, parameters }) {
  const { data } = await get(`projects/${encodeURIComponent(project.id)}/leaderboard?limit=1000`);
  const twinOf = ({ modelId, refitOf }) => refitOf ?? modelId;
  const others = data.filter((row) => twinOf(row) !== (model.refitOf ?? model.id) && row.refitOf === null);
  if (others.length === 0) {
    place.replaceChildren(
      make('p', { className: 'hint' }, 'The project has no other model with predictions of its own.'),
    );
    return false;
  }
  const other = others.find(({ modelId }) => modelId === parameters.with) ?? others[0];
  const select = make(
    'select',
    {},
    ...others.map((row) => make('option', { value: row.modelId, selected: row === other }, `${row.rank}. ${row.name}`)),
  );
  select.addEventListener('change', () => {
    location.hash = addressOf({ ...parameters, with: select.value });
  });
  const controls = make('div', { className: 'controls' }, make('label', {}, 'Compare with ', select));
  try {
    const found = await get(
      `models/${encodeURIComponent(model.id)}/comparison?with=${encodeURIComponent(other.modelId)}`,
    );
    place.replaceChildren(controls, ...compared(found, model.name, other.name));
  } catch (err) {
    if (err.status === 401 || err.status === undefined) throw err;
    place.replaceChildren(
      controls,
      make('p', { className: 'error', role: 'alert' }, `These two cannot be compared: ${err.message}`),
    );
  }
  return false;
}

function compared(
  { metric, partition, rowCount, score, otherScore, gain, noise, groupCount, interval },
  name,
  otherName,
) {
  const where = partition === 'crossValidation' ? 'the validation rows of all folds' : 'the validation rows';
  const used = make(
    'p',
    { className: 'rows-used' },
    `Rows used: ${number(rowCount)}, from ${where}, predicted by both; neither had seen them.`,
  );
  if (interval === null)
    return [used, make('p', { className: 'hint' }, `${metric} is not defined on these rows, or on a part of them.`)];
  const verdict =
    interval.from > 0
      ? `${name} is better, by more than chance explains.`
      : interval.to < 0
        ? `${otherName} is better, by more than chance explains.`
        : 'The difference may be chance: the interval has 0 in it.';
  const chart = bars({
    title: `Gain of ${name} over ${otherName}`,
    description: `${number(gain)} in ${metric}, from ${number(interval.from)} to ${number(interval.to)}. ${verdict}`,
    label: `Gain in ${metric}; above 0 this model is better`,
    rows: [{ name: 'this model', value: gain, error: gain - interval.from }],
  });
  const rows = table(
    [
      [name, score],
      [otherName, otherScore],
    ],
    [
      ['Model', ([title]) => title, 'name'],
      [metric, ([, value]) => number(value, 5), 'number'],
    ],
    'Nothing.',
  );
  return [
    used,
    make('p', { id: 'verdict' }, verdict),
    facts([
      ['Gain', number(gain)],
      ['Standard error', number(noise)],
      [`Interval of ${interval.level * 100} %`, `${number(interval.from)} to ${number(interval.to)}`],
    ]),
    figure(
      chart,
      `The line is the interval. Paired: what both get right or wrong alike cancels out. By a jackknife over ${groupCount} groups of rows; that the rows are others another time is in it, that the models would be is not.`,
      rows,
    ),
  ];
}
