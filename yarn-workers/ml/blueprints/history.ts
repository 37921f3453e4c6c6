import type { AutopilotPlan, Blueprint } from '#contracts';
import { naiveIdsOf } from './naive.ts';

/** What models of a series read beside the features of the row. */
export const HISTORY_STEP: Blueprint['steps'][number] = {
  id: 'history',
  kind: 'series-history',
  inputs: ['the date that parts rows', 'the series column'],
  description:
    'What was known of the target of the row’s series when the forecast begins: days since the last value, that value, the mean of the last 7 and 28 times, the last value and the mean of the last four at the same hour, weekday or month. In training rows as of a time as long before the row as validation rows are after the training rows. Of the log links logarithms. Unseen series have none.',
};

/** The blueprint that reads histories. */
export const HISTORY_ID = 'linear-history';

export const readsHistory = (blueprintId: string): boolean => blueprintId === HISTORY_ID;

/** The blueprints with history that a run can fit: where there are naive forecasts, and date and series column are features. */
export function historyIdsOf(plan: Pick<AutopilotPlan, 'partitioning' | 'features' | 'target'>): string[] {
  const { column, dates } = plan.partitioning;
  const needed = [column, dates?.series?.column ?? null].filter((name) => name !== null);
  const hasAll = needed.every((name) => plan.features.some((feature) => feature.name === name));
  return hasAll && naiveIdsOf(plan).length > 0 ? [HISTORY_ID] : [];
}

/** What it needs that not every run has. */
export const HISTORY_NEEDS =
  'reads the past of a series: it needs a target that is a number, partitioning by date with one row a date or a seriesColumn, date and series column among the features, no offset or exposure';
