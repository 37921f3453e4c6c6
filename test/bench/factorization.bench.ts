/**
 * Factorization machines beside linear models and boosting on made ratings: `node test/bench/factorization.bench.ts [RATINGS]`. Each table has users,
 * items and a number for each of RATINGS (20,000 by default) random pairs: a user's and an item's own effect, `strength` times the product
 * of their three factors, and noise of deviation 1, all of standard normal numbers. Shown: RMSE of five folds, steps or iterations, CPU of the fit.
 */
import { createRandom } from '#statistics';
import { numberRule, textRule, type MemoryColumn } from '../support/memory-table.ts';
import { planOf } from '../support/modelling-task.ts';
import { fitted } from './real-data.ts';

const ratings = Number(process.argv[2] ?? 20_000);
const FACTORS = 3;
const BLUEPRINTS = ['factorization-machine', 'linear', 'lightgbm-default', 'lightgbm-encoded'];

interface Made {
  readonly users: number;
  readonly items: number;
  readonly strength: number;
}

const TABLES: readonly Made[] = [
  { users: 1_000, items: 300, strength: 1 },
  { users: 1_000, items: 300, strength: 0 },
  { users: 300, items: 100, strength: 1 },
  // From how many levels on vectors say more than trees.
  ...[10, 20, 50, 100, 200].map((levels) => ({ users: levels, items: levels, strength: 0.3 })),
];

function tableOf({ users, items, strength }: Made): MemoryColumn[] {
  const random = createRandom(4);
  const normals = (count: number): number[] =>
    Array.from(
      { length: count },
      () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform()),
    );
  const own = { user: normals(users), item: normals(items) };
  const factors = { user: normals(FACTORS * users), item: normals(FACTORS * items) };
  const noise = normals(ratings);
  const rows = noise.map((error) => {
    const [user, item] = [random.below(users), random.below(items)];
    let product = 0;
    for (let factor = 0; factor < FACTORS; factor += 1)
      product += (factors.user[FACTORS * user + factor] ?? NaN) * (factors.item[FACTORS * item + factor] ?? NaN);
    return { user, item, y: (own.user[user] ?? NaN) + (own.item[item] ?? NaN) + strength * product + error };
  });
  return [
    { name: 'user', cells: rows.map(({ user }) => `u${user}`), parse: textRule },
    { name: 'item', cells: rows.map(({ item }) => `i${item}`), parse: textRule },
    { name: 'y', cells: rows.map(({ y }) => String(y)), parse: numberRule },
  ];
}

for (const made of TABLES) {
  const table = tableOf(made);
  const plan = await planOf(table, {
    ...{ target: 'y', targetType: 'regression', metric: 'rmse', featureNames: ['user', 'item'] },
    partitioning: { method: 'random', validation: 'cv', folds: 5, holdoutFraction: 0 },
  });
  for (const blueprintId of BLUEPRINTS) {
    if (blueprintId === 'lightgbm-encoded' && Math.max(made.users, made.items) < 100) continue;
    const { fit, cpuMs } = await fitted(plan, table, { blueprintId, parameters: {}, refitOf: null, iterations: null });
    process.stdout.write(
      `${made.users} x ${made.items}, ${ratings} rows, factors of strength ${made.strength}: ${blueprintId} RMSE ${String(fit.scores?.crossValidation?.rmse?.toFixed(4))}, ${fit.iterations ?? 'no'} steps, cpu ${(cpuMs / 1000).toFixed(2)} s\n`,
    );
  }
}
