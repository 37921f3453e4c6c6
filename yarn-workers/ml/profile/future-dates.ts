import type { FeatureProfile, FeatureWarning } from '#contracts';

/** Dates so much later than the clock are in the future wherever they were written: time zones are at most 14 hours ahead. */
const LEEWAY_MS = 24 * 3600 * 1000;

/**
 * Warns of dates that had not come when the dataset was added; none of other features. Profiles know no clock, so this is not one of their
 * own warnings.
 *
 * @param addedAtMs when the dataset was added, milliseconds since 1970
 */
export function futureDates({ type, max }: FeatureProfile, addedAtMs: number): FeatureWarning[] {
  if (type !== 'date' || max === null || max * 1000 <= addedAtMs + LEEWAY_MS) return [];
  return [
    {
      code: 'FUTURE_DATES',
      message: `The latest date, ${isoDay(max)}, is after the dataset was added.`,
      handling: 'Nothing is changed; leave the feature out if its dates are not known when a prediction is asked for.',
    },
  ];
}

/** The day of seconds since 1970; the number itself beyond the calendar of dates, 275,760 years. */
function isoDay(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : (date.toISOString().split('T')[0] ?? '');
}
