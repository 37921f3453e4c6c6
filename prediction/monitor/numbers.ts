import type { EpochNumbers, NumberRange } from '#store';

/** Gaps that an epoch may have; the smallest are forgotten first, and count as heard of. */
export const GAPS_MAX = 10_000;

/** What is new of a range of numbers, and what is known with it. */
export interface Heard {
  readonly numbers: EpochNumbers;
  /** Parts of the range that were not heard of before, ascending. */
  readonly fresh: readonly NumberRange[];
}

/**
 * Adds a range of numbers to what was heard of. Segments mostly come in order, so that there are no gaps; one that comes late
 * fills its gap, one that comes again finds nothing new.
 */
export function hear({ end, gaps }: EpochNumbers, range: NumberRange): Heard {
  if (range.end <= range.from) return { numbers: { end, gaps }, fresh: [] };
  const fresh: NumberRange[] = [];
  const left: NumberRange[] = [];
  for (const gap of gaps) {
    const from = Math.max(gap.from, range.from);
    const to = Math.min(gap.end, range.end);
    if (from >= to) {
      left.push(gap);
      continue;
    }
    fresh.push({ from, end: to });
    if (gap.from < from) left.push({ from: gap.from, end: from });
    if (to < gap.end) left.push({ from: to, end: gap.end });
  }
  if (range.end > end) {
    fresh.push({ from: Math.max(end, range.from), end: range.end });
    if (range.from > end) left.push({ from: end, end: range.from });
  }
  return { numbers: { end: Math.max(end, range.end), gaps: bounded(left) }, fresh };
}

function bounded(gaps: readonly NumberRange[]): readonly NumberRange[] {
  if (gaps.length <= GAPS_MAX) return gaps;
  const sizes = gaps.map(({ from, end }) => end - from).sort((a, b) => b - a);
  const least = sizes[GAPS_MAX - 1] ?? 0;
  return gaps.filter(({ from, end }) => end - from >= least).slice(0, GAPS_MAX);
}

/** Whether a number is in one of some ascending ranges. */
export const isWithin = (ranges: readonly NumberRange[], number: number): boolean =>
  ranges.some(({ from, end }) => number >= from && number < end);

export const countOf = (ranges: readonly NumberRange[]): number =>
  ranges.reduce((sum, { from, end }) => sum + end - from, 0);

/** Ascending ranges in which those that touch are one. @param ranges apart from each other */
export function joined(ranges: readonly NumberRange[]): readonly NumberRange[] {
  const all: NumberRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last?.end === range.from) all[all.length - 1] = { from: last.from, end: range.end };
    else all.push(range);
  }
  return all;
}
