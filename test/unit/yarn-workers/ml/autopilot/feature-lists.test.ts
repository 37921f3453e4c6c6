import { expect } from 'chai';
import { builtInLists, naiveIdsOf, onFeatureList } from '#ml';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { numberRule, storedTable, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { planOf, profileOf } from '../../../../support/modelling-task.ts';
import { regularTimes, seriesTable } from '../../../../support/series-table.ts';

const ROWS = 200;
const column = (name: string, cellOf: (row: number) => string | null, parse: MemoryColumn['parse']): MemoryColumn => ({
  name,
  cells: Array.from({ length: ROWS }, (_, row) => cellOf(row)),
  parse,
});
const TABLE: readonly MemoryColumn[] = [
  column('key', (row) => `k${row}`, textRule),
  column('same', () => '1', numberRule),
  column('a', (row) => String((row * 7) % 31), numberRule),
  column('b', (row) => String((row * 13) % 17), numberRule),
  column('weight', (row) => String(1 + (row % 3)), numberRule),
  column('empty', () => null, numberRule),
  column('y', (row) => String(((row * 7) % 31) + (row % 5)), numberRule),
];

describe('ml feature lists', () => {
  it('has everything in raw, and what is modelled in informative', async () => {
    const profile = await profileOf(TABLE);
    const [raw, informative] = builtInLists({ profile }, 'y', null);
    expect(raw?.features).to.deep.equal(['key', 'same', 'a', 'b', 'weight', 'empty']);
    expect(informative?.features).to.deep.equal(['a', 'b', 'weight']);
    expect(builtInLists({ profile }, null, null)[1]?.features).to.deep.equal(['a', 'b', 'weight', 'y']);
  });

  it('gives the plan of a run on another list: the same rows, without constraints that nothing is left of', async () => {
    const facts = { profile: await profileOf(TABLE), table: storedTable(TABLE) };
    const plan = await planOf(TABLE, {
      target: 'y',
      targetType: 'regression',
      weightColumn: 'weight',
      monotonic: { increasing: ['a'], decreasing: ['b'] },
    });
    const other = onFeatureList(plan, { name: 'mine', features: ['b', 'weight', 'same', 'y'] }, facts);
    expect(other).to.deep.equal({
      ...plan,
      features: plan.features.filter(({ name }) => name === 'b'),
      featureList: 'mine',
      monotonic: { increasing: [], decreasing: ['b'] },
    });
    const unknown = await appErrorOf('FEATURE_UNKNOWN', async () =>
      onFeatureList(plan, { name: 'mine', features: ['c'] }, facts),
    );
    expect(unknown.message).to.match(/^featureList: .*"c"/);
    const nothing = await appErrorOf('NO_FEATURES', async () =>
      onFeatureList(plan, { name: 'mine', features: ['same', 'key'] }, facts),
    );
    expect(nothing.message).to.match(/^featureList: .*"key" \(id\), "same" \(constant\)/);
  });

  it('has naive forecasts of a series only where its column is in the list', async () => {
    const columns = seriesTable(regularTimes(200));
    const facts = { profile: await profileOf(columns), table: storedTable(columns) };
    const partitioning = { method: 'date', column: 'day', seriesColumn: 'kind' } as const;
    const plan = await planOf(columns, { target: 'y', partitioning });
    expect(naiveIdsOf(plan)).to.deep.equal(['naive-last', 'naive-seasonal']);
    const on = (features: string[]): string[] => naiveIdsOf(onFeatureList(plan, { name: 'mine', features }, facts));
    expect(on(['x', 'kind'])).to.deep.equal(['naive-last']);
    expect(on(['x', 'day'])).to.deep.equal([]);
  });
});
