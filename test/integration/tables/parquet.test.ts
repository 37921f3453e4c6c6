import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { isAppError, type ErrorCode, type StoredTable } from '#contracts';
import { TableLab, readCodes, readTexts } from '../../support/tables.ts';

let lab: TableLab;

/** Writes a Parquet file by a query and ingests it. */
async function typed(query: string, name = 'd.parquet'): Promise<StoredTable> {
  const file = lab.at('in', `${Math.random().toString(36).slice(2)}.parquet`);
  await lab.duckdb.execute(`COPY (${query}) TO '${file}' (FORMAT parquet)`);
  return (await lab.ingestFile(file, name)).table;
}

async function refused(code: ErrorCode, message: RegExp, content: Uint8Array): Promise<void> {
  const before = await readdir(lab.at('store'));
  try {
    await lab.ingest(content, 'd.parquet');
  } catch (err) {
    if (!isAppError(err, code)) throw err;
    expect(err.message).to.match(message);
    expect(await readdir(lab.at('store'))).to.deep.equal(before);
    return;
  }
  expect.fail(`expected ${code}, found success`);
}

describe('ingest: parquet', function () {
  this.timeout(60_000);
  before(async () => {
    process.env['TZ'] = 'America/New_York';
    lab = await TableLab.open();
  });
  after(async () => {
    delete process.env['TZ'];
    await lab.close();
  });

  it('keeps types, and gives exact texts, numbers and codes of each', async () => {
    const cases: readonly (readonly [sql: string, storage: string, text: string, number: number | null])[] = [
      [`1::TINYINT`, 'int64', '1', 1],
      [`-9223372036854775808`, 'int64', '-9223372036854775808', -9223372036854775808],
      [`9007199254740993::BIGINT`, 'int64', '9007199254740993', 9007199254740992],
      [`5::UBIGINT`, 'int64', '5', 5],
      [`18446744073709551615::UBIGINT`, 'decimal', '18446744073709551615', 18446744073709552000],
      [`1.50::DECIMAL(10,2)`, 'decimal', '1.50', 1.5],
      [`-0.05::DECIMAL(4,2)`, 'decimal', '-0.05', -0.05],
      [
        `1234567890123456789012345678.1234567891::DECIMAL(38,10)`,
        'decimal',
        '1234567890123456789012345678.1234567891',
        1.2345678901234568e27,
      ],
      [`0.1::FLOAT`, 'float64', '0.10000000149011612', 0.10000000149011612],
      [`1e21::DOUBLE`, 'float64', '1e+21', 1e21],
      [`5e-324::DOUBLE`, 'float64', '5e-324', 5e-324],
      [`'-0'::DOUBLE`, 'float64', '0', -0],
      [`'inf'::DOUBLE`, 'float64', 'Infinity', Infinity],
      [`'nan'::DOUBLE`, 'float64', 'NaN', NaN],
      [`true`, 'boolean', 'true', 1],
      [`DATE '2024-02-29'`, 'date', '2024-02-29', Date.UTC(2024, 1, 29) / 1000],
      [`DATE '1583-01-01'`, 'date', '1583-01-01', Date.UTC(1583, 0, 1) / 1000],
      [`TIMESTAMP '2026-11-23 10:00:00.123456'`, 'timestamp', '2026-11-23T10:00:00.123456', 1795428000.123456],
      [`TIMESTAMP_S '2026-11-23 10:00:00'`, 'timestamp', '2026-11-23T10:00:00', 1795428000],
      [`TIMESTAMP_NS '2026-11-23 10:00:00.123456'`, 'timestamp', '2026-11-23T10:00:00.123456', 1795428000.123456],
      [`TIMESTAMP_NS '2026-11-23 10:00:00.123456789'`, 'string', '2026-11-23T10:00:00.123456789', 1795428000.123456],
      [`TIMESTAMPTZ '2026-11-23 10:00:00.5+02:00'`, 'timestampUtc', '2026-11-23T08:00:00.5Z', 1795420800.5],
      [`'text'`, 'string', 'text', null],
      [`''`, 'string', '', null],
      [`'2024-01-01'`, 'string', '2024-01-01', null],
      [`TIME '10:00:00'`, 'string', '10:00:00', null],
      [`[1, 2]`, 'string', '[1,2]', null],
      [`{'a': 1, 'b': 'x'}`, 'string', '{"a":1,"b":"x"}', null],
      [`MAP {'k': 1}`, 'string', '{"k":1}', null],
      [`'x'::ENUM('x', 'y')`, 'string', 'x', null],
    ];
    const columns = cases.map(([sql], index) => `${sql} AS f${index}`).join(', ');
    const nulls = cases.map((_, index) => `NULL AS f${index}`).join(', ');
    const table = await typed(`SELECT ${columns} UNION ALL BY NAME SELECT ${nulls}`);
    const texts = await readTexts(
      lab.source(table),
      table.columns.map((column) => column.name),
    );
    for (const [index, [sql, storage, text, number]] of cases.entries()) {
      const name = `f${index}`;
      expect(table.columns[index]?.storage, sql).to.equal(storage);
      expect(texts.get(name), sql).to.deep.equal([text, null]);
      expect(await readCodes(lab.source(table), name), sql).to.deep.equal([text, null]);
      if (number === null) continue;
      const [value, missing] = await lab.numbers(table, name);
      expect(Object.is(value, number), `${sql}: ${String(value)}`).to.be.true;
      expect(missing, sql).to.be.NaN;
    }
  });

  it('keeps names that differ by case, and nested columns do not shift them', async () => {
    const file = lab.at('in', 'names.parquet');
    await lab.duckdb.execute(
      `COPY (SELECT {'p': {'q': 1}, 'r': [2]} AS s, 1 AS "A b", 2 AS "__proto__", 'x' AS "  ") TO '${file}' (FORMAT parquet)`,
    );
    const { table } = await lab.ingestFile(file, 'names.parquet');
    expect(table.columns.map((column) => column.name)).to.deep.equal(['s', 'A b', '__proto__', 'column_4']);
    const texts = await lab.texts(table);
    expect([...texts.values()].map(([text]) => text)).to.deep.equal(['{"p":{"q":1},"r":[2]}', '1', '2', 'x']);
  });

  it('names the one column name that it cannot take', async () => {
    const file = lab.at('in', 'reserved.parquet');
    await lab.duckdb.execute(`COPY (SELECT 1 AS File_Row_Number) TO '${file}' (FORMAT parquet)`);
    await refused('DATASET_UNREADABLE', /"File_Row_Number" is reserved/, await readFile(file));
  });

  it('warns of infinite values and reads a marker among typed numbers as missing', async () => {
    const file = lab.at('in', 'inf.parquet');
    await lab.duckdb.execute(
      `COPY (SELECT unnest(['inf'::DOUBLE, -999.0, 2]) AS f, unnest([-999, 1, NULL]) AS i) TO '${file}' (FORMAT parquet)`,
    );
    const { table, warnings } = await lab.ingestFile(file, 'inf.parquet', { nullMarkers: ['-999'] });
    expect(warnings.map(({ name, warning }) => [name, warning.code])).to.deep.equal([['f', 'INFINITE_VALUES']]);
    expect(await lab.numbers(table, 'f')).to.deep.equal([Infinity, NaN, 2]);
    expect(await lab.numbers(table, 'i')).to.deep.equal([NaN, 1, NaN]);
  });

  it('refuses empty, truncated and damaged files', async () => {
    const file = lab.at('in', 'whole.parquet');
    await lab.duckdb.execute(
      `COPY (SELECT range AS a, random() AS b, 'x' || range AS c FROM range(200000)) TO '${file}' (FORMAT parquet)`,
    );
    const whole = await readFile(file);
    for (const share of [0.5, 0.99]) {
      await refused('DATASET_UNREADABLE', /cut off/, whole.subarray(0, Math.floor(whole.length * share)));
    }
    await refused('DATASET_UNREADABLE', /cut off/, whole.subarray(0, whole.length - 1));
    await refused('DATASET_UNREADABLE', /cut off/, Buffer.from('PAR1'));
    const footer = Buffer.from(whole);
    footer.fill(0xff, whole.length - 300, whole.length - 200);
    await refused('DATASET_UNREADABLE', /found damage/, footer);
    const pages = Buffer.from(whole);
    pages.fill(0, Math.floor(whole.length * 0.4), Math.floor(whole.length * 0.6));
    await refused('DATASET_UNREADABLE', /found damage/, pages);

    const none = lab.at('in', 'none.parquet');
    await lab.duckdb.execute(`COPY (SELECT 1 AS a WHERE false) TO '${none}' (FORMAT parquet)`);
    await refused('DATASET_NO_ROWS', /none/, await readFile(none));
    const large = lab.at('in', 'large.parquet');
    await lab.duckdb.execute(`COPY (SELECT repeat('x', 1048577) AS a) TO '${large}' (FORMAT parquet)`);
    await refused('DATASET_CELL_TOO_LARGE', /column "a"/, await readFile(large));
  });

  it('never takes a file name for a pattern', async () => {
    await mkdir(lab.at('in', 'st*r'));
    const file = lab.at('in', 'st*r', 'd.parquet');
    await writeFile(file, 'PAR1 and what follows in a file PAR1');
    let found: unknown;
    await lab.ingestFile(file, 'd.parquet').catch((err: unknown) => (found = err));
    expect(isAppError(found)).to.be.true;
  });
});

