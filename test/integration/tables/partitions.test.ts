import { writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import type { RegisteredFile, StoredTable } from '#contracts';
import { writeParquet } from '#parquet';
import { DEFAULT_INGEST_LIMITS, openInPlace, registerInPlace } from '#tables';
import { appErrorOf } from '../../support/expect-error.ts';
import { LocalFiles } from '../../support/local-files.ts';
import { readCodes, readNumbers, readTexts, TableLab } from '../../support/tables.ts';

type Partition = NonNullable<RegisteredFile['partition']>;

let lab: TableLab;
let count = 0;

/** A Parquet file of rows [from, to) as it is registered in a partition. */
async function file(
  from: number,
  to: number,
  partition: Partition,
  columns = 'i AS id, i * 2 AS x',
): Promise<RegisteredFile> {
  count += 1;
  const path = lab.at('in', `${count}.parquet`);
  await lab.duckdb.execute(
    `COPY (SELECT ${columns} FROM range(${from}, ${to}) AS r(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
  );
  return { ...LocalFiles.registered(path), partition };
}

async function register(
  registered: readonly RegisteredFile[],
  columnsMax = DEFAULT_INGEST_LIMITS.columnsMax,
): Promise<StoredTable> {
  const { table } = await registerInPlace({
    ...{ registered, format: 'parquet', files: new LocalFiles(), options: {}, duckdb: lab.duckdb },
    ...{ scratchDirectory: lab.at('scratch'), pieceBytes: 1 },
    limits: { ...DEFAULT_INGEST_LIMITS, columnsMax },
  });
  return table;
}

const opened = (table: StoredTable, files = new LocalFiles()) =>
  openInPlace(table, { files, duckdb: lab.duckdb, scratchDirectory: lab.at('scratch'), pieceBytes: 1 });

/** As many times each value as a file has rows. */
const repeated = <T>(...runs: readonly (readonly [value: T, times: number])[]): T[] =>
  runs.flatMap(([value, times]) => Array.from({ length: times }, () => value));

describe('Parquet in partition folders', function () {
  this.timeout(60_000);
  let table: StoredTable;

  before(async () => {
    lab = await TableLab.open();
    table = await register([
      await file(0, 3_000, { day: '2026-11-29', hour: '7', region: "o'b" }),
      await file(3_000, 3_000, { day: '2026-11-30', hour: '-8', region: 'us' }),
      await file(3_000, 5_000, { day: '2026-11-30', hour: '23', region: null }),
    ]);
  });
  after(() => lab.close());

  it('has a column for each key behind those of the files: integers, dates, texts', () => {
    expect(
      table.columns.map(({ name, position, storage, isPartition }) => [name, position, storage, isPartition]),
    ).to.deep.equal([
      ['id', 0, 'int64', undefined],
      ['x', 1, 'int64', undefined],
      ['day', 2, 'date', true],
      ['hour', 3, 'int64', true],
      ['region', 4, 'string', true],
    ]);
  });

  it('gives all rows of a file its values, in each view, beside its own columns', async () => {
    const texts = await readTexts(opened(table), ['region', 'x', 'day', 'hour']);
    expect(texts.get('day')).to.deep.equal(repeated(['2026-11-29', 3_000], ['2026-11-30', 2_000]));
    expect(texts.get('hour')).to.deep.equal(repeated(['7', 3_000], ['23', 2_000]));
    expect(texts.get('region')).to.deep.equal(repeated<string | null>(["o'b", 3_000], [null, 2_000]));
    expect(texts.get('x')).to.deep.equal(Array.from({ length: 5_000 }, (_, i) => String(2 * i)));
    expect(await readNumbers(opened(table), 'hour')).to.deep.equal(repeated([7, 3_000], [23, 2_000]));
    expect(await readCodes(opened(table), 'region')).to.deep.equal(
      repeated<string | null>(["o'b", 3_000], [null, 2_000]),
    );
  });

  it('reads no more than one column of the files for those of the folders', async () => {
    const files = new LocalFiles();
    const both = new LocalFiles();
    await readNumbers(opened(table, files), 'hour');
    await readTexts(opened(table, both), ['id', 'x']);
    expect(files.bytesRead).to.be.lessThan(both.bytesRead);
  });

  it('reads files that monitors write for the archive of events', async () => {
    const values = Array.from({ length: 45_000 }, (_, i) => (i % 7 === 0 ? null : i / 4));
    const columns = [
      { name: 'event_time', kind: 'instant', values: values.map((_, i) => i * 1_000) },
      { name: 'prediction', kind: 'double', values },
      { name: 'color', kind: 'text', values: values.map((_, i) => (i % 3 === 0 ? null : `c${i % 5}`)) },
    ] as const;
    const place = lab.at('in', 'archived.parquet');
    await writeFile(place, await writeParquet(columns, 'test'));
    const archived = await register([{ ...LocalFiles.registered(place), partition: { day: '2026-11-30' } }]);
    expect(archived.rowCount).to.equal(values.length);
    const numbers = await readNumbers(opened(archived), 'prediction');
    expect(numbers.map((value) => (Number.isNaN(value) ? null : value))).to.deep.equal(values);
    expect(await readCodes(opened(archived), 'color')).to.deep.equal(columns[2].values);
    const texts = await readTexts(opened(archived), ['event_time', 'day']);
    expect(texts.get('event_time')?.[61]).to.equal('1970-01-01T00:01:01');
    expect(new Set(texts.get('day'))).to.deep.equal(new Set(['2026-11-30']));
  });

  it('keeps values as texts that are no plain integers or dates', async () => {
    const kinds = async (...values: (string | null)[]) => {
      const files = await Promise.all(values.map((value) => file(0, 1, { k: value })));
      return (await register(files)).columns.at(-1)?.storage;
    };
    expect(await kinds('01', '02')).to.equal('string');
    expect(await kinds('1', 'x')).to.equal('string');
    expect(await kinds('9223372036854775808')).to.equal('string');
    expect(await kinds('9223372036854775807', '0')).to.equal('int64');
    expect(await kinds('2026-02-30')).to.equal('string');
    expect(await kinds('2024-02-29', null)).to.equal('date');
    expect(await kinds(null)).to.equal('string');
  });

  it('refuses a key that is a column too, and more columns with the keys than are allowed', async () => {
    const taken = await appErrorOf('DATASET_SCHEMAS_DIFFER', async () => register([await file(0, 1, { x: '1' })]));
    expect(taken.message).to.include('column "x" is the key of a partition folder, too');
    const wide = await appErrorOf('DATASET_TOO_WIDE', async () => register([await file(0, 1, { k: '1' })], 2));
    expect(wide.message).to.include('expected at most 2 columns, found 3');
  });

  it('refuses to read a file without the key', async () => {
    const [first, ...rest] = table.inPlaceFiles ?? [];
    if (first === undefined) throw new Error('the table has files');
    const { partition: _, ...bare } = first;
    const changed = await appErrorOf('DATASET_CHANGED', () =>
      readNumbers(opened({ ...table, inPlaceFiles: [bare, ...rest] }), 'hour'),
    );
    expect(changed.message).to.include('expected a folder of the key "hour"');
  });
});
