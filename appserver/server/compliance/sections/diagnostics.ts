import type { InsightContent } from '#contracts';
import { chart, rangeOf } from '../charts.ts';
import { number, paragraph, table, text } from '../layout.ts';
import { markup, named, NOTHING, type Markup } from '../markup.ts';
import { count, figure, percent } from '../numbers.ts';

/** Points of a curve, and classes of a table and of a matrix, at most. */
const CURVE_POINTS_MAX = 120;
const CLASSES_SHOWN_MAX = 50;
const MATRIX_CLASSES_MAX = 10;

/** What of an insight is drawn. */
export function diagnosticCharts(insight: InsightContent): Markup {
  switch (insight.kind) {
    case 'roc':
      return roc(insight);
    case 'lift':
      return lift(insight);
    case 'calibration':
      return calibration(insight);
    case 'residuals':
      return residuals(insight);
    default:
      return NOTHING;
  }
}

/** What of an insight stands in tables. */
export function diagnosticTables(insight: InsightContent): Markup {
  switch (insight.kind) {
    case 'calibration':
      return calibrationTable(insight);
    case 'confusion':
      return confusion(insight);
    case 'residuals':
      return residualTable(insight);
    default:
      return NOTHING;
  }
}

type Of<K extends InsightContent['kind']> = Extract<InsightContent, { kind: K }>;
const UNIT = { from: 0, to: 1 };

/** Evenly spaced entries of a list, its ends among them. */
function thinned<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, index) => all[Math.round((index * (all.length - 1)) / (most - 1))]).flatMap(
    (entry) => (entry === undefined ? [] : [entry]),
  );
}

const roc = ({ label, auc, points }: Of<'roc'>): Markup =>
  chart({
    title: `ROC curve of ${label}, area ${figure(auc, 4)}`,
    x: { label: 'False positive rate', ...UNIT },
    y: { label: 'True positive rate', ...UNIT },
    series: [
      {
        name: 'ROC',
        shape: 'line',
        points: thinned(points, CURVE_POINTS_MAX).map((point) => [point.falsePositiveRate, point.truePositiveRate]),
      },
    ],
    hasDiagonal: true,
  });

function lift({ label, bins, meanActual }: Of<'lift'>): Markup {
  const points = (key: 'meanPredicted' | 'meanActual') => bins.map((bin, index) => [index + 1, bin[key]] as const);
  const { from, to } = rangeOf([...bins.flatMap((bin) => [bin.meanPredicted, bin.meanActual]), meanActual]);
  const what = label === null ? 'the target' : `class ${label}`;
  return chart({
    title: `Lift of ${what}: predicted and actual means of ${bins.length} groups of rows by falling prediction`,
    x: { label: 'Group, highest predictions first', from: 1, to: Math.max(2, bins.length) },
    y: { label: 'Mean', from, to },
    series: [
      { name: 'predicted', shape: 'line', points: points('meanPredicted') },
      { name: 'actual', shape: 'dots', points: points('meanActual') },
    ],
  });
}

const calibration = ({ label, bins, expectedError }: Of<'calibration'>): Markup =>
  chart({
    title: `Calibration of ${label}: expected error ${figure(expectedError, 3)}`,
    x: { label: 'Mean predicted probability', ...UNIT },
    y: { label: 'Share of rows that are of the class', ...UNIT },
    series: [{ name: 'bins', shape: 'dots', points: bins.map((bin) => [bin.meanPredicted, bin.meanActual]) }],
    hasDiagonal: true,
  });

const calibrationTable = ({ bins }: Of<'calibration'>): Markup =>
  table('Calibration by bins of the predicted probability', bins, [
    text('Probability', ({ from, to }) => `${figure(from, 3)} to ${figure(to, 3)}`),
    number('Rows', ({ rowCount }) => count(rowCount)),
    number('Mean predicted', ({ meanPredicted }) => figure(meanPredicted, 4)),
    number('Share that is', ({ meanActual }) => figure(meanActual, 4)),
  ]);

function confusion({ labels, weights, classes }: Of<'confusion'>): Markup {
  const nameOf = (label: string | null): Markup => (label === null ? markup`<i>all other classes</i>` : named(label));
  const perClass = table(
    'Precision and recall of each class',
    classes,
    [
      text('Class', ({ label }) => nameOf(label)),
      number('Rows by weight', ({ weight }) => figure(weight)),
      number('Precision', ({ precision }) => figure(precision, 4)),
      number('Recall', ({ recall }) => figure(recall, 4)),
      number('F1', ({ f1 }) => figure(f1, 4)),
    ],
    CLASSES_SHOWN_MAX,
  );
  if (labels.length > MATRIX_CLASSES_MAX)
    return markup`${perClass}${paragraph(`The confusion matrix of ${count(labels.length)} classes is not shown; GET /models/{id}/insights/confusion has it.`)}`;
  const rows = weights.map((row, index) => ({ row, label: labels[index] ?? null }));
  const matrix = table('Confusion: rows are actual classes, columns predicted ones; by weight of rows', rows, [
    text('Actual', ({ label }) => nameOf(label)),
    ...labels.map((label, index) => number<(typeof rows)[number]>(label ?? 'others', ({ row }) => figure(row[index]))),
  ]);
  const total = weights.flat().reduce((sum, value) => sum + value, 0);
  const right = weights.reduce((sum, row, index) => sum + (row[index] ?? 0), 0);
  return markup`${matrix}${paragraph(`${percent(right / total)} of the rows by weight are predicted right.`)}${perClass}`;
}

function residuals({ edges, counts, points }: Of<'residuals'>): Markup {
  const tallest = counts.reduce((most, value) => Math.max(most, value), 1);
  const steps = counts.flatMap((value, index) => [
    [edges[index] ?? 0, value] as const,
    [edges[index + 1] ?? 0, value] as const,
  ]);
  const both = rangeOf(points.flatMap(({ actual, predicted }) => [actual, predicted]));
  const histogram = chart({
    title: 'Residuals (actual - predicted): number of rows',
    x: { label: 'Residual', ...rangeOf(edges) },
    y: { label: 'Rows', from: 0, to: tallest },
    series: [{ name: 'rows', shape: 'line', points: steps }],
  });
  const scatter = chart({
    title: 'Actual and predicted values of evenly spaced rows',
    x: { label: 'Predicted', ...both },
    y: { label: 'Actual', ...both },
    series: [
      {
        name: 'rows',
        shape: 'dots',
        points: thinned(points, 2 * CURVE_POINTS_MAX).map(({ predicted, actual }) => [predicted, actual]),
      },
    ],
    hasDiagonal: true,
  });
  return markup`${histogram}${scatter}`;
}

const residualTable = ({ mean, std, quantiles }: Of<'residuals'>): Markup =>
  table(
    'Residuals',
    [
      ['Mean', figure(mean)],
      ['Standard deviation', figure(std)],
      ...quantiles.map(({ q, value }) => [`Quantile ${figure(q)}`, figure(value)]),
    ],
    [text('', ([name]) => name ?? ''), number('', ([, value]) => value ?? '')],
  );
