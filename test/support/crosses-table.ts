import { createRandom } from '#statistics';
import { numberRule, textRule, type MemoryColumn } from './memory-table.ts';

/** Features of {@link crossesTable} that are no target and play no other part. */
export const CROSSES_FEATURES = ['kind', 'shade', 'doors', 'plain', 'x'] as const;

/**
 * A category and a number of few values that say something together only, as in an exclusive or; others that add what they add, cells that
 * are missing, and levels of few rows.
 */
export function crossesTable(rowCount: number, seed = 1): MemoryColumn[] {
  const random = createRandom(seed);
  const cells: Record<string, (string | null)[]> = {};
  const put = (name: string, cell: string | null): void => void (cells[name] ??= []).push(cell);
  for (let row = 0; row < rowCount; row += 1) {
    const [kind, shade, doors, plain] = [random.below(4), random.below(3), random.below(4), random.below(5)];
    const x = random.uniform() - 0.5;
    const signal = ((kind + doors) % 2 === 0 ? 1 : -1) + 0.5 * plain + x + 0.5 * (random.uniform() - 0.5);
    put('kind', row % 41 === 0 ? null : row % 97 === 0 ? `rare ${row}` : `kind ${kind}`);
    put('shade', `shade ${shade}`);
    put('doors', row % 53 === 0 ? 'NA' : row % 7 === 0 ? `${doors}.0` : String(doors));
    put('plain', `plain ${plain}`);
    put('x', String(x));
    put('binary', signal > 1 ? 'yes' : 'no');
    put('multiclass', signal > 1.7 ? 'high' : signal > 0.3 ? 'middle' : 'low');
    put('regression', String(50 + 20 * signal));
    put('count', String(Math.floor(Math.exp(signal / 2) + 2 * random.uniform())));
  }
  const numbers = ['doors', 'x', 'regression', 'count'];
  return Object.entries(cells).map(([name, column]) => ({
    name,
    cells: column,
    parse: numbers.includes(name) ? numberRule : textRule,
  }));
}
