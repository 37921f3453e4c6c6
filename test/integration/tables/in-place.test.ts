import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { expect } from 'chai';
import { type ErrorCode, type StoredTable } from '#contracts';
import {
  DEFAULT_INGEST_LIMITS,
  limitCells,
  openInPlace,
  registerInPlace,
  type IngestLimits,
  type InPlaceFiles,
} from '#tables';
import { appErrorOf } from '../../support/expect-error.ts';
import { LocalFiles } from '../../support/local-files.ts';
import { readCodes, readNumbers, readTexts, TableLab } from '../../support/tables.ts';

/** A column of every type that Parquet files have, NULL in some rows, `i` being the row. */
const ALL_TYPES = `
  i AS id,
  CASE WHEN i % 7 <> 0 THEN (i % 100 - 50)::TINYINT END AS "tiny",
  (i * 31 % 60000)::USMALLINT AS "u16",
  CASE WHEN i % 11 <> 0 THEN (i - 5000)::INTEGER END AS "i32",
  (9007199254740993 + i)::BIGINT AS "i64",
  (18446744073709551615 - i)::UBIGINT AS "u64",
  CASE WHEN i % 13 = 0 THEN 'nan'::DOUBLE WHEN i % 17 = 0 THEN NULL WHEN i % 19 = 0 THEN '-inf'::DOUBLE ELSE i / 7 END AS "f64",
  (i / 3)::FLOAT AS "f32",
  (i / 8)::DECIMAL(10, 3) AS "dec",
  (i::HUGEINT * 1000000000000000000)::DECIMAL(38, 4) AS "wide decimal",
  CASE WHEN i % 5 <> 0 THEN i % 2 = 0 END AS "flag",
  DATE '1899-12-31' + (i % 90000)::INTEGER AS "day",
  TIMESTAMP '2020-02-29 12:00:00.000001' + to_microseconds(i * 1000003) AS "at",
  (TIMESTAMP '2020-02-29 12:00:00' + to_seconds(i))::TIMESTAMP_MS AS "at ms",
  make_timestamp_ns(1582977600000000000 + i * 1001) AS "at ns",
  (TIMESTAMP '2020-02-29 12:00:00' + to_seconds(i)) AT TIME ZONE 'UTC' AS "at utc",
  CASE WHEN i % 3 <> 0 THEN 'text ' || (i % 50) END AS "category",
  CASE WHEN i % 23 = 0 THEN '' WHEN i % 29 = 0 THEN 'Ünï"code'',\\n' || i ELSE repeat('x', (i % 40)::INTEGER) || i END AS "long text",
  ('00000000-0000-0000-0000-' || lpad(i::VARCHAR, 12, '0'))::UUID AS "uuid",
  encode('b' || i) AS "bytes",
  CASE WHEN i % 4 <> 0 THEN [i, i + 1, NULL] END AS "list",
  {'a': i, 'b': ['x', NULL], 'c': {'d': i % 2 = 0}} AS "struct",
  MAP {'k': i} AS "map"`;

/** Three rows as older Spark writes them: `at` (INT96 timestamps), `name`, `n`; by Arrow C++ 26, snappy. */
const INT96_FILE = [
  'UEFSMRUEFTAVNEwVBBUAEgAAGFzog6dISicAAB2FJQAANrRVlE4AAKzZJAAVABUSFRYsFQYVEBUGFQYcAAAACSACAAAAAwUBAwIV',
  'BBUUFRhMFQQVABIAAAokAgAAAMOkAAAAABUAFRIVFiwVBhUQFQYVBhw2AigCw6QYABERAAAACSACAAAAAwUBAwIVBBUQFRRMFQQV',
  'ABIAAAgcAQAAAAIAAAAVABUSFRYsFQYVEBUGFQYcGAQCAAAAGAQBAAAAFgIoBAIAAAAYBAEAAAAREQAAAAkgAgAAAAMDAQMCFQQZ',
  'TDUAGAZzY2hlbWEVBgAVBiUCGAJhdAAVDCUCGARuYW1lJQBMHAAAABUCJQIYAW4AFgYZHBk8JgAcFQYZNQAGEBkYAmF0FQIWBhaE',
  'ARaMASZYJggpLBUEFQAVAgAVABUQFQIAPCkGGSYCBAAAACYAHBUMGTUABhAZGARuYW1lFQIWBhZ8FoQBJsgBJpQBHDYCKALDpBgA',
  'EREAGSwVBBUAFQIAFQAVEBUCADwWBBkGGSYCBAAAACYAHBUCGTUABhAZGAFuFQIWBhacARakASbIAiaYAhwYBAIAAAAYBAEAAAAW',
  'AigEAgAAABgEAQAAABERABksFQQVABUCABUAFRAVAgA8KQYZJgIEAAAAFpwDFgYmCBa0AwAoIHBhcnF1ZXQtY3BwLWFycm93IHZl',
  'cnNpb24gMjYuMC4xGTwcAAAcAAAcAAAARwEAAFBBUjE=',
].join('');

