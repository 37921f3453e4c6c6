// What each insight shows: charts with their numbers. A view is (insight) => elements.

import { bars, diagonal, figure, plot, rangeOf } from './charts.js';
import { classCurves } from './class-curves.js';
import { facts, make, number, percent, table } from './dom.js';
import { learningCurve } from './learning-curve.js';
import { levelName } from './level-name.js';
import { segments } from './segments.js';

/** Features, terms and levels that one chart has bars for; the table beside has all. */
const BARS_MAX = 25;
const SHADES = 10;

const numbers = (rows, ...columns) =>
  table(
    rows,
    columns.map(([title, cell, kind = 'number']) => [title, cell, kind]),
    'Nothing.',
  );
const first = (rows) => rows.slice(0, BARS_MAX);
const note = (text) => make('p', { className: 'hint' }, text);
const cut = (rows, what) =>
  rows.length > BARS_MAX
    ? ` The first ${BARS_MAX} of ${number(rows.length)} ${what} are drawn; the table has all.`
    : '';
const unit = { range: [0, 1] };

function roc({ label, auc, points, pointCount, positiveWeight, negativeWeight }) {
  const shown = facts([
    ['Area under the curve', number(auc)],
    [`Rows of ${label}`, number(positiveWeight)],
    ['Other rows', number(negativeWeight)],
  ]);
  if (auc === null) return [shown, note('The rows are all of one class, so there is no curve.')];
  const chart = plot({
    title: `ROC of ${label}`,
    description: `True positive rate by false positive rate; area ${number(auc)}, where guessing has 0.5.`,
    x: { label: 'False positive rate', ...unit },
    y: { label: 'True positive rate', ...unit },
    series: [
      {
        kind: 'line',
        name: 'this model',
        data: points.map((point) => [point.falsePositiveRate, point.truePositiveRate]),
      },
      diagonal('guessing'),
    ],
  });
  const rows = numbers(
    points,
    ['Threshold', (row) => number(row.threshold)],
    ['False positive rate', (row) => number(row.falsePositiveRate)],
    ['True positive rate', (row) => number(row.truePositiveRate)],
    ['Precision', (row) => number(row.precision)],
  );
  return [
    shown,
    figure(chart, `Up and to the left is better. ${number(points.length)} of ${number(pointCount)} points.`, rows),
  ];
}

function precisionRecall({ label, averagePrecision, points, pointCount, positiveWeight, negativeWeight }) {
  const share = positiveWeight / (positiveWeight + negativeWeight);
  const shown = facts([
    ['Average precision', number(averagePrecision)],
    [`Share of ${label}`, percent(share)],
  ]);
  if (averagePrecision === null) return [shown, note(`No row is of ${label}, so there is no curve.`)];
  const chart = plot({
    title: `Precision and recall of ${label}`,
    description: `Precision by recall; average precision ${number(averagePrecision)}, where guessing has ${number(share)}.`,
    x: { label: 'Recall', ...unit },
    y: { label: 'Precision', ...unit },
    series: [
      { kind: 'line', name: 'this model', data: points.map((point) => [point.recall, point.precision]) },
      {
        kind: 'dashes',
        name: 'guessing',
        className: 'soft',
        data: [
          [0, share],
          [1, share],
        ],
      },
    ],
  });
  const rows = numbers(
    points,
    ['Threshold', (row) => number(row.threshold)],
    ['Recall', (row) => number(row.recall)],
    ['Precision', (row) => number(row.precision)],
  );
  return [
    shown,
    figure(chart, `Up and to the right is better. ${number(points.length)} of ${number(pointCount)} points.`, rows),
  ];
}

