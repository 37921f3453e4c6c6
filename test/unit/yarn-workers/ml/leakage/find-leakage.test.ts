import { expect } from 'chai';
import type { LeakageFacts, TrainTask } from '#contracts';
import { type AutopilotRequest } from '#ml';
import { fitModel } from '../../../../support/in-memory.ts';
import { createRandom } from '#statistics';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { dateRule, memorySource, numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const ROWS = 3_000;
const random = createRandom(11);
const uniform = Array.from({ length: 12 }, () => Float64Array.from({ length: ROWS }, () => random.uniform()));
const u = (column: number, row: number): number => uniform[column]?.[row] ?? 0;
const y = (row: number): number => Number(u(0, row) < 0.3);
const normal = (column: number, row: number): number =>
  Math.sqrt(-2 * Math.log(1 - u(column, row))) * Math.cos(2 * Math.PI * u(column + 1, row));

const column = (name: string, parse: MemoryColumn['parse'], cellOf: (row: number) => string | null): MemoryColumn => ({
  name,
  parse,
  cells: Array.from({ length: ROWS }, (_, row) => cellOf(row)),
});
const number = (name: string, valueOf: (row: number) => number | null): MemoryColumn =>
  column(name, numberRule, (row) => valueOf(row)?.toString() ?? null);

const target = number('y', y);
const HONEST: readonly MemoryColumn[] = [
  // Two normal distributions 1.81 standard deviations apart: AUC 0.9.
  number('strong', (row) => 1.81 * y(row) + normal(1, row)),
  number('noise', (row) => u(3, row)),
  column('colour', textRule, (row) => ['red', 'green', 'blue'][Math.floor(3 * u(4, row))] ?? null),
];

async function leakageOf(columns: readonly MemoryColumn[], changes: Partial<TrainTask> = {}): Promise<LeakageFacts> {
  const plan = await planOf(columns, { target: 'y', seed: 7 });
  const task = trainTask(columns, plan, { blueprintId: 'baseline', findsLeakage: true, ...changes });
  const { leakage } = await fitModel(task, memorySource(columns, 700), testEngine(), freeIo());
  if (leakage === null) throw new Error('the task looked for leakage, and has found nothing to say');
  return leakage;
}

const high = ({ findings }: LeakageFacts) => findings.filter(({ risk }) => risk === 'high');

describe('ml leakage', () => {
  it('flags nothing where features are honest, one of AUC 0.9 among them', async () => {
    const facts = await leakageOf([...HONEST, target]);
    expect(facts.findings).to.deep.equal([]);
    expect(facts.rowCount).to.be.within(2_000, 2_900);
    expect(facts.pairCount).to.equal(3);
  });

  it('flags nothing where the labels are permuted', async () => {
    const permuted = number('y', (row) => y((row * 1_009 + 17) % ROWS));
    const copied = number('copy', (row) => y(row) + 0.01 * normal(5, row));
    expect((await leakageOf([...HONEST, copied, permuted])).findings).to.deep.equal([]);
  });

  const traps: readonly (readonly [string, 'value' | 'missing', MemoryColumn])[] = [
    ['the target with noise', 'value', number('trap', (row) => y(row) + 0.05 * normal(5, row))],
    [
      'the target in a category like an id',
      'value',
      column('trap', textRule, (row) => `k${2 * Math.floor(50 * u(5, row)) + y(row)}`),
    ],
    [
      'a date after the event',
      'missing',
      column('trap', dateRule, (row) => (y(row) === 0 ? null : `2020-01-${10 + Math.floor(20 * u(5, row))}`)),
    ],
    [
      'a number that is missing where the target is negative',
      'missing',
      number('trap', (row) => (y(row) ? u(5, row) : null)),
    ],
  ];
  for (const [what, by, trap] of traps)
    it(`finds ${what}`, async () => {
      const found = high(await leakageOf([...HONEST, trap, target]));
      expect(found.map((one) => [one.features, one.by])).to.deep.equal([[['trap'], by]]);
    });

  it('finds a pair whose difference is the target, though neither tells anything', async () => {
    const first = number('first', (row) => Math.round(1e5 * u(5, row)));
    const second = number('second', (row) => Math.round(1e5 * u(5, row)) - y(row));
    const found = high(await leakageOf([...HONEST, first, second, target]));
    expect(found.map((one) => [one.features.toSorted(), one.by])).to.deep.equal([[['first', 'second'], 'difference']]);
  });

  it('finds a store number and a product code that decide the target together, though neither tells anything', async () => {
    const storeOf = (row: number): number => Math.floor(12 * u(9, row));
    const store = number('store', storeOf);
    const product = column(
      'product',
      textRule,
      (row) => `p${2 * Math.floor(10 * u(10, row)) + ((storeOf(row) + y(row)) % 2)}`,
    );
    const found = high(await leakageOf([...HONEST, store, product, target]));
    expect(found.map((one) => [one.features.toSorted(), one.by])).to.deep.equal([
      [['product', 'store'], 'concatenation'],
    ]);
  });

  it('finds an amount that is the target in another currency', async () => {
    const currencyOf = (row: number): number => Math.floor(5 * u(9, row));
    const euro = number('y', (row) => Math.exp(3 * u(6, row)));
    const amount = number('amount', (row) => 1.7 ** currencyOf(row) * Math.exp(3 * u(6, row)));
    const currency = column('currency', textRule, (row) => `c${currencyOf(row)}`);
    const found = high(await leakageOf([...HONEST, amount, currency, euro]));
    expect(found.map((one) => [one.features, one.by])).to.deep.equal([[['amount', 'currency'], 'concatenation']]);
  });

  it('does not flag a number whose limit is another in each category, of AUC 0.9 together', async () => {
    const tariffOf = (row: number): number => Math.floor(4 * u(9, row));
    const tariff = column('tariff', textRule, (row) => `t${tariffOf(row)}`);
    const usage = number('usage', (row) => 3 * tariffOf(row) + 1.81 * y(row) + normal(10, row));
    const facts = await leakageOf([...HONEST, tariff, usage, target]);
    expect([facts.findings, facts.pairCount]).to.deep.equal([[], 10]);
  });

  it('finds what tells a target of many classes, and the values of a regression', async () => {
    const kind = column('y', textRule, (row) => `class ${Math.floor(6 * u(6, row))}`);
    const code = number('trap', (row) => 10 * Math.floor(6 * u(6, row)) + u(7, row));
    expect(high(await leakageOf([...HONEST, code, kind])).map(({ features }) => features)).to.deep.equal([['trap']]);
    const amount = number('y', (row) => Math.exp(3 * u(6, row)));
    const rounded = number('trap', (row) => 100 * Math.exp(3 * u(6, row)) + u(7, row));
    expect(high(await leakageOf([...HONEST, rounded, amount])).map(({ features }) => features)).to.deep.equal([
      ['trap'],
    ]);
  });

  it('does not take the date of a smooth series for a leak where rows are parted by it', async () => {
    const day = column('day', dateRule, (row) => new Date(86_400_000 * row).toISOString().slice(0, 10));
    const level = number('y', (row) => row + 10 * u(8, row));
    const columns = [...HONEST, day, level];
    const found = async (partitioning: AutopilotRequest['partitioning']): Promise<string[][]> => {
      const plan = await planOf(columns, { target: 'y', ...(partitioning === undefined ? {} : { partitioning }) });
      const task = trainTask(columns, plan, { blueprintId: 'baseline', findsLeakage: true });
      const { leakage } = await fitModel(task, memorySource(columns, 700), testEngine(), freeIo());
      return leakage?.findings.map(({ features }) => [...features]) ?? [];
    };
    expect(await found({ method: 'random' })).to.deep.equal([['day']]);
    expect(await found({ method: 'date', column: 'day' })).to.deep.equal([]);
  });

  it('gives the same whatever the size of batches, and looks at no row of the holdout', async () => {
    const columns = [...HONEST, traps[0]?.[2] ?? target, target];
    const plan = await planOf(columns, { target: 'y', seed: 7 });
    const task = trainTask(columns, plan, { blueprintId: 'baseline', findsLeakage: true });
    const inOne = await fitModel(task, memorySource(columns, ROWS), testEngine(), freeIo());
    const inMany = await fitModel(task, memorySource(columns, 97), testEngine(), freeIo());
    expect(inMany.leakage).to.deep.equal(inOne.leakage);
    const plain = await fitModel({ ...task, findsLeakage: false }, memorySource(columns, 97), testEngine(), freeIo());
    expect([plain.leakage, plain.contentHash]).to.deep.equal([null, inOne.contentHash]);
    const heldOut = (inOne.outOfFold?.partitions ?? new Int8Array()).filter((partition) => partition === -1).length;
    expect(heldOut).to.be.above(0);
    expect(inOne.leakage?.rowCount).to.equal(ROWS - heldOut);
  });
});