let lab: TableLab;
let count = 0;

async function parquet(query: string, options = 'COMPRESSION snappy'): Promise<string> {
  count += 1;
  const file = lab.at('in', `${count}.parquet`);
  await lab.duckdb.execute(`COPY (${query}) TO '${file}' (FORMAT parquet, ${options})`);
  return file;
}

const rows = (from: number, to: number, columns = ALL_TYPES): string =>
  `SELECT ${columns} FROM range(${from}, ${to}) AS r(i)`;

async function register(
  paths: readonly string[],
  files: InPlaceFiles = new LocalFiles(),
  limits: Partial<IngestLimits> = {},
): Promise<StoredTable> {
  const { table } = await registerInPlace({
    registered: paths.map((path) => LocalFiles.registered(path)),
    files,
    format: 'parquet',
    options: {},
    duckdb: lab.duckdb,
    scratchDirectory: lab.at('scratch'),
    pieceBytes: 1,
    limits: { ...DEFAULT_INGEST_LIMITS, ...limits },
  });
  return table;
}

const opened = (table: StoredTable, files: InPlaceFiles = new LocalFiles(), pieceBytes = 1, batchRows?: number) =>
  openInPlace(table, {
    files,
    duckdb: lab.duckdb,
    scratchDirectory: lab.at('scratch'),
    pieceBytes,
    ...(batchRows === undefined ? {} : { batchRows }),
  });

async function refused(code: ErrorCode, message: RegExp, work: () => Promise<unknown>): Promise<void> {
  const err = await appErrorOf(code, work);
  expect(err.message).to.match(message);
  expect(readdirSync(lab.at('scratch')), 'nothing is left').to.deep.equal([]);
}