function lift({ label, meanActual, bins }) {
  const top = Math.max(...bins.map((bin) => Math.max(bin.meanActual, bin.meanPredicted)));
  const low = Math.min(0, ...bins.map((bin) => Math.min(bin.meanActual, bin.meanPredicted)));
  const chart = plot({
    title: label === null ? 'Actual and predicted by predicted value' : `Actual and predicted rate of ${label}`,
    description: 'Rows by falling prediction, in groups of the same number of rows.',
    x: { label: 'Groups of rows, highest predictions first', range: [0.5, bins.length + 0.5] },
    y: { label: label === null ? 'Mean' : `Rate of ${label}`, range: rangeOf([top, low]) },
    series: [
      { kind: 'line', name: 'actual', data: bins.map((bin, index) => [index + 1, bin.meanActual]) },
      {
        kind: 'line',
        name: 'predicted',
        className: 'second',
        data: bins.map((bin, index) => [index + 1, bin.meanPredicted]),
      },
      {
        kind: 'dashes',
        name: 'mean of all',
        className: 'soft',
        data: [
          [0.5, meanActual],
          [bins.length + 0.5, meanActual],
        ],
      },
    ],
  });
  const rows = numbers(
    bins.map((bin, index) => ({ ...bin, index })),
    ['Group', (bin) => number(bin.index + 1)],
    ['Rows', (bin) => number(bin.rowCount)],
    ['Predicted', (bin) => number(bin.meanPredicted)],
    ['Actual', (bin) => number(bin.meanActual)],
    ['Lift', (bin) => number(bin.lift)],
    ['Cumulative lift', (bin) => number(bin.cumulativeLift)],
  );
  return [
    facts([
      ['Mean of all', number(meanActual)],
      ['Lift of the first group', number(bins[0]?.lift)],
    ]),
    figure(
      chart,
      'The steeper the actual values fall, the better the model orders rows; where both lines agree it is right on average.',
      rows,
    ),
  ];
}

function calibration({ label, expectedError, bins }) {
  const chart = plot({
    title: `Calibration of ${label}`,
    description: `Share of ${label} among rows by what was predicted; mean distance ${number(expectedError)}.`,
    x: { label: 'Mean predicted probability', ...unit },
    y: { label: `Share of ${label}`, ...unit },
    series: [
      { kind: 'line', name: 'this model', data: bins.map((bin) => [bin.meanPredicted, bin.meanActual]) },
      { kind: 'points', data: bins.map((bin) => [bin.meanPredicted, bin.meanActual, `${number(bin.rowCount)} rows`]) },
      diagonal('perfect'),
    ],
  });
  const rows = numbers(
    bins,
    ['From', (bin) => number(bin.from)],
    ['To', (bin) => number(bin.to)],
    ['Rows', (bin) => number(bin.rowCount)],
    ['Predicted', (bin) => number(bin.meanPredicted)],
    ['Actual', (bin) => number(bin.meanActual)],
  );
  return [
    facts([['Expected calibration error', number(expectedError)]]),
    figure(chart, 'Below the dashed line probabilities are too high, above it too low.', rows),
  ];
}

function confusion({ labels, weights, classes }) {
  const name = (label) => label ?? 'all others';
  const row = (label, actual) => {
    const total = weights[actual].reduce((sum, value) => sum + value, 0);
    return make(
      'tr',
      {},
      make('th', { scope: 'row', title: name(label) }, name(label)),
      ...weights[actual].map((value, predicted) => {
        const shade = total === 0 ? 0 : Math.ceil((value / total) * SHADES);
        const words = `${name(label)} predicted as ${name(labels[predicted])}: ${number(value)}, ${percent(total === 0 ? null : value / total)} of the row`;
        return make(
          'td',
          { className: `number ${actual === predicted ? 'hit' : 'miss'} shade-${shade}`, title: words },
          number(value),
        );
      }),
    );
  };
  const head = make(
    'tr',
    {},
    make('th', { scope: 'col' }, 'Actual'),
    ...labels.map((label) => make('th', { scope: 'col', className: 'number', title: name(label) }, name(label))),
  );
  const matrix = make(
    'table',
    { className: 'confusion' },
    make('thead', {}, head),
    make('tbody', {}, ...labels.map(row)),
  );
  return [
    make('div', { className: 'scroll tall', tabIndex: 0, 'aria-label': 'confusion matrix', role: 'region' }, matrix),
    note(
      `Rows are what was true, columns what was predicted; the darker, the larger the share of its row.${labels.includes(null) ? ' Only the largest classes have rows of their own.' : ''}`,
    ),
    make('h3', {}, 'By class'),
    make(
      'div',
      { className: 'scroll tall' },
      table(
        classes,
        [
          ['Class', (one) => name(one.label), 'name'],
          ['Rows', (one) => number(one.weight), 'number'],
          ['Precision', (one) => number(one.precision), 'number'],
          ['Recall', (one) => number(one.recall), 'number'],
          ['F1', (one) => number(one.f1), 'number'],
        ],
        'No classes.',
      ),
    ),
  ];
}