describe('DuckDB: locked down', () => {
  before(async () => {
    lab = await TableLab.open();
  });
  after(() => lab.close());

  const fails = async (sql: string): Promise<void> => {
    let message = 'success';
    await lab.duckdb.execute(sql).catch((err: unknown) => (message = String(err)));
    expect(message, sql).to.match(/Permission Error|configuration has been locked|disabled|not allowed|Extension/i);
  };

  it('reads and writes nothing outside the allowed folders, loads nothing, changes nothing', async () => {
    const outside = `${lab.folder}-outside`;
    await fails(`SELECT * FROM read_csv('/etc/passwd')`);
    await fails(`SELECT * FROM read_text('${lab.folder}/../x')`);
    await fails(`COPY (SELECT 1) TO '${outside}.csv'`);
    await fails(`ATTACH '${outside}.db'`);
    await fails(`SET enable_external_access = true`);
    await fails(`SET allowed_directories = ['/']`);
    await fails(`SET memory_limit = '100GB'`);
    await fails(`INSTALL httpfs`);
    await fails(`LOAD httpfs`);
    await fails(`SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')`);
  });

  it('reads a file that was written anew under the name of another one within the same second', async () => {
    const file = lab.at('in', 'anew.parquet');
    for (let turn = 10; turn < 15; turn += 1) {
      await lab.duckdb.execute(`COPY (SELECT ${turn} AS x FROM range(3)) TO '${file}' (FORMAT parquet)`);
      const [[x] = []] = await lab.duckdb.rows(`SELECT min(x) FROM read_parquet('${file}')`);
      expect(Number(x)).to.equal(turn);
    }
  });
});
