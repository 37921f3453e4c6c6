/** Made tables of which it is known what their features say. */
import { createRandom, type Random } from '#statistics';
import { dateRule, numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';

/** Of the normal distribution (Box, Muller 1958). */
export const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());

/**
 * A category of many levels, each worth a number of its own of the given spread, beside two numbers and noise.
 *
 * @param spread 0: the levels say nothing
 */
export function levelsTable(rowCount: number, levelCount: number, spread: number, seed: number): MemoryColumn[] {
  // Levels are worth the same in all tables of a number of levels, so that another seed makes unseen rows.
  const worths = createRandom(levelCount);
  const worth = Array.from({ length: levelCount }, () => spread * normal(worths));
  const random = createRandom(seed);
  const cells = { level: [] as string[], x: [] as string[], z: [] as string[], target: [] as string[] };
  for (let row = 0; row < rowCount; row += 1) {
    // Levels are as unlike in frequency as in most tables.
    const level = Math.floor(levelCount * random.uniform() ** 2);
    const x = normal(random);
    const signal = (worth[level] ?? 0) + x + normal(random);
    cells.level.push(`level ${level}`);
    cells.x.push(x.toFixed(4));
    cells.z.push(normal(random).toFixed(4));
    cells.target.push(signal > 0 ? 'yes' : 'no');
  }
  return Object.entries(cells).map(([name, column]) => ({
    name,
    cells: column,
    parse: name === 'x' || name === 'z' ? numberRule : textRule,
  }));
}

/**
 * Orders with two dates: of which the target goes with the season and the weekday, or with the days between them.
 *
 * @param what the target follows, beside noise of deviation 1
 */
export function datesTable(rowCount: number, what: 'season' | 'duration', seed: number): MemoryColumn[] {
  const random = createRandom(seed);
  const day = 86_400_000;
  const cells = { ordered: [] as string[], sent: [] as string[], x: [] as string[], target: [] as string[] };
  for (let row = 0; row < rowCount; row += 1) {
    const begin = Date.UTC(2019, 0, 1) + random.below(4 * 365 * 24) * (day / 24);
    const duration = Math.floor(30 * random.uniform() ** 2);
    const x = normal(random);
    const ofYear = (2 * Math.PI * (begin / day)) / 365.25;
    const isWeekend = [0, 6].includes(new Date(begin).getUTCDay());
    const signal = what === 'season' ? 2 * Math.cos(ofYear + 0.3) + Number(isWeekend) : Math.min(4, duration / 5);
    cells.ordered.push(new Date(begin).toISOString().slice(0, 19));
    cells.sent.push(new Date(begin + duration * day).toISOString().slice(0, 10));
    cells.x.push(x.toFixed(4));
    cells.target.push((signal + x + normal(random)).toFixed(4));
  }
  return Object.entries(cells).map(([name, column]) => ({
    name,
    cells: column,
    parse: name === 'ordered' || name === 'sent' ? dateRule : numberRule,
  }));
}
