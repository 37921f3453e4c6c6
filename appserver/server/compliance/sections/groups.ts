import type { TaskInsightContent } from '#contracts';
import { byDisparity, insightOf, rowsUsed } from '../derived.ts';
import type { ReportFacts } from '../facts.ts';
import { heading, note, number, paragraph, table, text, type Section } from '../layout.ts';
import { CAPTION_CHARACTERS_MAX, cut, markup, named, NOTHING, type Markup } from '../markup.ts';
import { count, figure, percent, withError } from '../numbers.ts';
import { binName, notComputed } from './behaviour.ts';

const NOTABLE_SHOWN_MAX = 30;
/** Smaller p-values are told to be smaller. */
const P_SHOWN_MIN = 0.001;
const COLUMNS_SHOWN_MAX = 40;
const RATED_COLUMNS_MAX = 8;
const RATED_SEGMENTS_MAX = 12;

type Segments = Extract<TaskInsightContent, { kind: 'segments' }>;

/** For which rows the model is better or worse, and how groups of a column differ. */
export function groups(report: ReportFacts): Section {
  const found = insightOf(report, 'segments');
  const types = new Map(report.dataset.features.map(({ name, type }) => [name, type]));
  const body =
    found === null
      ? notComputed('segments', report)
      : markup`${paragraph(
          `Rows parted by the values of ${count(found.insight.columnCount)} columns, those too that the model does not read, on ${rowsUsed(found)}. ${count(found.insight.testedCount)} segments were tested; listed are those whose difference chance does not explain (p < 0.05 after Holm’s correction for all of them).`,
        )}${notable(found.insight, types)}${disparities(found.insight)}${rated(found.insight, types)}`;
  return {
    id: 'groups',
    title: 'Segments and groups of people',
    body: markup`${body}${note('Which columns are protected attributes the platform does not know. Small groups differ by chance; labels themselves may be unfair; and not all of these measures can be equal at once where the groups’ base rates differ (Kleinberg, Mullainathan, Raghavan 2016). Leaving an attribute out does not make a model blind to it.')}`,
  };
}

type Types = ReadonlyMap<string, string>;

function notable({ notable: all, features, metric }: Segments, types: Types): Markup {
  const columns = new Map(features.map((column) => [column.feature, column]));
  const rows = all.flatMap(({ feature, segment }) => {
    const one = columns.get(feature)?.segments[segment];
    return one === undefined ? [] : [{ ...one, feature }];
  });
  if (rows.length === 0) return paragraph('No segment is better or worse than the rest by more than chance.');
  return table(
    `Segments on which ${metric} differs by more than chance; below 0 is worse`,
    rows,
    [
      text('Column', ({ feature }) => named(feature)),
      text('Rows with', (row) => binName(row, types.get(row.feature) ?? '')),
      number('Rows', ({ rowCount }) => count(rowCount)),
      number(metric, ({ score }) => figure(score)),
      number('Better by', ({ gain, noise }) => withError(gain, noise)),
      number('p', ({ pValue }) => (pValue !== null && pValue < P_SHOWN_MIN ? `< ${P_SHOWN_MIN}` : figure(pValue, 2))),
    ],
    NOTABLE_SHOWN_MAX,
  );
}

function disparities({ features, threshold }: Segments): Markup {
  const columns = byDisparity(features);
  if (columns.length === 0) return NOTHING;
  return markup`${heading('Disparities between groups')}${table(
    `Largest differences between groups of fifty rows or more of a column, positive from probability ${figure(threshold, 2)}`,
    columns,
    [
      text('Column', ({ feature }) => named(feature)),
      text('Read by the model', ({ isModelled }) => (isModelled ? 'yes' : 'no')),
      number('Selected: difference', ({ disparities: found }) => percent(found?.selectedDifference)),
      number('Selected: ratio', ({ disparities: found }) => figure(found?.selectedRatio, 3)),
      number('True positive rate', ({ disparities: found }) => percent(found?.truePositiveDifference)),
      number('False positive rate', ({ disparities: found }) => percent(found?.falsePositiveDifference)),
      number('Equalised odds', ({ disparities: found }) => percent(found?.equalizedOddsDifference)),
    ],
    COLUMNS_SHOWN_MAX,
  )}${paragraph('Difference and ratio of the rates of selection: demographic parity (the ratio is what the rule of four fifths is about); of true positive rates: equal opportunity; equalised odds: the larger of the two differences before.')}`;
}

/** Those that the model does not read first: attributes that are protected are left out of the features as a rule. */
function rated({ features }: Segments, types: Types): Markup {
  const columns = byDisparity(features)
    .filter(({ segments }) => segments.some(({ kind }) => kind === 'level'))
    .toSorted((a, b) => Number(a.isModelled) - Number(b.isModelled))
    .slice(0, RATED_COLUMNS_MAX);
  return markup`${columns.map(({ feature, segments }) =>
    table(
      `Groups of ${cut(feature, CAPTION_CHARACTERS_MAX)}`,
      segments,
      [
        text('Group', (segment) => binName(segment, types.get(feature) ?? '')),
        number('Rows', ({ rowCount }) => count(rowCount)),
        number('Actually positive', ({ meanActual }) => percent(meanActual[0])),
        number('Mean predicted', ({ meanPredicted }) => percent(meanPredicted[0])),
        number('Selected', ({ rates }) => percent(rates?.selected)),
        number('True positive rate', ({ rates }) => percent(rates?.truePositive)),
        number('False positive rate', ({ rates }) => percent(rates?.falsePositive)),
        number('Precision', ({ rates }) => percent(rates?.precision)),
      ],
      RATED_SEGMENTS_MAX,
    ),
  )}`;
}
