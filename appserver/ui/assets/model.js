// A model's page: what it is, how good it is, and its insights.

import { addressOf, bytes, facts, get, make, number, save, show, table, time } from './dom.js';
import { showComparison } from './comparison.js';
import { showExplanations } from './explanations.js';
import { offeredKinds, showInsight } from './insights.js';

/** Pages that are no insights by the API's name: [kind, title, what it answers, fill]. */
const MORE = [
  ['explanations', 'Explain a row', 'Why does the model predict this of this row?', showExplanations],
  ['comparison', 'Compare', 'Is it better than another model, and is that more than chance?', showComparison],
];

/** Scores by part, one column each; the holdout while it is locked is said to be so. */
function scoresOf({ scores }, { metric, holdoutUnlockedAt }) {
  const parts = [
    ['Validation', 'validation'],
    ['Cross-validation', 'crossValidation'],
    ['Holdout', 'holdout'],
  ].filter(([, part]) => scores[part] !== null);
  const names = [...new Set(parts.flatMap(([, part]) => Object.keys(scores[part])))].sort(
    (a, b) => Number(b === metric) - Number(a === metric) || a.localeCompare(b),
  );
  const rows = table(
    names,
    [
      [
        'Metric',
        (name) => (name === metric ? make('span', {}, name, ' ', make('span', { className: 'tag' }, 'ranks')) : name),
      ],
      ...parts.map(([title, part]) => [title, (name) => number(scores[part][name], 4, 4), 'number']),
    ],
    'This model has no scores.',
  );
  const locked =
    holdoutUnlockedAt === null
      ? [make('p', { className: 'hint' }, 'The holdout is locked: unlock it when the choice is made.')]
      : [];
  return [make('div', { className: 'scroll' }, rows), ...locked];
}

/** How many rows were fitted, and what was done about rare classes. */
function rowsOf({ rowCount, imbalance, classes, ensemble }) {
  if (imbalance === null || rowCount === null) return number(rowCount);
  const { method, factors, tableRowCount } = imbalance;
  if (method === 'downsampling')
    return `${ensemble === null ? '' : 'its members '}${number(rowCount)} of ${number(tableRowCount)}${ensemble === null ? '' : ' at most'}, down-sampled; probabilities are corrected`;
  const shown = classes.slice(0, 10).map((label, index) => `${label}: ${number(factors[index], 3)}`);
  return `${number(rowCount)}, weighted by class (${shown.join(', ')}${classes.length > 10 ? ', …' : ''}); probabilities are corrected`;
}

/** A link to a model by its name; by its id where it is not there any more. */
async function linkTo(id) {
  const name = await get(`models/${encodeURIComponent(id)}`).then(
    (model) => model.name,
    () => id,
  );
  return make('a', { href: addressOf({ model: id }), title: id }, name);
}

async function factsOf(model) {
  const entries = [
    ['Family', model.family],
    ['Blueprint', model.blueprintId],
    ['Target', `${model.target} (${model.targetType})`],
    ['Feature list', model.featureList ?? 'by default'],
    ['Rows fitted on', rowsOf(model)],
    ['Iterations', number(model.iterations)],
    ['Fit', model.fitSeconds === null ? '–' : `${number(model.fitSeconds, 3)} s`],
    ['One prediction', model.predictMicrosPerRow === null ? '–' : `${number(model.predictMicrosPerRow, 3)} µs`],
    ['Size', bytes(model.sizeBytes)],
    ['Made', time(model.createdAt)],
    ['Content hash', make('code', {}, model.contentHash?.slice(0, 16) ?? '–')],
  ];
  const twin = model.refitOf === null ? [] : [['Refit of', await linkTo(model.refitOf)]];
  return facts([...entries, ...twin]);
}

