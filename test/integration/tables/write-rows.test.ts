import { expect } from 'chai';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDb, writeRows, type RowBatch, type RowColumn } from '#tables';

describe('writeRows', () => {
  let folder: string;
  let duckdb: DuckDb;
  let number = 0;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-write-'));
    duckdb = await DuckDb.open({
      memoryLimitBytes: 256 * 1024 ** 2,
      threads: 1,
      tempDirectory: path.join(folder, 'spill'),
      tempDirectoryBytesMax: 1024 ** 3,
      allowedDirectories: [folder],
    });
  });

  after(() => {
    duckdb.close();
    rmSync(folder, { recursive: true });
  });

  async function written(columns: RowColumn[], batches: RowBatch[]) {
    number += 1;
    const at = (name: string) => path.join(folder, `${number}.${name}`);
    const files = { csv: at('csv'), ndjson: at('ndjson'), parquet: at('parquet') };
    async function* all() {
      yield* batches;
    }
    const rowCount = await writeRows({ columns, batches: all(), files, duckdb });
    const text = (file: string) => readFileSync(file, 'utf8');
    const parquet = await duckdb.rows(
      `SELECT *, octet_length(encode("${columns[0]?.name.replaceAll('"', '""') ?? ''}"::VARCHAR)) FROM read_parquet('${files.parquet}')`,
    );
    return { rowCount, csv: text(files.csv), ndjson: text(files.ndjson), parquet };
  }

  const texts = ['plain', '', null, 'a "quoted", cell', 'two\r\nlines', '007', ' blank ', '\ufeffmark', '=1+1', 'é€😀'];
  const numbers = Float64Array.from([
    0.1,
    1e-320,
    -0,
    1 / 3,
    1e21,
    123456789012345680,
    5e-324,
    1.7976931348623157e308,
    42,
    -7.5,
  ]);

  it('keeps every text and number exactly in all three formats, in order', async () => {
    const columns = [
      { name: 'a "name", with', kind: 'text' },
      { name: 'n', kind: 'number' },
    ] as const;
    const first: RowBatch = { rowCount: 4, columns: [texts.slice(0, 4), numbers.subarray(0, 4)] };
    const second: RowBatch = { rowCount: 6, columns: [texts.slice(4), numbers.subarray(4)] };
    const { rowCount, csv, ndjson, parquet } = await written([...columns], [first, second]);
    expect(rowCount).to.equal(10);
    expect(csv.startsWith('"a ""name"", with",n\r\nplain,0.1\r\n"",')).to.equal(true);
    expect(csv).to.contain('\r\n,0\r\n').and.contain('"two\r\nlines",1e+21\r\n');
    const lines = ndjson
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => line['a "name", with'])).to.deep.equal(texts);
    expect(lines.map((line) => line['n'])).to.deep.equal(Array.from(numbers, (value) => value + 0));
    // DuckDB's reader of small results drops a leading byte-order mark; its bytes are counted in the file itself.
    expect(parquet.map(([text]) => text)).to.deep.equal(texts.map((text) => (text === '\ufeffmark' ? 'mark' : text)));
    expect(parquet.map(([, , size]) => (size === null ? null : Number(size)))).to.deep.equal(
      texts.map((text) => (text === null ? null : Buffer.byteLength(text))),
    );
    expect(parquet.map(([, value]) => value)).to.deep.equal(Array.from(numbers, (value) => value + 0));
  });

  it('writes a single column of numbers, as for a regression', async () => {
    const { rowCount, csv, parquet } = await written(
      [{ name: 'prediction', kind: 'number' }],
      [{ rowCount: 2, columns: [Float64Array.of(1.5, 2)] }],
    );
    expect([rowCount, csv]).to.deep.equal([2, 'prediction\r\n1.5\r\n2\r\n']);
    expect(parquet.map(([value]) => value)).to.deep.equal([1.5, 2]);
  });

  it('writes wide rows in small row groups: these are what is held in memory', async function () {
    this.timeout(60_000);
    const columns = Array.from({ length: 1_100 }, (_, index): RowColumn => ({ name: `p${index}`, kind: 'number' }));
    const values = Float64Array.from({ length: 1_030 }, (_, row) => row % 7);
    const batch = { rowCount: values.length, columns: columns.map(() => values) };
    const { rowCount } = await written(columns, [batch, batch]);
    expect(rowCount).to.equal(2_060);
    const groups = await duckdb.rows(
      `SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('${path.join(folder, `${number}.parquet`)}') ORDER BY 1`,
    );
    expect(groups.map(([, rows]) => Number(rows))).to.deep.equal([2_048, 12]);
  });

  it('takes a cell of a megabyte and no rows at all', async () => {
    const large = 'x'.repeat(1024 ** 2);
    const { parquet } = await written(
      [
        { name: 'large', kind: 'text' },
        { name: 'n', kind: 'number' },
      ],
      [{ rowCount: 1, columns: [[large], Float64Array.of(1)] }],
    );
    expect(parquet[0]?.[0]).to.equal(large);
    const none = await written(
      [
        { name: 'a', kind: 'text' },
        { name: 'n', kind: 'number' },
      ],
      [],
    );
    expect([none.rowCount, none.csv, none.ndjson, none.parquet]).to.deep.equal([0, 'a,n\r\n', '', []]);
  });

  it('tells NULL from an empty text in a single column, and keeps the row of a NULL', async () => {
    const { rowCount, ndjson, parquet } = await written(
      [{ name: 'prediction', kind: 'text' }],
      [{ rowCount: 4, columns: [[null, '', 'x', null]] }],
    );
    expect(rowCount).to.equal(4);
    expect(parquet.map(([value]) => value)).to.deep.equal([null, '', 'x', null]);
    expect(ndjson.split('\n')[0]).to.equal('{"prediction":null}');
  });

  it('writes NaN as missing and infinities by name', async () => {
    const values = Float64Array.of(NaN, Infinity, -Infinity);
    const { csv, ndjson, parquet } = await written(
      [{ name: 'n', kind: 'number' }],
      [{ rowCount: 3, columns: [values] }],
    );
    expect(csv).to.equal('n\r\n\r\nInfinity\r\n-Infinity\r\n');
    expect(ndjson).to.equal('{"n":null}\n{"n":"Infinity"}\n{"n":"-Infinity"}\n');
    expect(parquet.map(([value]) => value)).to.deep.equal([null, Infinity, -Infinity]);
  });

  it('keeps names that differ by case, are repeated by DuckDB or are hostile', async () => {
    const names = ['probability_a', 'probability_A', '__proto__', 'x "y"', 'ä\n', 'a,b'];
    const columns = names.map((name): RowColumn => ({ name, kind: 'text' }));
    await written(columns, [{ rowCount: 1, columns: names.map((name) => [name]) }]);
    const schema = await duckdb.rows(`SELECT name FROM parquet_schema('${path.join(folder, `${number}.parquet`)}')`);
    expect(schema.slice(1).map(([name]) => name)).to.deep.equal(names);
    const rows = await duckdb.rows(`SELECT * FROM read_parquet('${path.join(folder, `${number}.parquet`)}')`);
    expect(rows).to.deep.equal([names]);
  });

  it('leaves no file after a failure or an abort', async () => {
    const left = readdirSync(folder);
    const aborting = new AbortController();
    async function* rows() {
      yield { rowCount: 1, columns: [['a']] };
      aborting.abort(new Error('stop'));
      yield { rowCount: 1, columns: [['b']] };
    }
    const files = {
      csv: path.join(folder, 'f.csv'),
      ndjson: path.join(folder, 'f.ndjson'),
      parquet: path.join(folder, 'f.parquet'),
    };
    let message = '';
    await writeRows({
      columns: [{ name: 'a', kind: 'text' }],
      batches: rows(),
      files,
      duckdb,
      signal: aborting.signal,
    }).catch((err: unknown) => (message = String(err)));
    expect(message).to.equal('Error: stop');
    expect(readdirSync(folder)).to.deep.equal(left);
  });
});
