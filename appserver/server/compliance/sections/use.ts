import type { ReportFacts } from '../facts.ts';
import { facts, note, number, paragraph, table, text, type Section } from '../layout.ts';
import { markup, named, NOTHING, type Markup } from '../markup.ts';
import { count, figure, percent } from '../numbers.ts';

/** Classes that the table has at most, those of most rows. */
const CLASSES_SHOWN_MAX = 50;
/** Characters of a description by the owner. */
const DESCRIPTION_MAX = 2_000;

/** What is predicted, and what for as far as anybody has said so. */
export function use(report: ReportFacts): Section {
  return {
    id: 'use',
    title: 'Purpose and target',
    body: markup`${purpose(report)}${target(report)}${classes(report)}`,
  };
}

function purpose({ project, model }: ReportFacts): Markup {
  const stated = project.description !== '' || model.description !== '';
  return markup`${facts([
    ['Project', named(project.name)],
    [
      'Project, as its owner describes it',
      project.description === '' ? 'nothing was written down' : named(project.description, DESCRIPTION_MAX),
    ],
    [
      'Model, as its owner describes it',
      model.description === '' ? 'nothing was written down' : named(model.description, DESCRIPTION_MAX),
    ],
  ])}${paragraph('These three can be changed by the owner at any time, and this report with them; see “State of this report”.')}${
    stated
      ? NOTHING
      : note(
          'Intended use, users and uses that are out of scope are not recorded. A model that decides about people needs them: write them into the description of the project.',
        )
  }`;
}

function target({ task, answer }: ReportFacts): Markup {
  const { targetType, classes: all, positiveClass, offsetColumn, exposureColumn, quantile } = task.target;
  const positive = positiveClass === null ? null : (all[positiveClass]?.label ?? null);
  const { link, threshold } = answer.artefact;
  return facts([
    ['Target', named(task.target.name)],
    ['Type', targetType === 'regression' ? 'regression (a number)' : `${targetType}, ${count(all.length)} classes`],
    positive === null ? null : ['Positive class', named(positive)],
    quantile === undefined ? null : ['Quantile', `${quantile}: the value below which that part of the rows should be`],
    ['From raw score to prediction', LINK_WORDS[link] ?? link],
    targetType !== 'binary'
      ? null
      : [
          'Positive from probability',
          threshold === null ? '0.5, unless a deployment sets another' : figure(threshold, 2),
        ],
    offsetColumn === undefined
      ? null
      : [
          'Offset',
          markup`${named(offsetColumn)}, added to the raw score with coefficient 1; a row without it is refused`,
        ],
    exposureColumn === undefined
      ? null
      : [
          'Exposure',
          markup`${named(exposureColumn)}, its logarithm added to the raw score; a row without one above 0 is refused`,
        ],
    [
      'Weights',
      task.weightColumn === null
        ? 'none: every row counts alike'
        : markup`${named(task.weightColumn)}, in fits and in scores`,
    ],
    targetType === 'regression' ? null : ['Classes of different size', imbalanceWords(task)],
  ]);
}

/** Classes of which the factors are told at most; the table of classes has all of them. */
const FACTORS_SHOWN_MAX = 12;

/** What was done to the rows that train. */
function imbalanceWords({ imbalance, target }: ReportFacts['task']): Markup | string {
  if (imbalance === null) return 'nothing was done: rows train as they are';
  const told = imbalance.factors
    .map((factor, index) => ({ factor, label: target.classes[index]?.label ?? '' }))
    .filter(({ factor }) => factor !== 1)
    .slice(0, FACTORS_SHOWN_MAX)
    .map(({ factor, label }) => markup`${named(label)} ${figure(factor)}; `);
  return imbalance.method === 'weights'
    ? markup`rows that train are weighed by class: ${told}others 1. Probabilities are corrected, and rows held back count as they are`
    : markup`a part of the rows of a class trains: ${told}others all. Probabilities are corrected, and rows held back are all there`;
}

const LINK_WORDS: Readonly<Record<string, string>> = {
  identity: 'identity: the raw score is the value',
  logit: 'logit: the raw score is the log odds of the positive class',
  softmax: 'softmax: a raw score a class',
  log: 'log: the raw score is the logarithm of the value',
};

function classes({ task, dataset }: ReportFacts): Markup {
  const { classes: all } = task.target;
  if (all.length === 0) {
    const found = dataset.features.find(({ name }) => name === task.target.name);
    if (found === undefined) return NOTHING;
    return facts([
      ['Values in the dataset', `${figure(found.min)} to ${figure(found.max)}, mean ${figure(found.mean)}`],
      ['Rows without a value', count(found.missingCount)],
    ]);
  }
  const total = all.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const largest = all
    .map((entry, index) => ({ ...entry, index }))
    .toSorted((a, b) => b.rowCount - a.rowCount || a.index - b.index);
  return table(
    'Classes by number of rows in the dataset',
    largest,
    [
      text('Class', ({ label }) => named(label)),
      number('Rows', ({ rowCount }) => count(rowCount)),
      number('Share', ({ rowCount }) => percent(rowCount / total)),
    ],
    CLASSES_SHOWN_MAX,
  );
}
