import { expect } from 'chai';
import { cachedSource } from '#tables';
import { joinColumns } from '../../../hdfs-adapter/tables/parquet/join-columns.ts';
import { TableLab, readCodes, readNumbers } from '../../support/tables.ts';

const COLUMNS = 10_000;
const ROWS = 3;
/** What one DuckDB statement over all columns would not fit into: it needs more than 2 GB. */
const MEMORY_LIMIT_BYTES = 500_000_000;

describe('wide tables', function () {
  this.timeout(180_000);
  let lab: TableLab;
  before(async () => {
    lab = await TableLab.open(MEMORY_LIMIT_BYTES);
  });
  after(() => lab.close());

  const cell = (row: number, column: number): string =>
    column % 3 === 0 ? String(row * column) : column % 3 === 1 ? `${row}.${column}` : `k${(row + column) % 7}`;

  it(`takes ${COLUMNS} columns in bounded memory and gives each of them exactly`, async () => {
    const columns = Array.from({ length: COLUMNS }, (_, column) => column);
    const lines = Array.from({ length: ROWS }, (_, row) => columns.map((column) => cell(row, column)).join(','));
    const { table } = await lab.ingest([columns.map((column) => `f${column}`).join(','), ...lines].join('\n'));
    expect(table.columns.length).to.equal(COLUMNS);
    expect(table.rowCount).to.equal(ROWS);

    const cached = cachedSource(lab.source(table), { bytesMax: 100_000_000 });
    const request = table.columns.map(({ name }) => ({ name, view: 'text' as const }));
    let seen = 0;
    for await (const batch of cached.batches(request)) {
      for (const [column, { view, values }] of batch.columns.filter((one) => one.view === 'text').entries()) {
        expect(view).to.equal('text');
        for (const [row, text] of values.entries())
          if (text !== cell(row, column)) expect.fail(`row ${row}, column ${column}`);
        seen += values.length;
      }
    }
    expect(seen).to.equal(COLUMNS * ROWS);
    expect(await readNumbers(lab.source(table), 'f9997')).to.deep.equal([0.9997, 1.9997, 2.9997]);
    expect(await readCodes(lab.source(table), 'f9998')).to.deep.equal([0, 1, 2].map((row) => cell(row, 9998)));
  });

  it('joins groups of columns and ranges of rows into one file', async () => {
    const rows = 10_000;
    const step = 4_096;
    const groups = [
      `range AS c0, 'text ' || range AS c1`,
      `sin(range) AS c2`,
      `CASE WHEN range % 3 = 0 THEN NULL ELSE range % 5 END AS c3, [range, 1] AS c4`,
    ];
    const parts: string[][] = [];
    for (const [index, group] of groups.entries()) {
      const files: string[] = [];
      for (let from = 0; from < rows; from += step) {
        const file = lab.at('scratch', `join-${index}-${from}.parquet`);
        const range = `range(${from}, ${Math.min(from + step, rows)})`;
        await lab.duckdb.execute(
          `COPY (SELECT ${group} FROM ${range}) TO '${file}' (FORMAT parquet, COMPRESSION zstd)`,
        );
        files.push(file);
      }
      parts.push(files);
    }
    const target = lab.at('scratch', 'joined.parquet');
    await joinColumns(parts, target);
    const found = `SELECT * FROM read_parquet('${target}')`;
    const expected = `SELECT ${groups.join(', ')} FROM range(${rows})`;
    for (const [a, b] of [
      [found, expected],
      [expected, found],
    ] as const) {
      expect(await lab.duckdb.rows(`SELECT count(*) FROM (${a} EXCEPT ALL ${b})`)).to.deep.equal([[0n]]);
    }
    const order = `SELECT count(*) FROM read_parquet('${target}', file_row_number = true) WHERE c0 = file_row_number`;
    expect(await lab.duckdb.rows(order)).to.deep.equal([[BigInt(rows)]]);
    const groupRows = `SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('${target}') ORDER BY 1`;
    expect((await lab.duckdb.rows(groupRows)).map(([, count]) => Number(count))).to.deep.equal([4_096, 4_096, 1_808]);
  });

  it('refuses to join what does not fit together', async () => {
    const files = [];
    for (const rows of [10, 11]) {
      const file = lab.at('scratch', `odd-${rows}.parquet`);
      await lab.duckdb.execute(`COPY (SELECT range AS c${rows} FROM range(${rows})) TO '${file}' (FORMAT parquet)`);
      files.push([file]);
    }
    let message = '';
    await joinColumns(files, lab.at('scratch', 'never.parquet')).catch((err: unknown) => (message = String(err)));
    expect(message).to.contain('parts of different length');
  });
});