function residuals({ mean, std, quantiles, edges, counts, points }) {
  const range = rangeOf(points.flatMap((point) => [point.actual, point.predicted]));
  const scatter = plot({
    title: 'Actual by predicted value',
    description: 'One point a row; on the dashed line the prediction was right.',
    x: { label: 'Predicted', range: rangeOf(points.map((point) => point.predicted)) },
    y: { label: 'Actual', range },
    series: [
      { kind: 'points', data: points.map((point) => [point.predicted, point.actual, `row ${point.rowIndex}`]) },
      {
        kind: 'dashes',
        className: 'soft',
        data: rangeOf(points.map((point) => point.predicted)).map((value) => [value, value]),
      },
    ],
  });
  const histogram = plot({
    title: 'Distribution of residuals',
    description: `Rows by actual less predicted; mean ${number(mean)}, standard deviation ${number(std)}.`,
    x: { label: 'Actual less predicted', range: rangeOf(edges) },
    y: { label: 'Rows', range: [0, Math.max(1, ...counts)] },
    series: [{ kind: 'bars', data: counts.map((count, index) => [edges[index], edges[index + 1], count]) }],
  });
  return [
    facts([
      ['Mean residual', number(mean)],
      ['Standard deviation', number(std)],
      ...quantiles
        .filter(({ q }) => q === 0.05 || q === 0.5 || q === 0.95)
        .map(({ q, value }) => [`${q * 100} % quantile`, number(value)]),
    ]),
    figure(
      scatter,
      `${number(points.length)} evenly spaced rows.`,
      numbers(
        points,
        ['Row', (point) => number(point.rowIndex)],
        ['Actual', (point) => number(point.actual)],
        ['Predicted', (point) => number(point.predicted)],
      ),
    ),
    figure(
      histogram,
      'Above 0 the prediction was too low.',
      numbers(
        counts.map((count, index) => ({ count, index })),
        ['From', ({ index }) => number(edges[index])],
        ['To', ({ index }) => number(edges[index + 1])],
        ['Rows', ({ count }) => number(count)],
      ),
    ),
  ];
}

function featureImpact({ metric, score, repeats, features, unused, groups, associationMin }) {
  const drawnRows = first(features).filter(({ impact }) => impact !== null);
  const chart =
    drawnRows.length === 0
      ? note('No feature has a defined impact.')
      : bars({
          title: `What permuting a feature costs in ${metric}`,
          description: `The largest is ${drawnRows[0].feature} with ${number(drawnRows[0].impact)}.`,
          label: `${metric} that is lost`,
          rows: drawnRows.map(({ feature, impact, std }) => ({ name: feature, value: impact, error: std ?? 0 })),
        });
  const rows = table(
    features,
    [
      ['Feature', (row) => row.feature, 'name'],
      ['Impact', (row) => number(row.impact), 'number'],
      ['± (standard deviation)', (row) => number(row.std), 'number'],
      ['Of the largest', (row) => percent(row.normalized), 'number'],
      ['Near-duplicates', (row) => (row.group === null ? '–' : `group ${row.group + 1}`)],
    ],
    'The model reads no feature.',
  );
  const more = groups.map((group, index) =>
    note(
      `Group ${index + 1}: ${group.features.join(', ')} say much the same (association ${number(group.association)}, at least ${number(associationMin)}); permuted together they cost ${number(group.impact)}.`,
    ),
  );
  return [
    facts([
      [`${metric} of these rows`, number(score)],
      ['Permutations', number(repeats)],
      ['Features read', number(features.length)],
    ]),
    figure(
      chart,
      `Bars are means over ${repeats} permutations, lines their standard deviation; above 0 the model needs the feature.${cut(features, 'features')}`,
      rows,
    ),
    ...more,
    ...(unused.length === 0
      ? []
      : [
          note(
            `Not read by the model, so of impact 0: ${first(unused).join(', ')}${unused.length > BARS_MAX ? ` and ${unused.length - BARS_MAX} more` : ''}.`,
          ),
        ]),
  ];
}

