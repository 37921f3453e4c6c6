import { expect } from 'chai';
import { MEMORY_SHARE_MAX, type ModellingFeature, type TrainTask } from '#contracts';
import { BLUEPRINTS, forecastTraining, workerLimitFor, type MemoryForecast } from '#ml';
import { planOf, trainTask } from '../../../../support/modelling-task.ts';
import { numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';

const MIB = 1024 ** 2;
const ROWS = 200;
const NUMBERS = 38;

const rowsOf = <T>(cell: (row: number) => T): T[] => Array.from({ length: ROWS }, (_, row) => cell(row));

const columns: MemoryColumn[] = [
  { name: 'target', parse: textRule, cells: rowsOf((row) => (row % 3 === 0 ? 'yes' : 'no')) },
  ...Array.from({ length: NUMBERS }, (_, column) => ({
    name: `n${column}`,
    parse: numberRule,
    cells: rowsOf((row) => String(Math.sin(row * (column + 1)))),
  })),
];

describe('memory that a fit is predicted to take', () => {
  let task: TrainTask;
  /** The same task on a table of so many rows. */
  const on = (rowCount: number, changes: Partial<TrainTask> = {}): MemoryForecast =>
    forecastTraining({ ...task, table: { ...task.table, rowCount }, ...changes });
  const part = ({ parts }: MemoryForecast, what: string): number =>
    parts.find((each) => each.what === what)?.bytes ?? 0;

  before(async () => {
    const partitioning = {
      method: 'stratified',
      validation: 'tvh',
      validationFraction: 0.2,
      holdoutFraction: 0.2,
    } as const;
    const plan = await planOf(columns, { mode: 'quick', target: 'target', seed: 1, partitioning });
    task = trainTask(columns, plan, { blueprintId: 'lightgbm-default' });
  });

  it('is there for every blueprint, and grows with the rows', () => {
    for (const { id } of BLUEPRINTS) {
      const few = on(1_000, { blueprintId: id }).peakBytes;
      const many = on(10_000_000, { blueprintId: id }).peakBytes;
      expect(few, id).to.be.within(100 * MIB, 600 * MIB);
      expect(many, id).to.be.greaterThan(few);
    }
  });

  it('grows by at most 1.1 bytes a value and 45 bytes a row where rows are boosted on from bins', () => {
    const [few, many] = [5_000_000, 50_000_000];
    const slope = (on(many).peakBytes - on(few).peakBytes) / (many - few);
    expect(slope).to.be.within(20, 1.1 * NUMBERS + 45);
  });

  it('says what takes it: bins of training rows a byte a value, two where bins are many', () => {
    const rowCount = 10_000_000;
    const training = 0.6 * rowCount * NUMBERS;
    expect(part(on(rowCount), 'bins of training rows')).to.be.closeTo(training, 1);
    const many = on(rowCount, { parameters: { maxBins: 1_000 } });
    expect(part(many, 'bins of training rows')).to.be.closeTo(2 * training, 2);
    expect(on(rowCount).phase).to.equal('boost');
  });

  it('counts gradients and scores of each class', () => {
    const what = 'gradients, scores and places of training rows';
    const labels = ['a', 'b', 'c', 'd'];
    const target: TrainTask['target'] = {
      ...task.target,
      targetType: 'multiclass',
      classes: labels.map((label) => ({ label, texts: [label], rowCount: 50 })),
      positiveClass: null,
    };
    const ratio = part(on(5_000_000, { target, metric: 'logLoss' }), what) / part(on(5_000_000), what);
    expect(ratio).to.be.within(2, 4);
  });

  it('counts levels of categories, and terms of texts up to what is counted', () => {
    const wide: ModellingFeature = { name: 'target', type: 'categorical', uniqueCount: 1_000_000 };
    const more = on(5_000_000, { features: [...task.features, wide] });
    expect(part(more, 'levels of categories')).to.be.greaterThan(100 * MIB);
    const text: ModellingFeature = { name: 'target', type: 'text', uniqueCount: 1_000_000 };
    const read = on(30_000, { features: [...task.features, text] });
    expect(part(read, 'levels of categories')).to.equal(0);
    expect(read.phase).to.equal('survey');
    expect(part(read, 'terms of texts')).to.be.within(10 * MIB, 200 * MIB);
  });

  it('counts what linear models hold while they pass over rows that memory does not hold, and nothing that grows with these', () => {
    const wide: ModellingFeature = { name: 'target', type: 'categorical', uniqueCount: 20_000 };
    const changes = { blueprintId: 'linear', features: [...task.features, wide] };
    expect(part(on(10_000, changes), 'sums of coefficients')).to.equal(0);
    const [many, more] = [on(4_000_000, changes), on(8_000_000, changes)];
    for (const what of ['matrix of the sample', 'rows passed over', 'sums of coefficients'])
      expect(part(more, what), what).to.equal(part(many, what)).and.be.greaterThan(0);
    // Two of each number, a thousand levels, and the intercept.
    expect(part(many, 'sums of coefficients')).to.be.closeTo(16 * 8 * (2 * NUMBERS + 1_003), 8);
  });

  it('asks for a worker in whose share it fits, the worker itself beside it', () => {
    expect(workerLimitFor(1_000 * MIB) * MEMORY_SHARE_MAX).to.be.greaterThan(1_000 * MIB);
    expect(workerLimitFor(1_000 * MIB)).to.be.lessThan(1_300 * MIB);
  });
});
