import { expect } from 'chai';
import {
  isPartitionFolder,
  partitionOf,
  requireSameKeys,
} from '../../../../../appserver/server/services/hive-partitions.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const file = (path: string, partition?: Record<string, string | null>) =>
  partition === undefined ? { path } : { path, partition };

describe('services/hive-partitions', () => {
  it('reads keys and values of the folders below the source, outermost first', () => {
    const partition = partitionOf('/data/events', '/data/events/dt=2026-11-30/region=eu/part-0.parquet');
    expect(Object.entries(partition)).to.deep.equal([
      ['dt', '2026-11-30'],
      ['region', 'eu'],
    ]);
    expect(partitionOf('/data/dt=1', '/data/dt=1/part-0.parquet')).to.deep.equal({});
    expect(partitionOf('/', '/dt=1/part-0.parquet')).to.deep.equal({ dt: '1' });
    expect(partitionOf('/data', '/data/other/dt=1/part-0.parquet')).to.deep.equal({ dt: '1' });
  });

  it('undoes what Hive escapes, and knows its name of NULL', () => {
    const path = '/d/at=2026-11-30 12%3A00%3A00/a%3Db=c=d/k=__HIVE_DEFAULT_PARTITION__/e=/f';
    expect(partitionOf('/d', path)).to.deep.equal({ at: '2026-11-30 12:00:00', 'a=b': 'c=d', k: null, e: '' });
    expect(Object.keys(partitionOf('/d', '/d/__proto__=1/f'))).to.deep.equal(['__proto__']);
  });

  it('tells folders of partitions from others', () => {
    expect(['dt=1', 'dt=', 'a=b=c'].map(isPartitionFolder)).to.deep.equal([true, true, true]);
    expect(['dt', '=1', ''].map(isPartitionFolder)).to.deep.equal([false, false, false]);
  });

  it('refuses files of other keys, or of the same in another order, naming both', async () => {
    requireSameKeys([]);
    requireSameKeys([file('/a', { dt: '1' }), file('/b', { dt: null })]);
    for (const [other, found] of [
      [file('/b'), 'found no partition folder'],
      [file('/b', { dt: '1' }), 'found folders dt='],
      [file('/b', { hour: '1', dt: '1' }), 'found folders hour=/dt='],
    ] as const) {
      const err = await appErrorOf('DATASET_SCHEMAS_DIFFER', () =>
        requireSameKeys([file('/a', { dt: '1', hour: '2' }), other]),
      );
      expect(err.message).to.include(found).and.to.include('File /b: expected folders dt=/hour= as file /a');
      expect(err.details).to.deep.equal({ path: '/b', first: '/a' });
    }
    const twice = await appErrorOf('DATASET_SCHEMAS_DIFFER', () => partitionOf('/d', '/d/k=1/k=2/f'));
    expect(twice.message).to.include('the key "k" is that of two folders');
  });
});