function featureEffects({ outputs, dependenceRowCount, featureCount, features }, { types }) {
  if (features.length === 0) return [note('The model reads no feature.')];
  const place = make('div');
  const feature = make('select', {}, ...features.map((one, index) => make('option', { value: index }, one.feature)));
  const output = make('select', {}, ...outputs.map((one, index) => make('option', { value: index }, one ?? 'value')));
  const draw = () =>
    place.replaceChildren(
      ...effectOf(features[Number(feature.value)], outputs, Number(output.value), dependenceRowCount, types),
    );
  feature.addEventListener('change', draw);
  output.addEventListener('change', draw);
  draw();
  const choose = [
    make('label', {}, 'Feature ', feature),
    ...(outputs.length > 1 ? [make('label', {}, 'Class ', output)] : []),
  ];
  return [
    make('div', { className: 'controls' }, ...choose),
    place,
    note(
      `The ${number(features.length)} features of ${number(featureCount)} that move predictions most, by falling movement.`,
    ),
  ];
}

function effectOf({ feature, movement, bins }, outputs, output, dependenceRowCount, types) {
  const name = outputs[output];
  const named = bins.map((bin) => levelName(bin, types?.[feature] === 'date'));
  const lines = [
    ['actual', 'first', (bin) => bin.meanActual[output]],
    ['predicted', 'second', (bin) => bin.meanPredicted[output]],
    ['partial dependence', 'third', (bin) => bin.partialDependence?.[output] ?? null],
  ];
  const isRange = bins.every(({ kind }) => kind === 'range');
  const chart = plot({
    title: `Effect of ${feature}`,
    description: `Means of actual and predicted, and partial dependence, by ${feature}.`,
    x: { label: feature, range: [-0.5, bins.length - 0.5], names: named },
    y: {
      label: name === null ? 'Mean' : `Rate of ${name}`,
      range: rangeOf(bins.flatMap((bin) => lines.map(([, , value]) => value(bin)))),
    },
    series: lines.flatMap(([title, className, value]) => {
      const data = bins.map((bin, index) => [index, value(bin), `${named[index]}: ${title} ${number(value(bin))}`]);
      return [
        ...(isRange ? [{ kind: 'line', name: title, className, data }] : []),
        { kind: 'points', className, data, ...(isRange ? {} : { name: title }) },
      ];
    }),
  });
  const rows = table(
    bins.map((bin, index) => ({ ...bin, name: named[index] })),
    [
      [feature, (bin) => bin.name, 'name'],
      ['Rows', (bin) => number(bin.rowCount), 'number'],
      ...lines.map(([title, , value]) => [title, (bin) => number(value(bin)), 'number']),
    ],
    'No rows.',
  );
  return [
    figure(
      chart,
      `Permuting ${feature} moves a prediction by ${number(movement)} on average. Partial dependence: the mean prediction of ${number(dependenceRowCount)} rows, if each had this value.`,
      rows,
    ),
  ];
}

const KIND_NAMES = { number: 'one more', curve: 'curve', level: 'level', missing: 'missing' };
const termName = ({ column, kind, level }) =>
  kind === 'level' ? `${column} = ${level}` : kind === 'missing' ? `${column} missing` : column;