describe('Parquet in place', function () {
  this.timeout(120_000);
  before(async () => {
    lab = await TableLab.open();
    await mkdir(lab.at('in', 'more'));
  });
  after(() => lab.close());

  for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw']) {
    it(`gives the cells of a snapshot of the same file, in each view: ${codec}`, async () => {
      const file = await parquet(rows(0, 7_000), `COMPRESSION ${codec}, ROW_GROUP_SIZE 2048`);
      const snapshot = (await lab.ingestFile(file, 'd.parquet')).table;
      const table = await register([file]);
      expect(table.rowCount).to.equal(7_000);
      const names = snapshot.columns.map(({ name }) => name);
      expect(table.columns.map(({ name }) => name)).to.deep.equal(names);
      expect(table.columns.map(({ parse }) => parse)).to.deep.equal(snapshot.columns.map(({ parse }) => parse));
      const expected = await readTexts(lab.source(snapshot), names);
      expect(await readTexts(opened(table), names), 'one row group a mini file').to.deep.equal(expected);
      expect(await readTexts(opened(table, new LocalFiles(), 1e9, 1_000), names), 'all of them in one').to.deep.equal(
        expected,
      );
      for (const { name, parse } of snapshot.columns) {
        expect(await readCodes(opened(table), name), name).to.deep.equal(await readCodes(lab.source(snapshot), name));
        if (parse.kind === 'category') continue;
        const numbers = await readNumbers(opened(table), name);
        expect(numbers, name).to.deep.equal(await readNumbers(lab.source(snapshot), name));
      }
    });
  }

  it('reads old encodings and page versions alike', async () => {
    const file = await parquet(rows(0, 5_000), `COMPRESSION zstd, PARQUET_VERSION v2, ROW_GROUP_SIZE 2048`);
    const snapshot = (await lab.ingestFile(file, 'd.parquet')).table;
    const names = snapshot.columns.map(({ name }) => name);
    expect(await readTexts(opened(await register([file])), names)).to.deep.equal(
      await readTexts(lab.source(snapshot), names),
    );
  });

  it('reads the 96-bit timestamps of older writers', async () => {
    const file = lab.at('in', 'int96.parquet');
    writeFileSync(file, Buffer.from(INT96_FILE, 'base64'));
    const snapshot = (await lab.ingestFile(file, 'int96.parquet')).table;
    const found = await readTexts(opened(await register([file])), ['at', 'name', 'n']);
    expect(found).to.deep.equal(await readTexts(lab.source(snapshot), ['at', 'name', 'n']));
    expect(found.get('at')).to.deep.equal(['2020-02-29T12:00:00.000001', null, '1899-12-31T23:59:59']);
  });

  it('goes through several files in the order of their registration, columns by their names', async () => {
    const paths = [
      await parquet(rows(0, 3_000, 'i AS id, (i * 2)::INTEGER AS x'), 'ROW_GROUP_SIZE 2048'),
      await parquet(rows(0, 0, 'i AS id, i::INTEGER AS x')),
      await parquet(rows(3_000, 5_000, '(i * 2)::BIGINT AS x, i AS id')),
    ];
    const table = await register(paths);
    expect(table.inPlaceFiles?.map(({ rowCount }) => rowCount)).to.deep.equal([3_000, 0, 2_000]);
    const files = new LocalFiles();
    const found = await readNumbers(opened(table, files), 'x');
    expect(found).to.deep.equal(Array.from({ length: 5_000 }, (_, i) => i * 2));
    expect(files.confirmed, 'asked again after the last byte').to.deep.equal([paths[0], paths[2]]);
  });

  it('fetches the chunks of the columns that are asked for, and holds two mini files at most', async () => {
    const file = await parquet(
      rows(
        0,
        40_000,
        `i AS id, i * 3 AS x, ${Array.from({ length: 30 }, (_, c) => `hash(i + ${c}) AS c${c}`).join(', ')}`,
      ),
      'COMPRESSION zstd, ROW_GROUP_SIZE 4096',
    );
    const table = await register([file]);
    const files = new LocalFiles();
    let most = 0;
    for await (const batch of opened(table, files, 1, 1_000).batches([{ name: 'x', view: 'number' }])) {
      expect(batch.rowCount).to.equal(1_000);
      const [folder = ''] = readdirSync(lab.at('scratch'));
      most = Math.max(most, readdirSync(lab.at('scratch', folder)).length);
    }
    expect(most).to.be.within(1, 2);
    expect(files.bytesRead).to.be.lessThan(readFileSync(file).length / 5);
    expect(readdirSync(lab.at('scratch'))).to.deep.equal([]);
  });

  it('ends early without a trace when nobody wants more', async () => {
    const table = await register([await parquet(rows(0, 20_000), 'ROW_GROUP_SIZE 2048')]);
    for await (const batch of opened(table).batches([{ name: 'id', view: 'number' }])) {
      expect(batch.firstRow).to.equal(0);
      break;
    }
    expect(readdirSync(lab.at('scratch'))).to.deep.equal([]);
  });

  it('refuses files that changed before a row is given, and those that change meanwhile', async () => {
    const paths = [
      await parquet(rows(0, 5_000, 'i AS id'), 'ROW_GROUP_SIZE 2048'),
      await parquet(rows(0, 100, 'i AS id')),
    ];
    const table = await register(paths);
    const files = new LocalFiles();
    const seen: number[] = [];
    await refused('DATASET_CHANGED', new RegExp(String(paths[0])), async () => {
      for await (const batch of opened(table, files, 1, 1_000).batches([{ name: 'id', view: 'number' }])) {
        seen.push(batch.rowCount);
        if (seen.length === 1) await appendFile(paths[0] ?? '', 'x');
      }
    });
    expect(seen.length).to.be.lessThan(5);
    await refused('DATASET_CHANGED', /changed/, async () => {
      for await (const batch of opened(table, new LocalFiles()).batches([{ name: 'id', view: 'number' }]))
        expect.fail(`${batch.rowCount} rows of a changed table`);
    });
  });

  it('refuses files with other columns, naming both files and the column', async () => {
    const first = await parquet(rows(0, 10, 'i AS id, i AS x'));
    const cases: readonly (readonly [columns: string, message: RegExp])[] = [
      ['i AS id', /2?\.parquet: expected column "x" as in file .*, found none/],
      ['i AS id, i AS x, i AS y', /found column "y", which file .* has not/],
      [`i AS id, 'a' AS x`, /column "x": expected BIGINT as in file .*, found VARCHAR/],
      [`i AS id, i::DOUBLE AS x`, /column "x": expected BIGINT as in file .*, found DOUBLE/],
    ];
    for (const [columns, message] of cases) {
      const other = await parquet(rows(0, 10, columns));
      await refused('DATASET_SCHEMAS_DIFFER', message, () => register([first, other]));
    }
  });

  it('refuses what is no whole Parquet file, is empty, encrypted, too wide or has too large cells', async () => {
    const good = await parquet(rows(0, 10, 'i AS id'));
    const bytes = readFileSync(good);
    const written = (content: Uint8Array): string => {
      count += 1;
      const file = lab.at('in', `${count}.parquet`);
      writeFileSync(file, content);
      return file;
    };
    const flipped = Buffer.from(bytes);
    flipped.fill(0xff, bytes.length - 40, bytes.length - 8);
    const unreadable: readonly Uint8Array[] = [
      Buffer.alloc(0),
      Buffer.from('PAR1PAR1'),
      bytes.subarray(0, bytes.length - 20),
      flipped,
      Buffer.concat([bytes.subarray(0, bytes.length - 8), Buffer.from([0xff, 0xff, 0xff, 0x7f]), Buffer.from('PAR1')]),
    ];
    for (const content of unreadable)
      await refused('DATASET_UNREADABLE', /\d\.parquet: expected/, () => register([good, written(content)]));
    const encrypted = Buffer.concat([bytes.subarray(0, bytes.length - 4), Buffer.from('PARE')]);
    await refused('UNSUPPORTED_FORMAT', /encrypted/, () => register([written(encrypted)]));
    const empty = await parquet(rows(0, 0, 'i AS id'));
    await refused('DATASET_NO_ROWS', /expected rows/, () => register([empty]));
    const wide = await parquet(rows(0, 1, 'i AS a, i AS b'));
    await refused('DATASET_TOO_WIDE', /at most 1 columns, found 2/, () =>
      register([wide], new LocalFiles(), { columnsMax: 1 }),
    );
    const large = await register([await parquet(rows(0, 10, `repeat('é', 1000 + i::INTEGER) AS t`))]);
    for (const view of ['text', 'dictionary'] as const)
      await refused('DATASET_CELL_TOO_LARGE', /"t".*at most 2010 bytes, found 2012/, async () => {
        const source = limitCells(opened(large), 2_010);
        for await (const batch of source.batches([{ name: 't', view }])) expect(batch.rowCount).to.equal(10);
      });
  });

  it('finds damaged pages by the rows that are missing, as everywhere', async () => {
    const file = await parquet(
      rows(0, 30_000, `i AS id, 'text ' || hash(i) AS t`),
      'COMPRESSION zstd, ROW_GROUP_SIZE 10240',
    );
    const damaged = readFileSync(file);
    damaged.fill(0, damaged.length / 2, damaged.length / 2 + 2_000);
    writeFileSync(file, damaged);
    const table = await register([file]);
    await refused('DATA_READ_TRUNCATED', /expected \d+ rows in order/, () => readTexts(opened(table), ['t']));
  });

  it('says so when bytes are missing at the source', async () => {
    const file = await parquet(rows(0, 3_000, 'i AS id'));
    const table = await register([file]);
    const whole = new LocalFiles();
    const short: InPlaceFiles = {
      check: (files) => whole.check(files),
      async open(registered) {
        const file = await whole.open(registered);
        return { ...file, read: (start, end, signal) => file.read(start, start === 4 ? end - 1 : end, signal) };
      },
    };
    await refused('DATA_READ_TRUNCATED', /expected \d+ bytes from 4, found/, () =>
      readNumbers(opened(table, short), 'id'),
    );
  });
});
