import { expect } from 'chai';
import type { BatchSource, StoredTable } from '#contracts';
import { CACHED_TABLES_MAX, DatasetCache } from '../../../../../yarn-workers/worker/child/dataset-cache.ts';

const ROWS = 100;
const tableOf = (sha: string): StoredTable => ({
  rowCount: ROWS,
  columns: [{ name: 'a', position: 0, storage: 'float64', hasTwin: false, parse: { kind: 'number', nullMarkers: [] } }],
  files: [{ path: 'x', rowCount: ROWS, sizeBytes: 1, sha256: sha }],
});

describe('worker: data cache', () => {
  let reads = 0;
  const open = (): BatchSource => ({
    rowCount: ROWS,
    batches: async function* () {
      reads += 1;
      yield { firstRow: 0, rowCount: ROWS, columns: [{ view: 'number', name: 'a', values: new Float64Array(ROWS) }] };
    },
  });
  const read = async (cache: DatasetCache, id: string, sha = id) => {
    for await (const batch of cache.source(id, tableOf(sha), open).batches([{ name: 'a', view: 'number' }]))
      expect(batch.rowCount).to.equal(ROWS);
    cache.trim();
  };
  beforeEach(() => {
    reads = 0;
  });

  it('decodes a dataset once, and again when its files are others', async () => {
    const cache = new DatasetCache(1_000_000);
    await read(cache, 'd1', 'x');
    await read(cache, 'd1', 'x');
    expect(reads).to.equal(1);
    await read(cache, 'd1', 'y');
    expect(reads).to.equal(2);
    expect(cache.datasetIds).to.deep.equal(['d1']);
    expect(cache.bytes).to.equal(2 * ROWS * 8);
  });

  it('keeps within its bytes: the least recently used dataset goes first', async () => {
    const cache = new DatasetCache(2 * ROWS * 8);
    await read(cache, 'd1');
    await read(cache, 'd2');
    await read(cache, 'd1');
    expect(cache.datasetIds).to.deep.equal(['d1', 'd2']);
    await read(cache, 'd3');
    expect(cache.datasetIds).to.deep.equal(['d3', 'd1']);
    expect(cache.bytes).to.be.at.most(2 * ROWS * 8);
    reads = 0;
    await read(cache, 'd1');
    expect(reads).to.equal(0);
  });

  it('keeps nothing of a table that is larger', async () => {
    const cache = new DatasetCache(ROWS * 8);
    const wide = (columnCount: number): StoredTable => {
      const [column] = tableOf('w').columns;
      if (column === undefined) throw new Error('no column');
      return {
        ...tableOf('w'),
        columns: Array.from({ length: columnCount }, (_, position) => ({ ...column, position })),
      };
    };
    for (const [columnCount, expected] of [
      [1, 1],
      [2, 2],
    ] as const) {
      reads = 0;
      for (let time = 0; time < 2; time += 1) {
        const source = cache.source(`w${columnCount}`, wide(columnCount), open);
        for await (const batch of source.batches([{ name: 'a', view: 'number' }]))
          expect(batch.rowCount).to.equal(ROWS);
        cache.trim();
      }
      expect(reads).to.equal(expected);
    }
  });

  it('keeps nothing that does not fit, and so many datasets at most', async () => {
    const none = new DatasetCache(ROWS);
    await read(none, 'd1');
    await read(none, 'd1');
    expect(reads).to.equal(2);
    expect(none.datasetIds).to.deep.equal([]);
    const many = new DatasetCache(1_000_000);
    for (let index = 0; index < CACHED_TABLES_MAX + 3; index += 1) await read(many, `d${index}`);
    expect(many.datasetIds).to.have.length(CACHED_TABLES_MAX);
    many.close();
    expect(many.bytes).to.equal(0);
  });
});
