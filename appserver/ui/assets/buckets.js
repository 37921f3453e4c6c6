// What the pages of a deployment share: spans of time, names of their buckets, and charts over them.

import { figure, plot, rangeOf } from './charts.js';
import { make } from './dom.js';

/** How much time is shown: [days, name]. */
export const SPANS = [
  [1, 'Last day'],
  [7, 'Last 7 days'],
  [30, 'Last 30 days'],
  [90, 'Last 90 days'],
];
export const SPAN_DEFAULT = 7;
const DAY_MS = 86_400_000;

/** The query of so many days up to now. */
export const rangeQuery = (days) => `from=${encodeURIComponent(new Date(Date.now() - days * DAY_MS).toISOString())}`;

const two = (value) => String(value).padStart(2, '0');

/** A bucket's begin, in UTC as it is cut: the hour where buckets are hours, else the day. */
export function bucketName(from, bucket) {
  const at = new Date(from);
  const day = `${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  return bucket === 'hour' ? `${day} ${two(at.getUTCHours())}h` : day;
}

/**
 * Lines or bars over the buckets of an answer.
 *
 * @param series {name?, kind, className?, valueOf(entry)}: null where a bucket has no value
 * @param numbers the same as a table
 */
export function overTime({ title, description, label, data, bucket, series, caption, numbers, from = 0 }) {
  const values = series.flatMap(({ valueOf }) => data.map(valueOf));
  const chart = plot({
    title,
    description,
    x: {
      label: `UTC, by ${bucket}`,
      range: [-0.5, Math.max(0.5, data.length - 0.5)],
      names: data.map((entry) => bucketName(entry.from, bucket)),
    },
    y: { label, range: rangeOf(values, { from }) },
    series: series.flatMap((one) => drawn(one, data)),
  });
  return figure(chart, caption, numbers);
}

/** A series as `plot` has it; of a line its points too, so that one bucket is seen. */
function drawn({ valueOf, kind, name, className }, data) {
  const found = data.flatMap((entry, index) => {
    const value = valueOf(entry);
    return value === null ? [] : [[index, value]];
  });
  const named = { ...(name === undefined ? {} : { name }), ...(className === undefined ? {} : { className }) };
  if (kind === 'bars')
    return [{ ...named, kind, data: found.map(([index, value]) => [index - 0.4, index + 0.4, value]) }];
  const points = { kind: 'points', ...(className === undefined ? {} : { className }), data: found };
  return [{ ...named, kind, data: found }, ...(kind === 'line' ? [points] : [])];
}

/** Words for who sees nothing yet. */
export const nothingYet = (text) => make('p', { className: 'hint' }, text);
