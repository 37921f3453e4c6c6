import { AppError, BUCKETS_MAX, type Bucket, type RangeQuery } from '#contracts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** The first of January 1970 was a Thursday: weeks begin three days before. */
const MONDAY_MS = -3 * DAY_MS;

/** What is asked about where nothing is said. */
const DEFAULT_RANGE_MS = WEEK_MS;
/** Longest range: what is read by the hour. */
const RANGE_MS_MAX = 2 * 366 * DAY_MS;
/** Ranges up to this are cut into hours, and days, where nothing is said. */
const HOURS_UP_TO_MS = 3 * DAY_MS;
const DAYS_UP_TO_MS = 92 * DAY_MS;

/** From `from`, inclusive, to `to`, exclusive; milliseconds since 1970, whole hours. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A range of time and how it is cut: the first and last bucket may be shorter. */
export interface TimeRange extends Span {
  readonly bucket: Bucket;
  readonly buckets: readonly Span[];
}

/**
 * The range that is asked for. Counts are kept by hour, so it is widened to whole hours, and the answer says so.
 *
 * @param nowMs milliseconds since 1970
 * @throws VALIDATION_FAILED naming the parameter, what was found, and what would do
 */
export function timeRange(query: RangeQuery, nowMs: number): TimeRange {
  const to = upTo(readTime('to', query.to) ?? nowMs, HOUR_MS, 0);
  const from = downTo(readTime('from', query.from) ?? to - DEFAULT_RANGE_MS, HOUR_MS, 0);
  if (from >= to) throw refused('from', `is not before \`to\`: ${isoTime(from)} and ${isoTime(to)}, in whole hours`);
  if (to - from > RANGE_MS_MAX)
    throw refused(
      'from',
      `is ${Math.ceil((to - from) / DAY_MS)} days before \`to\`, expected ${RANGE_MS_MAX / DAY_MS} at most`,
    );
  const bucket = query.bucket ?? (to - from <= HOURS_UP_TO_MS ? 'hour' : to - from <= DAYS_UP_TO_MS ? 'day' : 'week');
  return { from, to, bucket, buckets: cut(from, to, bucket) };
}

/** Begin and end of the bucket that a time lies in. */
export function bucketOf(timeMs: number, bucket: Bucket): Span {
  const [width, origin] = WIDTHS[bucket];
  const from = downTo(timeMs, width, origin);
  return { from, to: from + width };
}

const WIDTHS: Readonly<Record<Bucket, readonly [width: number, origin: number]>> = {
  hour: [HOUR_MS, 0],
  day: [DAY_MS, 0],
  week: [WEEK_MS, MONDAY_MS],
};

function cut(from: number, to: number, bucket: Bucket): Span[] {
  const [width] = WIDTHS[bucket];
  const count = Math.ceil((to - bucketOf(from, bucket).from) / width);
  if (count > BUCKETS_MAX)
    throw refused(
      'bucket',
      `${bucket} makes ${count} of ${isoTime(from)} to ${isoTime(to)}, expected ${BUCKETS_MAX} at most: take a longer one, or a shorter range`,
    );
  const first = bucketOf(from, bucket).from;
  return Array.from({ length: count }, (_, index) => ({
    from: Math.max(from, first + index * width),
    to: Math.min(to, first + (index + 1) * width),
  }));
}

const downTo = (value: number, step: number, origin: number): number =>
  Math.floor((value - origin) / step) * step + origin;
const upTo = (value: number, step: number, origin: number): number => -downTo(-value, step, -origin);

/** UTC with the time zone said, or a day alone. */
const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

function readTime(name: 'from' | 'to', text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = readMoment(text);
  if (value !== null) return value;
  const found = JSON.stringify(text.slice(0, 40));
  throw refused(name, `is no time: found ${found}, expected such as 2026-11-30T00:00:00Z`);
}

/** Milliseconds since 1970 of a time in ISO-8601 with its zone, or of the begin of a day in UTC; null for what is none. */
export function readMoment(text: string): number | null {
  const value = TIME.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(value) || value < 0 ? null : value;
}

function refused(name: string, message: string): AppError {
  return new AppError('VALIDATION_FAILED', `query: /${name} ${message}`, { errors: [{ path: `/${name}`, message }] });
}

export const isoTime = (timeMs: number): string => new Date(timeMs).toISOString();

/** As answers have it. */
export const isoSpan = ({ from, to }: Span): { from: string; to: string } => ({ from: isoTime(from), to: isoTime(to) });

/** Index of the bucket that an hour lies in. */
export function bucketIndex({ buckets, bucket }: TimeRange, hour: number): number {
  const [width] = WIDTHS[bucket];
  const first = bucketOf(buckets[0]?.from ?? hour, bucket).from;
  return Math.floor((hour - first) / width);
}

/** Parts of a range of a day each: what is read at a time. */
export function* dayByDay({ from, to }: Span): Generator<Span> {
  for (let at = from; at < to; at += DAY_MS) yield { from: at, to: Math.min(to, at + DAY_MS) };
}
