// One insight of a model: asked for, waited for, shown; and what is to be said where there is none.

import { addressOf, ask, make, number } from './dom.js';
import { VIEWS } from './insight-views.js';

/** Kinds in the order of the page: [kind, title, what it answers]. */
export const KINDS = [
  ['feature-impact', 'Feature impact', 'What does the model need? What predictions lose when a feature is permuted.'],
  ['feature-effects', 'Feature effects', 'How do predictions follow a feature?'],
  ['segments', 'Segments', 'For which rows is it better or worse? And are groups of people treated alike?'],
  ['learning-curve', 'Learning curve', 'Would more rows help?'],
  ['lift', 'Lift', 'Are high predictions where high values are?'],
  ['roc', 'ROC', 'How well are classes told apart, at every threshold?'],
  ['precision-recall', 'Precision and recall', 'How many alarms are right, and how many cases are found?'],
  ['confusion', 'Confusion', 'Which classes are taken for which?'],
  ['calibration', 'Calibration', 'Do predicted probabilities come true?'],
  ['residuals', 'Residuals', 'By how much do predictions miss?'],
  ['coefficients', 'Coefficients', 'What does a linear model add for what it reads?'],
  ['word-cloud', 'Words', 'Which terms of texts raise the score, which lower it?'],
];
/** Kinds that a task computes when somebody asks. */
const ON_DEMAND = ['feature-impact', 'feature-effects', 'segments', 'learning-curve'];
const OF_A_CLASS = ['roc', 'precision-recall', 'lift', 'calibration'];
/** Of several classes these show all at once where none is chosen. */
const OF_ALL_CLASSES = ['roc', 'precision-recall'];
/** Read from the artefact: of no rows but those that it was fitted on, and of raw scores, of which a binary target has one. */
const OF_THE_ARTEFACT = ['coefficients', 'word-cloud'];
const PARTITIONS = {
  validation: 'the validation rows',
  crossValidation: 'the validation rows of all folds',
  holdout: 'the holdout',
};

/** Kinds to choose from: those that the model has, and those that can be asked for. */
export const offeredKinds = (existing) => KINDS.filter(([kind]) => existing.includes(kind) || ON_DEMAND.includes(kind));

/** Fills a place with an insight; true while it has to be asked for again. */
export async function showInsight(place, { model, project, types, parameters }) {
  const { insight: kind, label, partition } = parameters;
  const query = new URLSearchParams(Object.entries({ label, partition }).filter(([, value]) => value !== undefined));
  const path = `models/${encodeURIComponent(model.id)}/insights/${encodeURIComponent(kind)}`;
  try {
    const { status, body } = await ask(query.size === 0 ? path : `${path}?${query}`);
    if (status === 202) {
      place.replaceChildren(...waiting(body));
      return true;
    }
    const controls = ON_DEMAND.includes(kind) ? [] : [controlsOf({ model, project, kind, body, parameters })];
    place.replaceChildren(...controls, rowsUsed(body, model), ...VIEWS[kind](body.insight, { types }));
  } catch (err) {
    if (err.status === 401 || err.status === undefined) throw err;
    place.replaceChildren(...refused(err, kind, path, place));
  }
  return false;
}

function waiting({ id, state, progress }) {
  return [
    make(
      'p',
      { role: 'status', className: 'waiting' },
      state === 'queued'
        ? 'Waiting for a worker: insights come after all models.'
        : `Computing: ${progress.phase} ${progress.message}`,
    ),
    make('progress', { value: progress.fraction, max: 1, 'aria-label': 'progress' }),
    make('p', { className: 'hint' }, `Job ${id}. This page asks again by itself.`),
  ];
}

function refused(err, kind, path, place) {
  if (err.status === 409 && ON_DEMAND.includes(kind)) {
    const failed = err.message.includes('was not computed');
    const button = make('button', { type: 'button' }, failed ? 'Compute again' : 'Compute');
    button.addEventListener('click', () => {
      button.disabled = true;
      ask(path, { method: 'POST' }).then(
        () => globalThis.dispatchEvent(new HashChangeEvent('hashchange')),
        (problem) => place.append(make('p', { className: 'error', role: 'alert' }, problem.message)),
      );
    });
    const text = failed
      ? err.message
      : 'It has not been computed for this model: it takes a worker seconds to minutes, after all models.';
    return [make('p', { className: failed ? 'error' : 'hint' }, text), button];
  }
  const what = err.status === 501 ? 'Not available' : 'This insight cannot be shown';
  return [make('p', { className: 'error', role: 'alert' }, `${what}: ${err.message}`)];
}

/** Rows that it is of, and who predicted them: always stated. */
function rowsUsed({ partition, rowCount, isWeighted, predictedBy }, model) {
  if (partition === 'training')
    return make(
      'p',
      { className: 'rows-used' },
      `Rows used: the ${number(rowCount)} that the model was fitted on. It is read from the model; no row is predicted.`,
    );
  const twin =
    predictedBy === model.id
      ? []
      : [
          ' This model has seen all rows, so they are predicted by its twin ',
          make('a', { href: addressOf({ model: predictedBy }) }, predictedBy),
          '.',
        ];
  return make(
    'p',
    { className: 'rows-used' },
    `Rows used: ${number(rowCount)}, from ${PARTITIONS[partition]}${isWeighted ? ', by their weights' : ''}, which the predicting models had not seen.`,
    ...twin,
  );
}

function controlsOf({ model, project, kind, body, parameters }) {
  const go = (change) => {
    location.hash = addressOf({ ...parameters, ...change });
  };
  const choose = (title, values, chosen, name) => {
    const select = make(
      'select',
      {},
      ...values.map(([value, text]) => make('option', { value, selected: value === chosen }, text)),
    );
    select.addEventListener('change', () => go({ [name]: select.value }));
    return make('label', {}, `${title} `, select);
  };
  const folds = body.partition === 'crossValidation' || parameters.partition !== undefined;
  const partitions = [
    'validation',
    ...(folds || model.scores.crossValidation !== null ? ['crossValidation'] : []),
    ...(project.holdoutUnlockedAt === null ? [] : ['holdout']),
  ];
  const names = { validation: 'first fold', crossValidation: 'all folds', holdout: 'holdout' };
  const hasAll = OF_ALL_CLASSES.includes(kind) && model.classes.length > 2;
  const titles = model.scores.crossValidation === null ? { ...names, validation: 'validation' } : names;
  return make(
    'div',
    { className: 'controls' },
    ...((OF_A_CLASS.includes(kind) && model.targetType !== 'regression') ||
    (OF_THE_ARTEFACT.includes(kind) && model.targetType === 'multiclass')
      ? [
          choose(
            'Class',
            [...(hasAll ? [['', 'all']] : []), ...model.classes.map((name) => [name, name])],
            hasAll && body.insight.classes !== undefined ? '' : body.insight.label,
            'label',
          ),
        ]
      : []),
    ...(partitions.length > 1 && !OF_THE_ARTEFACT.includes(kind)
      ? [
          choose(
            'Rows',
            partitions.map((one) => [one, titles[one]]),
            body.partition,
            'partition',
          ),
        ]
      : []),
  );
}
