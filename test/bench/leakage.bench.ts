/**
 * What the search for leakage says of tables that it should be silent about, and of traps: `node test/bench/leakage.bench.ts`.
 * Groups: patients of five rows whose target is half their own, or whose ids are permuted; printed are alarms.
 * Equal rows: tables of independent and of dependent columns of few values, and with a part of the rows copied.
 * A number with a category: traps that only both together give away, and a pair of AUC 0.9; then the time of a pair.
 */
import type { TargetSpec } from '#contracts';
import { createRandom, type Random } from '#statistics';
import { expectedTwinShare } from '../../yarn-workers/ml/leakage/chance-twins.ts';
import { duplicateCounter } from '../../yarn-workers/ml/leakage/duplicates.ts';
import { foretellerOf } from '../../yarn-workers/ml/leakage/foretell.ts';
import { groupBleed } from '../../yarn-workers/ml/leakage/group-bleed.ts';
import { HIGH_SCORE, LEAKAGE_FOLDS, PAIR_ROWS_MAX } from '../../yarn-workers/ml/leakage/limits.ts';
import { bestTogether } from '../../yarn-workers/ml/leakage/pairs.ts';
import { partsOf, partsOfKeys } from '../../yarn-workers/ml/leakage/parts.ts';
import type { RowSlots } from '../../yarn-workers/ml/leakage/row-slots.ts';
import { rowHashes } from '../../yarn-workers/ml/leakage/row-hashes.ts';

/** Tables of permuted patients, and of each trap. */
const [TABLES, TRAPS] = [500, 50];
const FOLDS = 5;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());

function slotsOf(random: Random, rowCount: number): RowSlots {
  const foldOf = Uint8Array.from({ length: rowCount }, () => random.below(FOLDS));
  const folds = Array.from({ length: FOLDS }, (_, fold) => fold);
  return {
    ...{ count: FOLDS + 2, of: (row) => foldOf[row] ?? 0, holdout: FOLDS, modelled: folds },
    validated: folds.map((slot) => ({ slot, training: folds.filter((fold) => fold !== slot) })),
  };
}

/** Share of the target's variance that is the patient's own; 0: ids mean nothing. */
function groupAlarm(seed: number, rowCount: number, rowsPerGroup: number, kind: TargetSpec['targetType'], own: number) {
  const random = createRandom(seed);
  const levelCount = Math.floor(rowCount / rowsPerGroup);
  const means = Array.from({ length: levelCount }, () => normal(random));
  const codes = Int32Array.from({ length: rowCount }, () => random.below(levelCount));
  const values = Float64Array.from(
    codes,
    (code) => Math.sqrt(own) * (means[code] ?? 0) + Math.sqrt(1 - own) * normal(random),
  );
  const limits = kind === 'binary' ? [0.8] : [-0.5, 0.5];
  const classes = Int32Array.from(values, (value) => limits.filter((limit) => value > limit).length);
  const target: TargetSpec = { name: 'y', targetType: kind, classes: [], positiveClass: kind === 'binary' ? 1 : null };
  const isNumber = kind === 'regression';
  const folds = Uint8Array.from(codes, () => random.below(LEAKAGE_FOLDS));
  const foretell = foretellerOf(
    target,
    { classes: isNumber ? null : classes, values: isNumber ? values : null },
    folds,
  );
  const rows = Uint32Array.from(codes.keys());
  return groupBleed('id', { rows, codes, levelCount }, foretell, slotsOf(random, rowCount), seed) !== null;
}

for (const own of [0, 0.1, 0.5])
  for (const kind of ['binary', 'multiclass', 'regression'] as const)
    for (const [rowCount, rowsPerGroup] of [
      [400, 5],
      [2_000, 5],
      [2_000, 50],
    ] as const) {
      const seeds = Array.from({ length: own === 0 ? TABLES : TRAPS }, (_, seed) => seed);
      const alarms = seeds.filter((seed) => groupAlarm(seed, rowCount, rowsPerGroup, kind, own)).length;
      say(
        `groups, ${own} of the variance, ${kind}, ${rowCount} rows, ${rowsPerGroup} a group: ${alarms} of ${seeds.length}`,
      );
    }

/** Columns of few values, each equal to the one before with some probability; a share of the rows is there twice. */
function copies(
  seed: number,
  rowCount: number,
  columnCount: number,
  values: number,
  dependence: number,
  share: number,
) {
  const random = createRandom(seed);
  const columns = Array.from({ length: columnCount + 1 }, () => new Int32Array(rowCount));
  for (let row = 0; row < rowCount; row += 1) {
    const twin = row > 0 && random.uniform() < share ? random.below(row) : -1;
    for (const [index, column] of columns.entries()) {
      const before = columns[index - 1]?.[row];
      const same = before !== undefined && random.uniform() < dependence;
      column[row] = twin >= 0 ? (column[twin] ?? 0) : same ? before : random.below(index === 0 ? 2 : values);
    }
  }
  const counter = duplicateCounter(rowCount, slotsOf(random, rowCount));
  const hashes = rowHashes();
  hashes.start(rowCount);
  for (const [place, column] of columns.entries())
    hashes.add(place, { kind: 'number', values: Float64Array.from(column) });
  for (let row = 0; row < rowCount; row += 1) counter.add(row, hashes.high()[row] ?? 0, hashes.low()[row] ?? 0);
  return counter.facts((count) =>
    expectedTwinShare(
      columns.map((codes) => ({ codes, count: values })),
      count,
    ),
  );
}

