import { AppError, strict, Type, ValueCount, type Static } from '#contracts';

/**
 * The most frequent texts with their counts. Exact as long as there are no more than `capacity` different ones; after
 * that a count is too low by at most `error`, and any text with more than `error` occurrences is present.
 * `error` never exceeds `total / (floor(capacity / 2) + 1)`. Holds up to `capacity` texts, whatever their length.
 *
 * @see J. Misra, D. Gries, Finding repeated elements, Science of Computer Programming 2 (1982); P. Agarwal et al.,
 * Mergeable summaries, PODS 2012, section 3. As in D. Anderson et al., A high-performance algorithm for identifying
 * frequent items in data streams, IMC 2017, half of the counters are freed at a time.
 */
export interface TopValues {
  readonly capacity: number;
  /** Texts that were added. */
  total: number;
  error: number;
  /** Counts in order of first appearance (of those that were never dropped, while `error` is 0: of all). */
  readonly counts: Map<string, number>;
}

const CAPACITY_MAX = 1_000_000;

/** @throws INTERNAL unless the capacity is an integer in [2, 1000000] */
export function createTopValues(capacity: number): TopValues {
  if (!Number.isInteger(capacity) || capacity < 2 || capacity > CAPACITY_MAX) {
    throw new AppError('INTERNAL', `top values: capacity ${capacity} is not in [2, ${CAPACITY_MAX}]`);
  }
  return { capacity, total: 0, error: 0, counts: new Map() };
}

/** True while all counts are exact and no text is left out. */
export function isExactTopValues(top: TopValues): boolean {
  return top.error === 0;
}

/** Adds a text that occurred `count` times. @throws INTERNAL unless the count is a positive integer */
export function addToTopValues(top: TopValues, text: string, count = 1): void {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new AppError('INTERNAL', `top values: count ${count} is not a positive integer`);
  top.total += count;
  top.counts.set(text, (top.counts.get(text) ?? 0) + count);
  if (top.counts.size > top.capacity) reduce(top);
}

/** Adds `texts[from..to)`; null is missing and passed over. */
export function addAllToTopValues(
  top: TopValues,
  texts: readonly (string | null)[],
  from = 0,
  to = texts.length,
): void {
  for (let i = from; i < to; i++) {
    const text = texts[i] ?? null;
    if (text !== null) addToTopValues(top, text);
  }
}

/** Takes the (half + 1)-th largest count off every count and drops what is left without. */
function reduce(top: TopValues): void {
  const descending = Float64Array.from(top.counts.values()).sort().reverse();
  const taken = descending[top.capacity >>> 1] ?? 0;
  for (const [text, count] of top.counts) {
    if (count > taken) top.counts.set(text, count - taken);
    else top.counts.delete(text);
  }
  top.error += taken;
}

/** Merges another part of the same data into `top`, after it in order of appearance. @throws INTERNAL when its capacity is another */
export function mergeTopValues(top: TopValues, other: TopValues): void {
  if (top.capacity !== other.capacity)
    throw new AppError('INTERNAL', `top values: capacity ${top.capacity} merged with ${other.capacity}`);
  for (const [text, count] of other.counts) top.counts.set(text, (top.counts.get(text) ?? 0) + count);
  top.total += other.total;
  top.error += other.error;
  if (top.counts.size > top.capacity) reduce(top);
}

/** The most frequent texts, largest count first, equal counts in order of code units. */
export function topValuesOf(top: TopValues, limit: number): { value: string; count: number }[] {
  return [...top.counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, limit);
}

/** {@link TopValues} as JSON; entries are in order of first appearance. */
export const TopValuesData = strict({
  capacity: Type.Integer({ minimum: 2, maximum: CAPACITY_MAX }),
  total: Type.Integer({ minimum: 0 }),
  error: Type.Integer({ minimum: 0 }),
  entries: Type.Array(ValueCount),
});
export type TopValuesData = Static<typeof TopValuesData>;

export function topValuesToData({ capacity, total, error, counts }: TopValues): TopValuesData {
  return { capacity, total, error, entries: Array.from(counts, ([value, count]) => ({ value, count })) };
}

/** @throws VALIDATION_FAILED when there are more texts than the capacity, one twice, or counts above the total */
export function topValuesFromData({ capacity, total, error, entries }: TopValuesData): TopValues {
  const counts = new Map(entries.map(({ value, count }) => [value, count]));
  const sum = entries.reduce((part, { count }) => part + count, 0);
  if (counts.size !== entries.length || counts.size > capacity || (error === 0 ? sum !== total : sum > total)) {
    throw new AppError(
      'VALIDATION_FAILED',
      `top values: ${entries.length} entries with ${sum} of ${total} occurrences do not fit together`,
    );
  }
  return { capacity, total, error, counts };
}
