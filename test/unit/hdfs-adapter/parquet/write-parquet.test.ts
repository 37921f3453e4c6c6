import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import { writeParquet, type ParquetColumn } from '#parquet';
import { createRandom } from '#statistics';
import { appErrorOf } from '../../../support/expect-error.ts';

/** More than two pages, and no multiple of eight. */
const ROWS = 45_003;

describe('writing Parquet', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-parquet-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const query = async (sql: string): Promise<Record<string, unknown>[]> => {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRowObjectsJS();
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  };
  const written = async (columns: readonly ParquetColumn[]): Promise<string> => {
    const file = path.join(dir, 'a.parquet');
    writeFileSync(file, await writeParquet(columns, 'test'));
    return file;
  };

  it('is read by an engine of another make, each value and each missing one', async () => {
    const columns: ParquetColumn[] = [
      { name: 'text', kind: 'text', values: ['a', null, '', 'ü\u0000漢𝄞', 'a'.repeat(300)] },
      { name: 'a "double"', kind: 'double', values: [-0, 1e-308, null, Infinity, Number.MAX_VALUE] },
      { name: 'instant', kind: 'instant', values: [0, -1, 253_402_300_799_999, null, 1_700_000_000_123] },
      { name: 'integer', kind: 'integer', values: [null, -1, Number.MAX_SAFE_INTEGER, 0, 7] },
    ];
    const rows = await query(`select * from read_parquet('${await written(columns)}')`);
    for (const [index, { name, values }] of columns.entries()) {
      const found = rows.map((row) => row[name]);
      const plain = found.map((value) =>
        value instanceof Date ? value.getTime() : typeof value === 'bigint' ? Number(value) : value,
      );
      expect(plain, `column ${index}`).to.deep.equal(values);
    }
    expect(Object.is(rows[0]?.['a "double"'], -0)).to.equal(true);
    const kinds = await query(
      `select column_name, column_type from (describe from read_parquet('${path.join(dir, 'a.parquet')}'))`,
    );
    expect(kinds.map((row) => row['column_type'])).to.deep.equal(['VARCHAR', 'DOUBLE', 'TIMESTAMP', 'BIGINT']);
  });

  it('has pages, and columns all of whose values are missing or there', async () => {
    const random = createRandom(3);
    const some = Array.from({ length: ROWS }, () => (random.uniform() < 0.3 ? null : Math.floor(random.uniform() * 9)));
    const all = Array.from({ length: ROWS }, (_, row) => row);
    const file = await written([
      { name: 'part', kind: 'double', values: some },
      { name: 'nothing', kind: 'text', values: all.map(() => null) },
      { name: 'each', kind: 'integer', values: all },
    ]);
    const [row] = await query(
      `select count(*) as n, count(part), sum(part), count(nothing), sum(each) from read_parquet('${file}')`,
    );
    const there = some.filter((value) => value !== null);
    expect(Object.values(row ?? {}).map(Number)).to.deep.equal([
      ROWS,
      there.length,
      there.reduce((sum, value) => sum + value, 0),
      0,
      (ROWS * (ROWS - 1)) / 2,
    ]);
    const wrong = await query(
      `select file_row_number as row from read_parquet('${file}', file_row_number = true) where each <> file_row_number limit 1`,
    );
    expect(wrong).to.deep.equal([]);
  });

  it('has no rows, too', async () => {
    const file = await written([{ name: 'a', kind: 'text', values: [] }]);
    expect(await query(`select * from read_parquet('${file}')`)).to.deep.equal([]);
  });

  it('refuses no columns, and columns of several lengths', async () => {
    await appErrorOf('INTERNAL', () => writeParquet([], 'test'));
    const short = [
      { name: 'a', kind: 'text', values: ['x'] },
      { name: 'b', kind: 'text', values: [] },
    ] as const;
    await appErrorOf('INTERNAL', () => writeParquet(short, 'test'));
  });
});
