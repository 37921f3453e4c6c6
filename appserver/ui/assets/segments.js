// Rows parted by the values of one column: where the model is better or worse, and the rates of decisions about them.

import { bars, figure } from './charts.js';
import { facts, make, number, percent, table } from './dom.js';
import { levelName } from './level-name.js';

const P_SHOWN_MIN = 0.0001;
const note = (text) => make('p', { className: 'hint' }, text);

/** The view of the insight: what stands out first, then one column at a time. */
export function segments(
  { metric, score, threshold, testedCount, columnCount, notable, features, outputs },
  { types },
) {
  const shown = facts([
    [`${metric} of all rows used`, number(score)],
    ['Segments tested', number(testedCount)],
    ['Columns', `${number(features.length)} of ${number(columnCount)}`],
  ]);
  if (features.length === 0) return [shown, note('No column parts the rows into segments of fifty rows or more.')];
  const isDate = (name) => types?.[name] === 'date';
  const named = ({ feature, segment }) => {
    const whole = features.find((one) => one.feature === feature);
    const own = whole?.segments[segment];
    return { ...own, feature, name: levelName(own, isDate(feature)) };
  };
  const rows = table(
    notable.map(named),
    [
      ['Column', (one) => one.feature, 'name'],
      ['Segment', (one) => one.name, 'name'],
      ['Rows', (one) => number(one.rowCount), 'number'],
      [metric, (one) => number(one.score), 'number'],
      ['Better by', (one) => number(one.gain), 'number'],
      ['± standard error', (one) => number(one.noise), 'number'],
      ['p, corrected', (one) => (one.pValue < P_SHOWN_MIN ? `below ${P_SHOWN_MIN}` : number(one.pValue)), 'number'],
    ],
    'No segment differs from the whole by more than chance explains.',
  );
  const place = make('div');
  const select = make(
    'select',
    {},
    ...features.map((one, index) =>
      make('option', { value: index }, one.isModelled ? one.feature : `${one.feature} (not modelled)`),
    ),
  );
  const draw = () =>
    place.replaceChildren(...columnOf(features[Number(select.value)], { metric, threshold, outputs, isDate }));
  select.addEventListener('change', draw);
  draw();
  return [
    shown,
    make('h3', {}, 'What stands out'),
    make('div', { className: 'scroll tall' }, rows),
    note(
      'The worst first: below 0 the model is worse there than on all rows, or the rows are harder. p is corrected for all segments that were tested (Holm).',
    ),
    make('h3', {}, 'By column'),
    make('div', { className: 'controls' }, make('label', {}, 'Column ', select)),
    place,
  ];
}

function columnOf({ feature, segments: parts, disparities }, { metric, threshold, outputs, isDate }) {
  const named = parts.map((part) => ({ ...part, name: levelName(part, isDate(feature)) }));
  const scored = named.filter(({ gain }) => gain !== null);
  const chart =
    scored.length === 0
      ? note(`${metric} is undefined in every segment.`)
      : bars({
          title: `Segments of ${feature}`,
          description: `By how much ${metric} is better than of all rows, by ${feature}.`,
          label: `${metric}: better than all rows by`,
          rows: scored.map(({ name, gain, noise }) => ({ name, value: gain, error: noise ?? 0 })),
        });
  const means = outputs.flatMap((output, index) => [
    [output === null ? 'Mean actual' : `Rate of ${output}`, (one) => number(one.meanActual[index]), 'number'],
    [output === null ? 'Mean predicted' : `Predicted ${output}`, (one) => number(one.meanPredicted[index]), 'number'],
  ]);
  const rates =
    threshold === null
      ? []
      : [
          ['Predicted positive', (one) => percent(one.rates.selected), 'number'],
          ['True positive rate', (one) => percent(one.rates.truePositive), 'number'],
          ['False positive rate', (one) => percent(one.rates.falsePositive), 'number'],
          ['Precision', (one) => percent(one.rates.precision), 'number'],
        ];
  const rows = table(
    named,
    [
      [feature, (one) => one.name, 'name'],
      ['Rows', (one) => number(one.rowCount), 'number'],
      [metric, (one) => number(one.score), 'number'],
      ['Better by', (one) => number(one.gain), 'number'],
      ['± standard error', (one) => number(one.noise), 'number'],
      ...means,
      ...rates,
    ],
    'No rows.',
  );
  return [figure(chart, 'Lines are standard errors.', rows), ...disparityOf(disparities, threshold)];
}

function disparityOf(disparities, threshold) {
  if (disparities === null) return [];
  return [
    make('h3', {}, 'Differences between these groups'),
    facts([
      ['Rate of selection, largest less smallest', percent(disparities.selectedDifference)],
      ['The same, smallest by largest', number(disparities.selectedRatio)],
      ['True positive rate (equal opportunity)', percent(disparities.truePositiveDifference)],
      ['False positive rate', percent(disparities.falsePositiveDifference)],
      ['Equalised odds', percent(disparities.equalizedOddsDifference)],
    ]),
    note(
      `Of decisions at probability ${number(threshold)}, between groups of fifty rows or more. A difference may come from the data, from the model, or from chance; which of these measures matters is a question of what is decided, and all of them cannot be 0 at once.`,
    ),
  ];
}
