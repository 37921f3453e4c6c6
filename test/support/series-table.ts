import { createRandom } from '#statistics';
import { dateRule, numberRule, textRule, type MemoryColumn } from './memory-table.ts';

/** 2024-01-01 in seconds since 1970. */
export const SERIES_START = 1_704_067_200;

/** A date cell. */
export const dateCell = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

/** A table of `day`, the target `y`, and a number `x` that says something of it. */
export function seriesTable(times: readonly number[], y?: readonly number[]): MemoryColumn[] {
  const random = createRandom(times.length);
  const x = times.map(() => random.uniform());
  const values = y ?? x.map((value, row) => 10 * value + row / times.length + random.uniform());
  return [
    { name: 'day', cells: times.map(dateCell), parse: dateRule },
    { name: 'x', cells: x.map(String), parse: numberRule },
    { name: 'kind', cells: x.map((value) => (value > 0.5 ? 'high' : 'low')), parse: textRule },
    { name: 'y', cells: values.map(String), parse: numberRule },
  ];
}

/** Instants of equal distance. */
export const regularTimes = (count: number, stepSeconds = 86_400): number[] =>
  Array.from({ length: count }, (_, row) => SERIES_START + row * stepSeconds);