function coefficients({ label, link, intercept, memberCount, termCount, terms }) {
  const straight = terms.filter(({ standardized }) => standardized !== null);
  const drawnTerms = first(straight);
  const chart =
    drawnTerms.length === 0
      ? note('No term has a standardised coefficient.')
      : bars({
          title: 'Standardised coefficients',
          description: `The largest is ${termName(drawnTerms[0])} with ${number(drawnTerms[0].standardized)}.`,
          label: `Added to the raw score (${link})`,
          rows: drawnTerms.map((term) => ({ name: termName(term), value: term.standardized })),
        });
  const rows = table(
    terms,
    [
      ['Term', (term) => termName(term), 'name'],
      ['Kind', (term) => KIND_NAMES[term.kind]],
      ['Coefficient', (term) => number(term.coefficient), 'number'],
      ['± between models', (term) => number(term.spread), 'number'],
      ['Standardised', (term) => number(term.standardized), 'number'],
    ],
    'The model has no terms.',
  );
  const curves = terms.filter(({ points }) => points !== null);
  return [
    facts([
      ['Raw score of', label ?? 'the value'],
      ['Link', link],
      ['Intercept', number(intercept)],
      ['Models blended', number(memberCount)],
      ['Terms', `${number(terms.length)} of ${number(termCount)}`],
    ]),
    figure(
      chart,
      `What a term adds to the raw score: a number for one standard deviation of the dataset’s rows, a level beyond the average row.${cut(straight, 'terms')}`,
      rows,
    ),
    ...(curves.length === 0 ? [] : [curveView(curves)]),
  ];
}

/** Numbers that may bend, one at a time. */
function curveView(curves) {
  const place = make('div');
  const select = make('select', {}, ...curves.map((term, index) => make('option', { value: index }, term.column)));
  const draw = () => {
    const { column, points } = curves[Number(select.value)];
    const chart = plot({
      title: `Curve of ${column}`,
      description: `What ${column} adds to the raw score, beyond the average row.`,
      x: { label: column, range: rangeOf(points.map(({ at }) => at)) },
      y: { label: 'Added to the raw score', range: rangeOf(points.map(({ value }) => value)) },
      series: [{ kind: 'line', data: points.map(({ at, value }) => [at, value]) }],
    });
    const rows = numbers(points, ['At', (point) => number(point.at)], ['Adds', (point) => number(point.value)]);
    place.replaceChildren(figure(chart, 'Straight between its points, flat beyond.', rows));
  };
  select.addEventListener('change', draw);
  draw();
  return make('div', {}, make('h3', {}, 'Curves'), make('label', {}, 'Feature ', select), place);
}

const CLOUD_SIZES = 6;
/** Spaces at the ends of a term of characters are the ends of a word. */
const visible = (term) => term.replaceAll(/^ | $/g, '␣');

/** Terms by falling magnitude, larger ones in larger letters: a list, which readers of any kind can go through. */
function wordCloud({ label, memberCount, termCount, terms }) {
  const most = Math.max(...terms.map(({ coefficient }) => Math.abs(coefficient)), 0) || 1;
  const size = (value) => Math.max(1, Math.ceil((Math.abs(value) / most) * CLOUD_SIZES));
  const words = terms.map(({ term, coefficient, feature }) =>
    make(
      'li',
      {
        className: `size-${size(coefficient)} ${coefficient < 0 ? 'down' : 'up'}`,
        title: `${feature}: ${number(coefficient)}`,
      },
      `${coefficient < 0 ? '−' : '+'}${visible(term)}`,
    ),
  );
  const rows = table(
    terms,
    [
      ['Term', ({ term }) => visible(term), 'name'],
      ['Feature', ({ feature }) => feature, 'name'],
      ['Cut into', ({ tokens }) => tokens],
      ['Coefficient', ({ coefficient }) => number(coefficient), 'number'],
      ['Texts that have it', ({ documentCount }) => number(documentCount), 'number'],
    ],
    'The texts have no terms.',
  );
  return [
    facts([
      ['Score of', label ?? 'the value'],
      ['Models', number(memberCount)],
      ['Terms', `${number(terms.length)} of ${number(termCount)}`],
    ]),
    figure(
      make('ul', { className: 'cloud' }, ...words),
      `+ raises ${label ?? 'the value'}, − lowers it: coefficients in tf-idf vectors of length 1; the larger, the more.`,
      rows,
    ),
  ];
}

/** Views by kind. */
export const VIEWS = {
  'feature-impact': featureImpact,
  'feature-effects': featureEffects,
  segments,
  'learning-curve': learningCurve,
  lift,
  roc: (insight) => (insight.classes === undefined ? roc(insight) : classCurves(insight)),
  'precision-recall': (insight) => (insight.classes === undefined ? precisionRecall(insight) : classCurves(insight)),
  confusion,
  calibration,
  residuals,
  coefficients,
  'word-cloud': wordCloud,
};