for (const share of [0, 0.05, 0.3])
  for (const [columnCount, values] of [
    [4, 10],
    [8, 6],
    [12, 12],
  ] as const)
    for (const dependence of [0, 0.7]) {
      const facts = Array.from({ length: 50 }, (_, seed) =>
        copies(seed, 2_000, columnCount, values, dependence, share),
      );
      const mean = (of: (one: (typeof facts)[number]) => number): string =>
        (facts.reduce((sum, one) => sum + of(one), 0) / facts.length).toFixed(4);
      say(
        `equal rows, ${share} copied, ${columnCount} columns of ${values} values, dependence ${dependence}: share ${mean(({ twinCount }) => twinCount / 2_000)}, by chance ${mean(({ expectedShare }) => expectedShare ?? 0)}, told in ${facts.filter(({ isCopied }) => isCopied).length} of 50`,
      );
    }

const cells = Float64Array.from({ length: 65_536 }, (_, row) => Math.sin(row));
const counter = duplicateCounter(2_000_000, slotsOf(createRandom(1), 2_000_000));
const hashes = rowHashes();
const startedAt = performance.now();
for (let batch = 0; batch < 30; batch += 1) {
  hashes.start(cells.length);
  for (let column = 0; column < 50; column += 1)
    hashes.add(column, { kind: 'number', values: cells.map((cell) => cell + batch) });
  for (let row = 0; row < cells.length; row += 1)
    counter.add(batch * cells.length + row, hashes.high()[row] ?? 0, hashes.low()[row] ?? 0);
}
const ns = ((performance.now() - startedAt) * 1e6) / (30 * cells.length * 50);
say(`hashing and counting: ${ns.toFixed(1)} ns a cell of 50 columns`);

/** What a number and a category say together, of targets that neither tells. */
const TOGETHER = {
  'a code of 20 values, the parity of the sum of both': (number: number, level: number) => (number + level) % 2,
  'a limit that is another in each level': (number: number, level: number) => Number(number > level),
  'an amount in a currency': (number: number, level: number) => Math.log(number) - Math.log(level + 1),
} as const;

function mixedPair(seed: number, what: keyof typeof TOGETHER | 'honest', levelCount: number) {
  const random = createRandom(seed);
  const isCode = what === 'a code of 20 values, the parity of the sum of both';
  const codes = Int32Array.from({ length: PAIR_ROWS_MAX }, () => random.below(levelCount));
  const labels = Uint8Array.from(codes, () => Number(random.uniform() < 0.3));
  const numbers = Float64Array.from(codes, (code, row) => {
    if (what === 'honest') return 3 * code + 1.81 * (labels[row] ?? 0) + normal(random);
    return isCode ? random.below(20) : random.uniform() * levelCount;
  });
  const values = Float64Array.from(numbers, (number, row) =>
    what === 'honest' ? (labels[row] ?? 0) : TOGETHER[what](number, codes[row] ?? 0),
  );
  const isNumber = what === 'an amount in a currency';
  const targetType = isNumber ? 'regression' : 'binary';
  const target: TargetSpec = { name: 'y', targetType, classes: [], positiveClass: isNumber ? null : 1 };
  const folds = Uint8Array.from(codes, () => random.below(LEAKAGE_FOLDS));
  const rows = { classes: isNumber ? null : Int32Array.from(values), values: isNumber ? values : null };
  const keys = Array.from({ length: levelCount }, (_, level) => `k${level}`);
  return {
    foretell: foretellerOf(target, rows, folds),
    number: { index: 0, name: 'number', values: { kind: 'number', values: numbers } },
    category: { index: 1, name: 'category', values: { kind: 'category', codes, keys } },
  } as const;
}

// Object.keys gives the keys of the literal above.
const traps = Object.keys(TOGETHER) as (keyof typeof TOGETHER)[];
for (const what of [...traps, 'honest'] as const)
  for (const levelCount of [3, 10, 40]) {
    const scores = Array.from({ length: TRAPS }, (_, seed) => {
      const { foretell, number, category } = mixedPair(seed, what, levelCount);
      const [ranges, levels] = [partsOf(number.values), partsOf(category.values)];
      const crossed = partsOfKeys(
        Array.from(ranges.codes, (code, row) => code * levels.count + (levels.codes[row] ?? 0)),
      );
      return [bestTogether([number, category], foretell).score, foretell(crossed)] as const;
    });
    const highOf = (way: 0 | 1): number => scores.filter((score) => score[way] >= HIGH_SCORE).length;
    const best = Math.max(...scores.map(([score]) => score)).toFixed(3);
    say(
      `number with category, ${what}, ${levelCount} levels: high risk in ${highOf(0)} of ${TRAPS} (largest score ${best}); with ranges of all rows in ${highOf(1)}`,
    );
  }

const pair = mixedPair(1, 'an amount in a currency', 10);
const other = { ...pair.number, values: { ...pair.number.values, values: pair.number.values.values.toReversed() } };
for (const [what, together] of [
  ['a number with a category', pair.category],
  ['two numbers', other],
] as const) {
  const begin = process.cpuUsage();
  for (let turn = 0; turn < 100; turn += 1) bestTogether([pair.number, together], pair.foretell);
  const { user, system } = process.cpuUsage(begin);
  say(`a pair of ${PAIR_ROWS_MAX} rows, ${what}: ${((user + system) / 100_000).toFixed(2)} ms of CPU`);
}
