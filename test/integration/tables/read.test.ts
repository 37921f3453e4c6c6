import { open, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { isAppError, type BatchSource, type ColumnRequest, type ErrorCode, type StoredTable } from '#contracts';
import { cachedSource } from '#tables';
import { TableLab, readCodes, readNumbers, readTexts } from '../../support/tables.ts';

const ROWS = 300_000;

let lab: TableLab;
let table: StoredTable;
let whole: Buffer;

const pathOf = (stored: StoredTable): string => lab.at('store', stored.files[0]?.path ?? '');

async function fails(code: ErrorCode, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (err) {
    if (!isAppError(err, code)) throw err;
    return;
  }
  expect.fail(`expected ${code}, found success`);
}

async function countRows(source: BatchSource, request: readonly ColumnRequest[]): Promise<number> {
  let count = 0;
  for await (const batch of source.batches(request)) count += batch.rowCount;
  return count;
}

/** Deep equality of chai takes seconds for arrays of this length. */
function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, index) => Object.is(value, b[index]));
}

const ALL: readonly ColumnRequest[] = [
  { name: 'id', view: 'number' },
  { name: 'x', view: 'number' },
  { name: 'short', view: 'dictionary' },
  { name: 'long', view: 'text' },
];

describe('reading a table', function () {
  this.timeout(60_000);

  before(async () => {
    lab = await TableLab.open();
    const rows = Array.from({ length: ROWS }, (_, i) => {
      const long = `a long category value ${i % 11}`;
      return `${i},${i % 50 === 0 ? '' : Math.sin(i)},${i % 9 === 0 ? '' : `k${i % 1_000}`},${long},${i % 3 === 0 ? 'TRUE' : 'false'}`;
    });
    table = (await lab.ingest(`id,x,short,long,flag\n${rows.join('\n')}\n`)).table;
    whole = await readFile(pathOf(table));
  });
  after(() => lab.close());

  it('gives the rows that are wanted and no others, of one file or several, also from memory', async () => {
    const twice = { ...table, rowCount: 2 * ROWS, files: [...table.files, ...table.files] };
    const request = [
      { name: 'id', view: 'number' },
      { name: 'short', view: 'dictionary' },
    ] as const;
    const cached = cachedSource(lab.source(twice, 10_000), { bytesMax: 200_000_000, batchRows: 9_999 });
    for (const source of [lab.source(twice, 10_000), cached])
      for (const [from, to] of [
        [0, 2 * ROWS],
        [5, 123_456],
        [250_000, 310_000],
        [ROWS, 2 * ROWS],
        [ROWS - 1, 2 * ROWS - 1],
        [2 * ROWS - 1, 2 * ROWS],
        [7, 7],
      ] as const) {
        let next: number = from;
        for await (const { firstRow, rowCount, columns } of source.batches(request, undefined, { from, to })) {
          expect(firstRow).to.equal(next);
          next += rowCount;
          const [id, short] = columns;
          if (id?.view !== 'number' || short?.view !== 'dictionary') return expect.fail('wrong views');
          const wrong = id.values.findIndex((value, index) => {
            const row = (firstRow + index) % ROWS;
            const text = short.dictionary[short.codes[index] ?? -1] ?? null;
            return value !== row || text !== (row % 9 === 0 ? null : `k${row % 1_000}`);
          });
          expect(wrong, `rows ${from} to ${to}`).to.equal(-1);
        }
        expect(next).to.equal(to);
      }
    expect(cached.cachedBytes).to.be.greaterThan(0);
  });

  it('gives the same rows for every batch size, in order, batches of exactly that size', async () => {
    for (const batchRows of [1_000, 2_048, 4_099, 65_536, 1_000_000]) {
      let next = 0;
      for await (const batch of lab.source(table, batchRows).batches(ALL)) {
        expect(batch.firstRow).to.equal(next);
        next += batch.rowCount;
        expect(batch.rowCount).to.equal(next === ROWS ? batch.rowCount : batchRows);
        const [id, x, short, long] = batch.columns;
        if (id?.view !== 'number' || x?.view !== 'number' || short?.view !== 'dictionary' || long?.view !== 'text') {
          return expect.fail('wrong views');
        }
        for (const column of [id.values, x.values, short.codes, long.values])
          expect(column.length).to.equal(batch.rowCount);
        for (let i = 0; i < batch.rowCount; i += 997) {
          const row = batch.firstRow + i;
          expect(id.values[i]).to.equal(row);
          expect(Object.is(x.values[i], row % 50 === 0 ? NaN : Math.sin(row))).to.be.true;
          const code = short.codes[i] ?? -2;
          expect(code < 0 ? null : short.dictionary[code]).to.equal(row % 9 === 0 ? null : `k${row % 1_000}`);
          expect(long.values[i]).to.equal(`a long category value ${row % 11}`);
        }
      }
      expect(next).to.equal(ROWS);
    }
    return undefined;
  });

  it('reads again and again, in parallel, a column in two views, no columns at all', async () => {
    const source = lab.source(table);
    const twice = await Promise.all([readNumbers(source, 'x'), readNumbers(source, 'x'), readCodes(source, 'long')]);
    expect(isSame(twice[0], twice[1])).to.be.true;
    expect(twice[2]?.length).to.equal(ROWS);
    const both = [
      { name: 'id', view: 'number' },
      { name: 'id', view: 'text' },
      { name: 'flag', view: 'dictionary' },
    ] as const;
    for await (const { columns } of source.batches(both)) {
      expect(columns.map((column) => column.view)).to.deep.equal(['number', 'text', 'dictionary']);
    }
    expect(await countRows(source, [])).to.equal(ROWS);
  });

  it('keeps one dictionary for the whole read, without repeats', async () => {
    let dictionary: readonly string[] = [];
    for await (const { columns } of lab.source(table, 5_000).batches([{ name: 'short', view: 'dictionary' }])) {
      const [column] = columns;
      if (column?.view !== 'dictionary') return expect.fail('wrong view');
      expect(column.dictionary.slice(0, dictionary.length)).to.deep.equal(dictionary);
      dictionary = [...column.dictionary];
    }
    expect(new Set(dictionary).size).to.equal(dictionary.length);
    expect(dictionary.length).to.equal(1_000);
    return undefined;
  });

  it('tells unknown columns and views that do not exist', async () => {
    await fails('COLUMN_UNKNOWN', countRows(lab.source(table), [{ name: '__proto__', view: 'text' }]));
    await fails('COLUMN_UNKNOWN', countRows(lab.source(table), [{ name: 'ID', view: 'text' }]));
    await fails('INTERNAL', countRows(lab.source(table), [{ name: 'short', view: 'number' }]));
  });

  it('stops when aborted, and lets a reader leave early', async () => {
    const aborting = new AbortController();
    let message = '';
    try {
      for await (const _ of lab.source(table, 2_048).batches(ALL, aborting.signal)) aborting.abort(new Error('enough'));
    } catch (err) {
      message = String(err);
    }
    expect(message).to.equal('Error: enough');
    for await (const batch of lab.source(table, 2_048).batches(ALL)) {
      expect(batch.rowCount).to.equal(2_048);
      break;
    }
    expect(await countRows(lab.source(table), ALL)).to.equal(ROWS);
  });

  describe('damage', () => {
    const damaged = async (change: (bytes: Buffer) => Buffer, name: string): Promise<StoredTable> => {
      await writeFile(lab.at('store', name), change(Buffer.from(whole)));
      return { ...table, files: table.files.map((file) => ({ ...file, path: name })) };
    };

    it('notices a truncated, a zeroed, a bit-flipped and a missing file before the first batch', async () => {
      const cut = await damaged((bytes) => bytes.subarray(0, bytes.length - 1), 'cut');
      const zeroed = await damaged((bytes) => bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 1_000), 'zeroed');
      const flipped = await damaged((bytes) => {
        bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
        return bytes;
      }, 'flipped');
      for (const stored of [cut, zeroed, flipped]) {
        await fails('DATA_READ_TRUNCATED', countRows(lab.source(stored), ALL));
        await fails('DATA_READ_TRUNCATED', countRows(lab.source(stored), ALL));
      }
      const gone = { ...table, files: table.files.map((file) => ({ ...file, path: 'gone' })) };
      await fails('STORE_OBJECT_MISSING', countRows(lab.source(gone), ALL));
    });

    it('never gives fewer rows without an error, even where the hash is not compared', async () => {
      let errors = 0;
      for (let i = 1; i < 12; i += 1) {
        const at = Math.floor((whole.length * i) / 13);
        const zeroed = await damaged(
          (bytes) => bytes.fill(0, at, Math.min(at + 20_000, bytes.length - 2_000)),
          `zero${i}`,
        );
        const sized = { ...zeroed, files: zeroed.files.map((file) => ({ ...file, sizeBytes: whole.length })) };
        try {
          expect(await countRows(lab.source(sized, undefined, false), ALL)).to.equal(ROWS);
        } catch (err) {
          if (!isAppError(err, 'DATA_READ_TRUNCATED')) throw err;
          errors += 1;
        }
      }
      expect(errors).to.be.greaterThan(2);
    });

    it('notices rows too few and too many against the record', async () => {
      for (const rowCount of [ROWS - 1, ROWS + 1]) {
        await fails('DATA_READ_TRUNCATED', countRows(lab.source({ ...table, rowCount }), ALL));
      }
    });

    it('hashes again what was changed after it had been found right', async () => {
      const stored = await damaged((bytes) => bytes, 'changing');
      expect(await countRows(lab.source(stored), ALL)).to.equal(ROWS);
      const file = lab.at('store', 'changing');
      const before = await stat(file);
      const handle = await open(file, 'r+');
      await handle.write(Buffer.alloc(64), 0, 64, whole.length >> 1);
      await handle.close();
      await utimes(file, before.atime, before.mtime);
      await fails('DATA_READ_TRUNCATED', countRows(lab.source(stored), ALL));
      await truncate(file, 100);
      await fails('DATA_READ_TRUNCATED', countRows(lab.source(stored), ALL));
    });
  });

  describe('cached source', () => {
    /** Counts what is read from the table itself. */
    const counting = (): { source: BatchSource; reads: string[] } => {
      const reads: string[] = [];
      const inner = lab.source(table);
      return {
        reads,
        source: {
          rowCount: inner.rowCount,
          batches: (request, signal) => {
            reads.push(request.map(({ name, view }) => `${name}/${view}`).join(' '));
            return inner.batches(request, signal);
          },
        },
      };
    };

    it('decodes each column once and gives the same as the stream', async () => {
      const { source, reads } = counting();
      const cached = cachedSource(source, { bytesMax: 200_000_000, batchRows: 10_000 });
      const streamed = lab.source(table);
      for (let turn = 0; turn < 2; turn += 1) {
        expect(isSame(await readNumbers(cached, 'x'), await readNumbers(streamed, 'x'))).to.be.true;
        expect(isSame(await readCodes(cached, 'short'), await readCodes(streamed, 'short'))).to.be.true;
        const [long, same] = [await readTexts(cached, ['long']), await readTexts(streamed, ['long'])];
        expect(isSame(long.get('long') ?? [], same.get('long') ?? [1])).to.be.true;
      }
      expect(await countRows(cached, ALL)).to.equal(ROWS);
      expect(reads).to.deep.equal(['x/number', 'short/dictionary', 'long/text', 'id/number']);
    });

    it('decodes once for readers at the same time', async () => {
      const { source, reads } = counting();
      const cached = cachedSource(source, { bytesMax: 200_000_000 });
      const counts = await Promise.all([1, 2, 3].map(() => countRows(cached, ALL.slice(0, 2))));
      expect(counts).to.deep.equal([ROWS, ROWS, ROWS]);
      expect(reads).to.have.length(1);
    });

    it('makes room by least recent use, and streams what cannot fit', async () => {
      const { source, reads } = counting();
      const cached = cachedSource(source, { bytesMax: ROWS * 8 * 2 });
      await countRows(cached, [{ name: 'id', view: 'number' }]);
      await countRows(cached, [{ name: 'x', view: 'number' }]);
      await countRows(cached, [{ name: 'id', view: 'number' }]);
      await countRows(cached, [{ name: 'short', view: 'dictionary' }]);
      expect(cached.cachedBytes).to.be.at.most(ROWS * 8 * 2);
      await countRows(cached, [{ name: 'id', view: 'number' }]);
      expect(reads).to.deep.equal(['id/number', 'x/number', 'short/dictionary']);
      await countRows(cached, [{ name: 'long', view: 'text' }]);
      await countRows(cached, [{ name: 'long', view: 'text' }]);
      expect(reads.slice(-2)).to.deep.equal(['long/text', 'long/text']);
      cached.close();
      expect(cached.cachedBytes).to.equal(0);
    });

    it('passes on failures and recovers', async () => {
      const broken = cachedSource(lab.source({ ...table, rowCount: ROWS + 1 }), { bytesMax: 200_000_000 });
      await fails('DATA_READ_TRUNCATED', countRows(broken, ALL));
      await fails('COLUMN_UNKNOWN', countRows(broken, [{ name: 'none', view: 'text' }]));
    });
  });
});
