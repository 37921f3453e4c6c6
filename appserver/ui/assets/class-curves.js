// ROC, and precision and recall, of all classes at once: curves of the largest ones, scores of all.

import { diagonal, figure, plot, SERIES, short } from './charts.js';
import { facts, make, number, table } from './dom.js';

const unit = { range: [0, 1] };

/** What the two kinds call their scores and axes. */
const KINDS = {
  roc: {
    title: 'ROC',
    scoreOf: ({ auc }) => auc,
    meanOf: ({ macroAuc }) => macroAuc,
    scoreName: 'Area under the curve',
    meanName: 'Mean area under the curves',
    x: ['False positive rate', (point) => point.falsePositiveRate],
    y: ['True positive rate', (point) => point.truePositiveRate],
    caption: 'Up and to the left is better.',
    guessing: [diagonal('guessing')],
  },
  'precision-recall': {
    title: 'Precision and recall',
    scoreOf: ({ averagePrecision }) => averagePrecision,
    meanOf: ({ macroAveragePrecision }) => macroAveragePrecision,
    scoreName: 'Average precision',
    meanName: 'Mean average precision',
    x: ['Recall', (point) => point.recall],
    y: ['Precision', (point) => point.precision],
    caption: 'Up and to the right is better; guessing has the share of the class.',
    // Another share in each class.
    guessing: [],
  },
};

/** The view of an insight that has all classes. */
export function classCurves(insight) {
  const { title, scoreOf, meanOf, scoreName, meanName, x, y, caption, guessing } = KINDS[insight.kind];
  const { classes } = insight;
  const drawn = classes.filter(({ points }) => points !== undefined);
  const scored = classes.filter((one) => scoreOf(one) !== null);
  const scores = table(
    classes,
    [
      ['Class', ({ label }) => label, 'name'],
      ['Rows', ({ weight }) => number(weight), 'number'],
      [scoreName, (one) => number(scoreOf(one)), 'number'],
    ],
    'No classes.',
  );
  const shown = facts([
    [meanName, number(meanOf(insight))],
    ['Classes', `${number(scored.length)} of ${number(classes.length)} have a curve`],
  ]);
  if (drawn.length === 0)
    return [shown, make('p', { className: 'hint' }, 'The rows are all of one class, so there is no curve.')];
  const chart = plot({
    title:
      drawn.length === classes.length ? `${title} of all classes` : `${title} of the ${drawn.length} largest classes`,
    description: `Each class against all others; mean over all classes ${number(meanOf(insight))}.`,
    x: { label: x[0], ...unit },
    y: { label: y[0], ...unit },
    series: [
      ...drawn.map((one, index) => ({
        kind: 'line',
        className: SERIES[index],
        name: `${short(one.label)} (${number(scoreOf(one))})`,
        data: one.points.map((point) => [x[1](point), y[1](point)]),
      })),
      ...guessing,
    ],
  });
  const points = table(
    drawn.flatMap(({ label, points: own }) => own.map((point) => ({ label, point }))),
    [
      ['Class', ({ label }) => label, 'name'],
      [x[0], ({ point }) => number(x[1](point)), 'number'],
      [y[0], ({ point }) => number(y[1](point)), 'number'],
    ],
    'Nothing.',
  );
  return [
    shown,
    figure(chart, `${caption} Each class is held against all others. Choose a class for its thresholds.`, points),
    make('h3', {}, 'By class'),
    make('div', { className: 'scroll tall' }, scores),
  ];
}
