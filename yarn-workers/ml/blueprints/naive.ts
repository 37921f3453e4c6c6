import type { AutopilotPlan, Blueprint } from '#contracts';

/** Forecasts that know a series' own past only: its last value, or the last one at the same place of the season. */
export type NaiveKind = 'last' | 'season';

const DATE_STEP: Blueprint['steps'][number] = {
  id: 'season',
  kind: 'date-parts',
  inputs: ['the date that parts rows'],
  description: 'The hour of hourly rows, the weekday of daily ones, the month of monthly and quarterly ones.',
};
const SERIES_STEP: Blueprint['steps'][number] = {
  id: 'series',
  kind: 'category-codes',
  inputs: ['the series column'],
  description: 'Which series a row is of, where there are several.',
};

const LAST: Blueprint = {
  id: 'naive-last',
  name: 'Naive: last value',
  family: 'baseline',
  description:
    'Predicts the last value of the series that the training rows have, however far ahead: what every model of a series must beat.',
  parameters: {},
  steps: [
    SERIES_STEP,
    { id: 'last', kind: 'tree', inputs: ['series'], description: 'A value a series; of unseen ones the mean of all.' },
  ],
};

const SEASON: Blueprint = {
  id: 'naive-seasonal',
  name: 'Naive: last season',
  family: 'baseline',
  description:
    'Predicts the last value of the series at the same hour, weekday or month that the training rows have: hard to beat where seasons rule.',
  parameters: {},
  steps: [
    SERIES_STEP,
    DATE_STEP,
    {
      id: 'last',
      kind: 'tree',
      inputs: ['series', 'season'],
      description: 'A value a series and place of the season; where a series has none, its last value.',
    },
  ],
};

/** The naive blueprints, as the REST API shows them. */
export const NAIVE_BLUEPRINTS: readonly Blueprint[] = [LAST, SEASON];

/** What a naive blueprint forecasts by; null for all others. */
export function naiveKindOf(blueprintId: string): NaiveKind | null {
  if (blueprintId === LAST.id) return 'last';
  return blueprintId === SEASON.id ? 'season' : null;
}

/**
 * The naive blueprints that a run can fit, simplest first: those of a series whose column is a feature, the seasonal one where the date is one too. Beside an
 * offset or exposure a value of the past says nothing by itself: there are none.
 */
export function naiveIdsOf({
  partitioning,
  features,
  target,
}: Pick<AutopilotPlan, 'partitioning' | 'features' | 'target'>): string[] {
  const { column, dates } = partitioning;
  if (dates?.series === undefined || target.offsetColumn !== undefined || target.exposureColumn !== undefined)
    return [];
  const isFeature = (wanted: string | null): boolean => features.some(({ name }) => name === wanted);
  if (dates.series.column !== null && !isFeature(dates.series.column)) return [];
  const hasSeason = dates.series.season !== null && isFeature(column);
  return hasSeason ? [LAST.id, SEASON.id] : [LAST.id];
}

/** What a naive forecast needs that not every run has. */
export const NAIVE_NEEDS =
  'forecasts a series: it needs a target that is a number, partitioning by date with one row a date or a seriesColumn, no offset or exposure, and, if seasonal, hourly, daily, monthly or quarterly dates among the features';
