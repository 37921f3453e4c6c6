import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { RowSpan, StoredTable } from '#contracts';
import { DEFAULT_INGEST_LIMITS, openInPlace, registerInPlace, spanOfUnits } from '#tables';
import { unitsOver } from '../../../hdfs-adapter/tables/in-place/row-span.ts';
import { LocalFiles } from '../../support/local-files.ts';
import { randomNumbers } from '../../support/sample-data.ts';
import { readNumbers, TableLab } from '../../support/tables.ts';
import { registerTexts, writtenTexts } from '../../support/text-in-place.ts';

/** Rows of each file; its row groups have 2,048. */
const PARQUET_ROWS = [5_000, 100, 2_048, 0, 9_001];
const GROUP_ROWS = 2_048;
const FOOTER_BYTES = 64 * 1024;
/** Less than a row group has. */
const PIECE_BYTES = 4_096;

/** Parts of a table that are read each by itself. */
describe('a span of a table in place', function () {
  this.timeout(60_000);
  let lab: TableLab;

  before(async () => {
    lab = await TableLab.open();
  });
  after(() => lab.close());

  /** Files with the rows of the table as `id`, and a wide text beside them. */
  async function parquetTable(): Promise<StoredTable> {
    const paths: string[] = [];
    let from = 0;
    for (const rowCount of PARQUET_ROWS) {
      const file = lab.at('in', `${paths.length}.parquet`);
      const query = `SELECT i AS id, hash(i)::VARCHAR || repeat(hash(i)::VARCHAR, 3) AS text FROM range(${from}, ${from + rowCount}) AS r(i)`;
      await lab.duckdb.execute(
        `COPY (${query}) TO '${file}' (FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE ${GROUP_ROWS})`,
      );
      paths.push(file);
      from += rowCount;
    }
    const { table } = await registerInPlace({
      registered: paths.map((path) => LocalFiles.registered(path)),
      files: new LocalFiles(),
      format: 'parquet',
      options: {},
      duckdb: lab.duckdb,
      scratchDirectory: lab.at('scratch'),
      pieceBytes: 1,
      limits: DEFAULT_INGEST_LIMITS,
    });
    return table;
  }

  async function textTable(): Promise<StoredTable> {
    let id = 0;
    const text = (rowCount: number): string =>
      `id,text\n${Array.from({ length: rowCount }, () => `${id++},x\n`).join('')}`;
    const files = [text(700), { content: gzipSync(text(300)), extension: 'csv.gz' }, text(0), text(1), text(999)];
    return (await registerTexts(lab, writtenTexts(lab, files))).table;
  }

  const read = (table: StoredTable, rows: RowSpan, files = new LocalFiles()): Promise<number[]> =>
    readNumbers(
      openInPlace(table, {
        ...{ files, rows, duckdb: lab.duckdb },
        scratchDirectory: lab.at('scratch'),
        pieceBytes: PIECE_BYTES,
        batchRows: 1_000,
      }),
      'id',
    );

  /** Ends of `count` spans without gaps, anywhere. */
  function cuts(rowCount: number, count: number, random: () => number): number[] {
    const inner = Array.from({ length: count - 1 }, () => Math.floor(random() * (rowCount + 1)));
    return [0, ...inner.sort((one, other) => one - other), rowCount];
  }

  for (const [kind, make] of [
    ['Parquet', parquetTable],
    ['text', textTable],
  ] as const)
    it(`spans that meet have each row once, in order, wherever they are cut: ${kind}`, async () => {
      const table = await make();
      const all = Array.from({ length: table.rowCount }, (_, row) => row);
      const random = randomNumbers(7);
      for (const count of [1, 2, 3, 5, 9, 17]) {
        const ends = cuts(table.rowCount, count, random);
        const found: number[] = [];
        for (const [index, from] of ends.slice(0, -1).entries()) {
          const rows = await spanOfUnits(table, { from, to: ends[index + 1] ?? from }, new LocalFiles());
          expect(rows.from).to.equal(found.length);
          found.push(...(await read(table, rows)));
          expect(found.length).to.equal(rows.to);
        }
        expect(found).to.deep.equal(all);
      }
    });

  it('units are row groups, and batches are numbered as those of the table', async () => {
    const table = await parquetTable();
    const files = new LocalFiles();
    const rows = await spanOfUnits(table, { from: 1, to: 4_000 }, files);
    expect(rows).to.deep.equal({ from: GROUP_ROWS, to: 2 * GROUP_ROWS });
    expect(await spanOfUnits(table, { from: 1, to: GROUP_ROWS }, files), 'none begins there').to.deep.equal({
      from: GROUP_ROWS,
      to: GROUP_ROWS,
    });
    const source = openInPlace(table, {
      ...{ files, rows, duckdb: lab.duckdb, pieceBytes: 1, batchRows: 1_500 },
      scratchDirectory: lab.at('scratch'),
    });
    expect(source.rowCount).to.equal(GROUP_ROWS);
    const batches: number[][] = [];
    for await (const { firstRow, rowCount } of source.batches([{ name: 'id', view: 'number' }]))
      batches.push([firstRow, rowCount]);
    expect(batches).to.deep.equal([
      [2_048, 1_500],
      [3_548, 548],
    ]);
  });

  for (const [kind, make] of [
    ['Parquet', parquetTable],
    ['text', textTable],
  ] as const)
    it(`rows that are wanted come in the units that have them, and no other unit: ${kind}`, async () => {
      const table = await make();
      const random = randomNumbers(11);
      const options = { duckdb: lab.duckdb, scratchDirectory: lab.at('scratch'), pieceBytes: PIECE_BYTES };
      const files = new LocalFiles();
      const source = openInPlace(table, { ...options, files, batchRows: 700 });
      for (let time = 0; time < 12; time += 1) {
        const [, from = 0, to = 0] = cuts(table.rowCount, 3, random);
        const expected = await unitsOver(table, { from, to }, files);
        expect(expected.from).to.be.at.most(from);
        expect(expected.to).to.be.at.least(to);
        const units = await spanOfUnits(table, { from: expected.from, to: Math.max(expected.from, to) }, files);
        if (from < to) expect(units, 'the last unit begins before the end').to.deep.equal(expected);
        const found: number[] = [];
        for await (const { firstRow, rowCount, columns } of source.batches(
          [{ name: 'id', view: 'number' }],
          undefined,
          {
            ...{ from, to },
          },
        )) {
          expect(firstRow).to.equal(expected.from + found.length);
          const [id] = columns;
          if (id?.view === 'number') found.push(...id.values.subarray(0, rowCount));
        }
        const ids = Array.from({ length: expected.to - expected.from }, (_, row) => expected.from + row);
        expect(found).to.deep.equal(from < to ? ids : []);
      }
    });

  it('reads nothing before it and nothing behind it but footers', async () => {
    const table = await parquetTable();
    const file = table.inPlaceFiles?.[0];
    const first = file?.sizeBytes ?? 0;
    const files = new LocalFiles();
    await read(table, { from: GROUP_ROWS, to: 2 * GROUP_ROWS }, files);
    const pages = files.reads.filter(({ end }) => end <= first - FOOTER_BYTES);
    expect(pages.length).to.be.greaterThan(0);
    expect(files.reads.every(({ path }) => path === file?.path)).to.be.true;
    expect(Math.min(...pages.map(({ start }) => start))).to.be.greaterThan(first / 4);
    expect(Math.max(...pages.map(({ end }) => end))).to.be.lessThan((5 * first) / 6);
    const texts = await textTable();
    const opened = new LocalFiles();
    expect(await read(texts, await spanOfUnits(texts, { from: 1, to: 1_000 }, opened), opened)).to.have.length(300);
    expect(new Set(opened.reads.map(({ path }) => path)).size).to.equal(1);
  });
});
