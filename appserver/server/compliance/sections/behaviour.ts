import type { TaskInsightContent } from '#contracts';
import { bars, chart, rangeOf } from '../charts.ts';
import { insightOf, rowsUsed } from '../derived.ts';
import type { ReportFacts } from '../facts.ts';
import { code, heading, note, number, paragraph, table, text, type Section } from '../layout.ts';
import { CAPTION_CHARACTERS_MAX, cut, markup, named, names, NOTHING, type Markup } from '../markup.ts';
import { bound, count, figure, withError } from '../numbers.ts';

const BARS_MAX = 20;
const IMPACTS_SHOWN_MAX = 60;
const EFFECTS_SHOWN_MAX = 8;
const GROUPS_SHOWN_MAX = 20;
const TERMS_SHOWN_MAX = 40;
const BINS_SHOWN_MAX = 40;

type Of<K extends TaskInsightContent['kind']> = Extract<TaskInsightContent, { kind: K }>;

/** What the model makes of its features. */
export function behaviour(report: ReportFacts): Section {
  return {
    id: 'behaviour',
    title: 'What the model makes of its features',
    body: markup`${impact(report)}${effects(report)}${coefficients(report)}${learningCurve(report)}`,
  };
}

/** What is missing, and how to have it. */
export const notComputed = (kind: string, { model }: ReportFacts): Markup =>
  note(
    markup`Not computed for this model when the report was made. Ask for it by ${code(`POST /api/v1/models/${model.id}/insights/${kind}`)}; the report then has it.`,
  );

function impact(report: ReportFacts): Markup {
  const title = heading('Feature impact');
  const found = insightOf(report, 'feature-impact');
  if (found === null) return markup`${title}${notComputed('feature-impact', report)}`;
  const { insight } = found;
  const shown = insight.features
    .slice(0, BARS_MAX)
    .flatMap(({ feature, impact: value, std }) => (value === null ? [] : [{ label: feature, value, error: std }]));
  return markup`${title}${paragraph(
    `By how much ${insight.metric} gets worse when the cells of one feature are dealt to other rows at random (permutation importance, Breiman 2001): mean and spread of ${count(insight.repeats)} permutations, on ${rowsUsed(found)}. It says what this model needs, not what causes the target.`,
  )}${shown.length === 0 ? NOTHING : bars('Feature impact, the largest first', shown, ({ value, error }) => withError(value, error))}${table(
    'Feature impact',
    insight.features,
    [
      text('Feature', ({ feature }) => named(feature)),
      number('Impact', ({ impact: value, std }) => withError(value, std)),
      number('By the largest', ({ normalized }) => figure(normalized, 3)),
      text('Much the same as', ({ group }) => (group === null ? '' : `group ${group + 1}`)),
    ],
    IMPACTS_SHOWN_MAX,
  )}${
    insight.unused.length === 0
      ? NOTHING
      : paragraph(markup`Not read at all: ${names(insight.unused, IMPACTS_SHOWN_MAX)}.`)
  }${groups(insight)}`;
}

function groups({ groups: all, associationMin }: Of<'feature-impact'>): Markup {
  if (all.length === 0) return NOTHING;
  return table(
    `Groups of features that say much the same (association of ${figure(associationMin)} and above), permuted together`,
    all.map((group, index) => ({ ...group, index })),
    [
      number('Group', ({ index }) => count(index + 1)),
      text('Features', ({ features }) => names(features, IMPACTS_SHOWN_MAX)),
      number('Association', ({ association }) => figure(association, 3)),
      number('Impact', ({ impact: value, std }) => withError(value, std)),
    ],
    GROUPS_SHOWN_MAX,
  );
}

function effects(report: ReportFacts): Markup {
  const title = heading('Feature effects');
  const found = insightOf(report, 'feature-effects');
  if (found === null) return markup`${title}${notComputed('feature-effects', report)}`;
  const { insight } = found;
  const types = new Map(report.task.features.map(({ name, type }) => [name, type]));
  const output = Math.max(0, insight.outputs.length - 1);
  const label = insight.outputs[output] ?? null;
  const shown = insight.features.slice(0, EFFECTS_SHOWN_MAX);
  return markup`${title}${paragraph(
    markup`The ${count(shown.length)} features that move predictions most, of ${count(insight.featureCount)} that are read: ${label === null ? markup`the value` : markup`the probability of ${named(label)}`} by bins of the feature, on ${rowsUsed(found)}. Actual and predicted means have the effects of whatever goes together with the feature in them; the partial dependence (Friedman 2001) has not, but asks about rows that may not exist.`,
  )}<div class="charts">${shown.map((feature) => effect(feature, output, types.get(feature.feature) ?? ''))}</div>`;
}

type Effect = Of<'feature-effects'>['features'][number];

