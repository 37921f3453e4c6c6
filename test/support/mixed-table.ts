import { createRandom } from '#statistics';
import { booleanRule, dateRule, numberRule, textRule, type MemoryColumn } from './memory-table.ts';

const COLOURS = ['red', 'green', 'blue', 'Ünïcode', 'with "quotes"', 'a,b', 'NAN', '007'];

/**
 * A table with every kind of feature, missing cells of every spelling, and targets of every type that follow from the
 * features: `binary`, `multiclass`, `regression`, `count` (not negative).
 */
export function mixedTable(rowCount: number, seed = 1): MemoryColumn[] {
  const random = createRandom(seed);
  const cells: Record<string, (string | null)[]> = {};
  const put = (name: string, cell: string | null): void => void (cells[name] ??= []).push(cell);
  for (let row = 0; row < rowCount; row += 1) {
    const x = random.uniform() * 10 - 5;
    const y = Math.round(random.uniform() * 20);
    const colour = random.below(COLOURS.length);
    const day = new Date(Date.UTC(2020, 0, 1 + random.below(1_000)));
    const isMember = random.uniform() < 0.4;
    const missing = (cell: string): string | null => {
      const draw = random.uniform();
      return draw < 0.03 ? null : draw < 0.05 ? 'NA' : draw < 0.06 ? '' : cell;
    };
    const signal =
      x / 3 +
      (y > 12 ? 1 : 0) +
      ([0.8, -0.5, 0.2, 0, -1, 0.4, 0, 1][colour] ?? 0) +
      (isMember ? 0.5 : 0) +
      day.getUTCMonth() / 10;
    const noisy = signal + random.uniform() - 0.5;
    put('x', missing(random.uniform() < 0.1 ? x.toExponential(6) : String(x)));
    put('y', missing(random.uniform() < 0.2 ? `${y}.0` : String(y)));
    put('colour', missing(COLOURS[colour] ?? ''));
    put('city', missing(`city ${random.below(60)}`));
    put('member', missing(isMember ? (random.uniform() < 0.5 ? 'TRUE' : 'true') : 'False'));
    put('day', missing(day.toISOString().slice(0, 10)));
    put('weight', String(1 + random.below(3)));
    put('group', `g${random.below(40)}`);
    put('binary', noisy > 0.8 ? 'yes' : 'no');
    put('multiclass', noisy > 1.5 ? 'high' : noisy > 0.3 ? 'middle' : 'low');
    put('regression', String(noisy * 100));
    put('count', String(Math.max(0, Math.round(noisy * 3))));
  }
  const rules = {
    colour: textRule,
    city: textRule,
    member: booleanRule,
    day: dateRule,
    group: textRule,
    binary: textRule,
    multiclass: textRule,
  };
  return Object.entries(cells).map(([name, column]) => ({
    name,
    cells: column,
    parse: Object.hasOwn(rules, name) ? rules[name as keyof typeof rules] : numberRule,
  }));
}

/** Features of {@link mixedTable} that are no target and play no other part. */
export const MIXED_FEATURES = ['x', 'y', 'colour', 'city', 'member', 'day'] as const;
