import { arrayAt, type StateParts } from '../survey/state-parts.ts';

/** Digits that a width keeps in an artefact. */
const WIDTH_DIGITS = 8;

/** Degrees that are there, by group of training rows. */
export interface Degrees {
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  /** The largest without its sign. */
  readonly most: Float64Array;
}

export const noDegrees = (count: number): Degrees => ({
  counts: new Float64Array(count),
  sums: new Float64Array(count),
  most: new Float64Array(count),
});

export function addDegree({ counts, sums, most }: Degrees, group: number, value = NaN): void {
  if (group < 0 || Number.isNaN(value)) return;
  counts[group] = (counts[group] ?? 0) + 1;
  sums[group] = (sums[group] ?? 0) + value;
  most[group] = Math.max(most[group] ?? 0, Math.abs(value));
}

export const degreeParts = ({ counts, sums, most }: Degrees): StateParts => ({
  head: null,
  arrays: [counts, sums, most],
});

/** Adds those of the rows that follow. */
export function mergeDegrees({ counts, sums, most }: Degrees, state: StateParts): void {
  const [addedCounts, addedSums, addedMost] = [0, 1, 2].map((index) =>
    arrayAt(state, index, Float64Array, counts.length),
  );
  for (let group = 0; group < counts.length; group += 1) {
    counts[group] = (counts[group] ?? 0) + (addedCounts?.[group] ?? 0);
    sums[group] = (sums[group] ?? 0) + (addedSums?.[group] ?? 0);
    most[group] = Math.max(most[group] ?? 0, addedMost?.[group] ?? 0);
  }
}

/** Their number, mean and largest of some groups. */
export function factsOf({ counts, sums, most }: Degrees = noDegrees(0), trains: (group: number) => boolean) {
  let [count, sum, largest] = [0, 0, 0];
  for (let group = 0; group < counts.length; group += 1) {
    if (!trains(group)) continue;
    count += counts[group] ?? 0;
    sum += sums[group] ?? 0;
    largest = Math.max(largest, most[group] ?? 0);
  }
  return { count, mean: sum / count, most: largest };
}

/** Length of a degree of longitude in degrees of latitude, at a latitude. */
export function widthAt(latitude: number): number {
  const cosine = Math.cos((latitude * Math.PI) / 180);
  return Number(Math.max(0, cosine).toPrecision(WIDTH_DIGITS));
}
