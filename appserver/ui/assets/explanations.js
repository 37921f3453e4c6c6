// Why a model predicts what it predicts of one row: a sample row, or what the reader makes of it.

import { bars, figure } from './charts.js';
import { ask, facts, get, make, number, percent, table } from './dom.js';

const SAMPLES = 20;
/** Features of a row that can be changed here; the others stay as they are. */
const FIELDS_MAX = 60;
const TOP = 15;
/** Classes of an answer that are shown, those of the highest probability. */
const CLASSES_MAX = 10;

/** Fills a place with the form and the explanation of the first sample row. */
export async function showExplanations(place, { model, project }) {
  const [{ columns, data }, { features }] = await Promise.all([
    get(`datasets/${encodeURIComponent(project.datasetId)}/rows?limit=${SAMPLES}`),
    get(`models/${encodeURIComponent(model.id)}/parameters`),
  ]);
  const read = columns.filter((name) => features.includes(name));
  const answer = make('div', { 'aria-live': 'polite' });
  let row = {};
  const fields = make('div', { className: 'fields' });
  const explain = () => explainRow(answer, model, row);
  const field = (name) => {
    const input = make('input', { value: row[name] ?? '', placeholder: 'missing', maxLength: 10_000 });
    input.addEventListener('change', () => {
      row = { ...row, [name]: input.value === '' ? null : input.value };
    });
    return make('label', {}, name, input);
  };
  const take = (index) => {
    row = Object.fromEntries(read.map((name) => [name, data[index]?.[name] ?? null]));
    fields.replaceChildren(...read.slice(0, FIELDS_MAX).map(field));
  };
  const select = make(
    'select',
    {},
    ...data.map((_, index) => make('option', { value: index }, `sample row ${index + 1}`)),
  );
  select.addEventListener('change', () => {
    take(Number(select.value));
    void explain();
  });
  const form = make(
    'form',
    {},
    make('div', { className: 'controls' }, make('label', {}, 'Row ', select), make('button', {}, 'Explain')),
    fields,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void explain();
  });
  const more =
    read.length > FIELDS_MAX ? ` The first ${FIELDS_MAX} of ${number(read.length)} features can be changed here.` : '';
  place.replaceChildren(
    make(
      'p',
      { className: 'rows-used' },
      `Rows used: one, as it stands below. Sample rows are of the dataset, so the model may have been fitted on them.${more}`,
    ),
    form,
    answer,
  );
  take(0);
  await explain();
  return false;
}

async function explainRow(answer, model, row) {
  try {
    const { body } = await ask(`models/${encodeURIComponent(model.id)}/explanations`, {
      method: 'POST',
      json: { rows: [row], top: TOP },
    });
    answer.replaceChildren(...explained(body.data[0]));
  } catch (err) {
    if (err.status === 401 || err.status === undefined) throw err;
    const what = err.status === 501 ? 'Not available' : 'This row cannot be explained';
    answer.replaceChildren(make('p', { className: 'error', role: 'alert' }, `${what}: ${err.message}`));
  }
}

function explained({ prediction, probabilities, missingColumns, unseenLevels, explanations }) {
  const all = Object.entries(probabilities ?? {}).sort(([, a], [, b]) => b - a);
  const first = explanations.findIndex(({ label }) => label === undefined || label === prediction);
  const place = make('div');
  const show = (index) => place.replaceChildren(explanationOf(explanations[index]));
  const select = make(
    'select',
    {},
    ...explanations.map(({ label }, index) =>
      make('option', { value: index, selected: index === first }, label ?? 'value'),
    ),
  );
  select.addEventListener('change', () => show(Number(select.value)));
  show(Math.max(0, first));
  return [
    facts([
      ['Prediction', typeof prediction === 'number' ? number(prediction, 6) : prediction],
      ...all.slice(0, CLASSES_MAX).map(([label, value]) => [`Probability of ${label}`, percent(value)]),
    ]),
    ...(missingColumns.length === 0
      ? []
      : [make('p', { className: 'hint' }, `Taken as missing: ${missingColumns.slice(0, 20).join(', ')}.`)]),
    ...unseenLevels.slice(0, 20).map((text) => make('p', { className: 'hint' }, `Unseen level: ${text}.`)),
    ...(explanations.length > 1
      ? [make('div', { className: 'controls' }, make('label', {}, 'Explain the class ', select))]
      : []),
    place,
  ];
}

function explanationOf({ label, baseValue, rawScore, contributions, rest }) {
  const rows = [...contributions, ...(rest === 0 ? [] : [{ feature: 'all others', contribution: rest }])];
  const what = label === undefined ? 'the value' : label;
  const chart =
    rows.length === 0
      ? make('p', { className: 'hint' }, 'No feature moves this prediction.')
      : bars({
          title: `What moves the raw score of ${what}`,
          description: `From ${number(baseValue)} to ${number(rawScore)}; most by ${rows[0].feature} with ${number(rows[0].contribution)}.`,
          label: `Added to the raw score of ${what}`,
          rows: rows.map(({ feature, contribution }) => ({ name: feature, value: contribution })),
        });
  const numbers = table(
    [{ feature: 'base value', contribution: baseValue }, ...rows, { feature: 'raw score', contribution: rawScore }],
    [
      ['Feature', ({ feature }) => feature, 'name'],
      ['Contribution', ({ contribution }) => number(contribution, 6), 'number'],
    ],
    'Nothing.',
  );
  return figure(
    chart,
    `Shapley values on the link scale: base value ${number(baseValue)} and all contributions add up to the raw score ${number(rawScore)}.`,
    numbers,
  );
}