function effect({ feature, bins }: Effect, output: number, type: string): Markup {
  const ranges = bins.filter(({ kind }) => kind === 'range');
  const isCurve = ranges.length > 1 && ranges.every(({ at }) => at !== null);
  return isCurve ? effectCurve(feature, ranges, output, type) : effectTable(feature, bins, output, type);
}

function effectCurve(feature: string, bins: Effect['bins'], output: number, type: string): Markup {
  const pointsOf = (value: (bin: Effect['bins'][number]) => number | undefined): (readonly [number, number])[] =>
    bins.flatMap((bin) => {
      const y = value(bin);
      return bin.at === null || y === undefined ? [] : [[bin.at, y] as const];
    });
  const series = [
    {
      name: 'partial dependence',
      shape: 'line' as const,
      points: pointsOf(({ partialDependence }) => partialDependence?.[output]),
    },
    { name: 'predicted', shape: 'line' as const, points: pointsOf(({ meanPredicted }) => meanPredicted[output]) },
    { name: 'actual', shape: 'dots' as const, points: pointsOf(({ meanActual }) => meanActual[output]) },
  ];
  return chart({
    title: feature,
    x: {
      label: 'Value',
      ...rangeOf(bins.flatMap(({ at }) => at ?? [])),
      ...(type === 'date' ? { format: (value: number) => bound(value, type) } : {}),
    },
    y: { label: 'Mean', ...rangeOf(series.flatMap(({ points }) => points.map(([, y]) => y))) },
    series,
  });
}

function effectTable(feature: string, bins: Effect['bins'], output: number, type: string): Markup {
  return markup`<div>${table(
    `Effect of ${cut(feature, CAPTION_CHARACTERS_MAX)}`,
    bins,
    [
      text('Value', (bin) => binName(bin, type)),
      number('Rows', ({ rowCount }) => count(rowCount)),
      number('Actual', ({ meanActual }) => figure(meanActual[output], 4)),
      number('Predicted', ({ meanPredicted }) => figure(meanPredicted[output], 4)),
      number('Partial dep.', ({ partialDependence }) => figure(partialDependence?.[output], 4)),
    ],
    BINS_SHOWN_MAX,
  )}</div>`;
}

/** A bin or segment in words. */
export function binName(
  { kind, from, to, level }: Pick<Effect['bins'][number], 'kind' | 'from' | 'to' | 'level'>,
  type: string,
): Markup {
  if (kind === 'missing') return markup`<i>missing</i>`;
  if (kind === 'others') return markup`<i>all others</i>`;
  if (kind === 'level') return named(level ?? '');
  const low = from === null ? '-∞' : bound(from, type);
  const high = to === null ? '∞' : bound(to, type);
  return low === high ? markup`${low}` : markup`${low} to ${high}`;
}

function coefficients({ answer }: ReportFacts): Markup {
  const found = answer.coefficients?.insight;
  if (found?.kind !== 'coefficients') return NOTHING;
  const of = found.label === null ? NOTHING : markup` of ${named(found.label)}`;
  return markup`${heading('Coefficients')}${paragraph(
    markup`The model is linear: its raw score${of} on the link scale (${found.link}) is ${figure(found.intercept)} and the terms below. Standardised is what a number adds for one standard deviation more of it, and a level beyond the average row; spread is between the ${count(found.memberCount)} members.`,
  )}${table(
    `Terms: ${count(found.termCount)}, those first that move predictions most`,
    found.terms,
    [
      text('Feature', ({ feature }) => named(feature)),
      text('Column', ({ column, level }) =>
        level === null ? named(column) : markup`${named(column)} = ${named(level)}`,
      ),
      text('Kind', ({ kind }) => kind),
      number('Coefficient', ({ coefficient }) => figure(coefficient)),
      number('Standardised', ({ standardized }) => figure(standardized)),
      number('Spread', ({ spread }) => figure(spread, 3)),
    ],
    TERMS_SHOWN_MAX,
  )}`;
}

function learningCurve(report: ReportFacts): Markup {
  const title = heading('Would more rows help?');
  if (report.model.ensemble !== null)
    return markup`${title}${paragraph('An ensemble has no learning curve of its own.')}`;
  const found = insightOf(report, 'learning-curve');
  if (found === null) return markup`${title}${notComputed('learning-curve', report)}`;
  const { insight } = found;
  return markup`${title}${table(
    `${insight.metric} of the same blueprint on growing parts of the training rows, all scored on ${rowsUsed(found)}`,
    insight.points,
    [
      number('Part', ({ part }) => figure(part, 3)),
      number('Rows fitted on', ({ rowCount: fitted }) => (fitted === null ? 'the model itself' : count(fitted))),
      number(insight.metric, ({ score }) => figure(score)),
      number('All rows are better by', ({ gain, noise }) => withError(gain, noise)),
    ],
  )}`;
}
