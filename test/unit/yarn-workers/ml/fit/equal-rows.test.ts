import { expect } from 'chai';
import type { PartitioningRequest, TrainTask } from '#contracts';
import { HOLDOUT, partitionOf } from '#ml';
import { fitModel } from '../../../../support/in-memory.ts';
import { createRandom } from '#statistics';
import { firstEqualRows } from '../../../../../yarn-workers/ml/fit/equal-rows.ts';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import {
  dateRule,
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

type Cells = readonly (string | null)[];

/** A table whose class no feature tells; of `copied` of its rows there are two. */
function copiedTable(rowCount: number, copied: number, seed: number): MemoryColumn[] {
  const random = createRandom(seed);
  const rows = Array.from({ length: rowCount }, () => [
    random.uniform().toFixed(4),
    random.uniform().toFixed(4),
    random.below(20).toString(),
    random.uniform() < 0.5 ? 'yes' : 'no',
  ]);
  const all = [...rows, ...rows.slice(0, copied * rowCount)];
  const names = ['x', 'z', 'level', 'state'];
  return names.map((name, at) => ({
    name,
    cells: all.map((row) => row[at] ?? null),
    parse: at < 2 ? numberRule : textRule,
  }));
}

const TOGETHER: PartitioningRequest = { method: 'stratified', duplicates: 'together' };

/** Trees that grow until they know their rows by heart. */
const TREES = { blueprintId: 'extra-trees', parameters: { trees: 40 } };

async function taskOf(
  table: readonly MemoryColumn[],
  partitioning: PartitioningRequest,
  changes: Partial<TrainTask> = TREES,
) {
  const plan = await planOf(table, { target: 'state', partitioning, maxModels: 1, seed: 4 });
  return trainTask(table, plan, changes);
}

const fit = (task: TrainTask, table: readonly MemoryColumn[]) =>
  fitModel(task, memorySource(table, 700), testEngine(), freeIo());

describe('ml fit: equal rows', function () {
  this.timeout(60_000);

  it('are found in all features by what these mean, whatever the batches', async () => {
    const columns: readonly (readonly [string, Cells, MemoryColumn['parse']])[] = [
      ['n', ['1', '1.0', '-0', '0', 'NA', '', '2', '1'], numberRule],
      ['c', ['a', 'a', 'b', 'b', null, '', 'a', 'a'], textRule],
      ['d', ['2026-01-01', '2026-01-01', '2026-01-02', '2026-01-02', null, '', null, '2026-01-01T00:00:00Z'], dateRule],
    ];
    const table = columns.map(([name, cells, parse]): MemoryColumn => ({ name, cells, parse }));
    const features = [
      { name: 'n', type: 'numeric' },
      { name: 'c', type: 'categorical' },
      { name: 'd', type: 'date' },
    ] as const;
    for (const batchRows of [1, 3, 8]) {
      const stored = { table: storedTable(table) };
      const source = memorySource(table, batchRows);
      const found = await firstEqualRows(stored, { features: [...features] }, source);
      expect([...found], `${batchRows} rows a batch`).to.deep.equal([0, 0, 2, 2, 4, 4, 6, 0]);
      const fewer = await firstEqualRows(stored, { features: [features[1]] }, memorySource(table, batchRows));
      expect([...fewer]).to.deep.equal([0, 0, 2, 2, 4, 4, 0, 0]);
    }
  });

  it('are those that comparing all rows finds', async () => {
    const random = createRandom(9);
    const table = ['a', 'b'].map((name): MemoryColumn => ({
      name,
      cells: Array.from({ length: 2_000 }, () => String(random.below(40))),
      parse: numberRule,
    }));
    const features = table.map(({ name }) => ({ name, type: 'numeric' as const }));
    const found = await firstEqualRows({ table: storedTable(table) }, { features }, memorySource(table, 333));
    const texts = Array.from({ length: 2_000 }, (_, row) => table.map(({ cells }) => cells[row]).join());
    expect([...found]).to.deep.equal(texts.map((text) => texts.indexOf(text)));
  });

  it('are in one partition, whose shares of classes are those of the table', async () => {
    const table = copiedTable(1_000, 0.5, 3);
    const task = await taskOf(table, TOGETHER);
    expect(task.partitioning.duplicates?.features).to.deep.equal([
      { name: 'x', type: 'numeric' },
      { name: 'z', type: 'numeric' },
      { name: 'level', type: 'categorical' },
    ]);
    const { partitions, rows } = (await fit(task, table)).outOfFold ?? expect.fail('no predictions');
    expect([...rows]).to.deep.equal(Array.from({ length: 1_500 }, (_, row) => row));
    for (let row = 0; row < 500; row += 1) expect(partitions[row], `row ${row}`).to.equal(partitions[row + 1_000]);
    const states = table[3]?.cells ?? [];
    for (const state of ['yes', 'no']) {
      const own = [...partitions].filter((_, row) => states[row] === state);
      for (let fold = HOLDOUT; fold < 5; fold += 1) {
        const share = own.filter((one) => one === fold).length / own.length;
        expect(share, `${state} in ${fold}`).to.be.closeTo(fold === HOLDOUT ? 0.2 : 0.16, 0.003);
      }
    }
  });

  it('kept together no longer flatter a model: what means nothing is worth nothing again', async () => {
    // The class is a coin: new rows are foretold with an AUC of 0.5.
    const scores = { apart: [] as number[], together: [] as number[] };
    for (const seed of [1, 2]) {
      const table = copiedTable(1_000, 0.4, seed);
      for (const [name, partitioning] of [
        ['apart', { method: 'stratified' }],
        ['together', TOGETHER],
      ] as const) {
        const result = await fit(await taskOf(table, partitioning), table);
        scores[name].push(result.scores?.crossValidation?.['auc'] ?? NaN);
      }
    }
    for (const score of scores.apart) expect(score).to.be.greaterThan(0.65);
    for (const score of scores.together) expect(score).to.be.closeTo(0.5, 0.05);
  });

  it('are of the first one’s class where their targets differ, and are not parted by levels and words that trees learn of', async () => {
    const table = copiedTable(600, 0.5, 5);
    const states = table[3]?.cells ?? [];
    const flipped = states.map((state, row) =>
      row >= 600 && row % 2 === 0 ? (state === 'yes' ? 'no' : 'yes') : state,
    );
    const changed = table.map((column, at) => (at === 3 ? { ...column, cells: flipped } : column));
    const task = await taskOf(changed, TOGETHER, { blueprintId: 'lightgbm-encoded' });
    const { partitions } = (await fit(task, changed)).outOfFold ?? expect.fail('no predictions');
    for (let row = 0; row < 300; row += 1) expect(partitions[row]).to.equal(partitions[row + 600]);
  });

  it('without the wish plans and partitions are what they were', async () => {
    const table = copiedTable(400, 0.5, 7);
    const { partitioning } = await taskOf(table, { method: 'stratified' });
    expect(partitioning).to.have.all.keys(
      'method',
      'validation',
      'folds',
      'validationFraction',
      'holdoutFraction',
      'column',
      'seed',
    );
  });

  it('are refused where a column parts the rows, and where there are fewer different rows than partitions', async () => {
    const table = copiedTable(400, 0.5, 7);
    for (const method of ['group', 'column', 'date'] as const) {
      const partitioning: PartitioningRequest = { method, column: 'level', duplicates: 'together' };
      const refused = await appErrorOf('PARTITION_INVALID', () => taskOf(table, partitioning));
      expect(refused.message).to.match(/partitioning\.duplicates: has no meaning for the method/);
    }
    const { partitioning } = await taskOf(table, { method: 'random', duplicates: 'together' });
    const few = { rowCount: 100, classes: null, classLabels: [], key: null };
    const first = Uint32Array.from({ length: 100 }, (_, row) => row % 5);
    const error = await appErrorOf('PARTITION_INVALID', () => partitionOf(partitioning, { ...few, first }));
    expect(error.message).to.match(/there are 5 different rows, expected at least 6/);
    const enough = Uint32Array.from({ length: 100 }, (_, row) => row % 6);
    const { of } = partitionOf(partitioning, { ...few, first: enough });
    expect(new Set(of).size).to.equal(6);
  });
});