async function membersOf({ ensemble }) {
  if (ensemble === null) return [];
  const members = await Promise.all(
    ensemble.members.map(async ({ modelId, weight }) => ({ link: await linkTo(modelId), weight })),
  );
  const rows = table(
    members,
    [
      ['Member', (one) => one.link],
      ['Weight', (one) => number(one.weight), 'number'],
    ],
    'No members.',
  );
  const { layer } = ensemble;
  const told =
    layer === undefined
      ? 'Greedy weights, which add up to 1.'
      : `Weights of a stacked layer, which need not add up to 1; it adds ${layer.shifts.map((shift) => number(shift)).join(', ') || 'nothing'} to the raw scores.`;
  return [make('h3', {}, 'Blends'), make('p', { className: 'hint' }, told), rows];
}

/** A button that saves the model's compliance report, and what went wrong where it cannot. */
function reportOf({ id }) {
  const said = make('span', { className: 'hint', role: 'status' });
  const button = make('button', { type: 'button' }, 'Save compliance report');
  button.addEventListener('click', async () => {
    button.disabled = true;
    said.replaceChildren('Making it…');
    try {
      await save(`models/${encodeURIComponent(id)}/compliance-report`, `compliance-report-${id}.html`);
      said.replaceChildren('Saved.');
    } catch (err) {
      said.replaceChildren(err.message);
    }
    button.disabled = false;
  });
  return make('p', {}, button, ' ', said);
}

/** Shows the page; true while it has to be asked for again. */
export async function showModel(parameters) {
  const path = `models/${encodeURIComponent(parameters.model)}`;
  const model = await get(path);
  const project = await get(`projects/${encodeURIComponent(model.projectId)}`);
  document.title = `${model.name} – Trainyard`;
  show(
    'model-head',
    make(
      'nav',
      { 'aria-label': 'back' },
      make('a', { href: addressOf({ project: project.id }) }, `← Leaderboard of ${project.name}`),
    ),
    make(
      'h2',
      { id: 'model-name', tabIndex: -1 },
      model.name,
      ' ',
      ...(model.recommended ? [make('span', { className: 'tag' }, 'recommended')] : []),
    ),
    await factsOf(model),
    ...(model.state === 'ready' ? [reportOf(model)] : []),
  );
  if (model.state !== 'ready') {
    show(
      'model-insights',
      make(
        'p',
        { className: model.error === null ? 'hint' : 'error' },
        model.error?.detail ?? `This model is ${model.state}; insights come when it is ready.`,
      ),
    );
    return model.state === 'training';
  }
  const { data } = await get(`${path}/insights`);
  const offered = offeredKinds(data.map(({ kind }) => kind));
  const current = parameters.insight;
  const link = (title, insight) =>
    make(
      'a',
      { href: addressOf({ model: model.id, insight }), ...(insight === current ? { 'aria-current': 'page' } : {}) },
      title,
    );
  const nav = make(
    'nav',
    { className: 'tabs', 'aria-label': 'insights' },
    link('Scores', undefined),
    ...[...offered, ...MORE].map(([kind, title]) => link(title, kind)),
  );
  const place = make('div', { id: 'insight' });
  if (current === undefined) {
    place.append(...scoresOf(model, project), ...(await membersOf(model)));
    show('model-insights', nav, place);
    return false;
  }
  const [, title = current, question = ''] = [...offered, ...MORE].find(([kind]) => kind === current) ?? [];
  const [, , , fill = showInsight] = MORE.find(([kind]) => kind === current) ?? [];
  const isMore = await fill(place, { model, project, types: await typesOf(current, project), parameters });
  show('model-insights', nav, make('h3', {}, title), make('p', { className: 'hint' }, question), place);
  return isMore;
}

/** Types of features by name, where a view needs them. */
async function typesOf(kind, { datasetId }) {
  if (kind !== 'feature-effects' && kind !== 'segments') return {};
  const { data } = await get(`datasets/${encodeURIComponent(datasetId)}/features?limit=1000`);
  return Object.fromEntries(data.map(({ name, type }) => [name, type]));
}
