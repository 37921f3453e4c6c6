import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { isAppError, type BatchSource, type ErrorCode, type StoredTable } from '#contracts';
import { openInPlace, registerInPlace, DEFAULT_INGEST_LIMITS, type InPlaceFiles } from '#tables';
import { LocalFiles } from '../../support/local-files.ts';
import { TableLab } from '../../support/tables.ts';

const ROWS = 30_000;
/** Whole seconds: fractions would not be the same when they are set again. */
const WRITTEN_AT = 1_700_000_000;

/** A way in which rows are kept, and the file that has them. */
interface Kept {
  readonly path: string;
  open(files: InPlaceFiles): BatchSource;
}

type Change = (bytes: Buffer) => Buffer;

/** What becomes of a file whose size and time stay the same. */
const SILENT: Readonly<Record<string, Change>> = {
  'zeros in the middle': (bytes) => bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 2_000),
  'zeros to the end': (bytes) => bytes.fill(0, bytes.length >> 1),
  'another order of blocks': (bytes) => {
    const third = Math.floor(bytes.length / 3);
    const [one, other] = [bytes.subarray(third, third + 4_096), bytes.subarray(2 * third, 2 * third + 4_096)];
    const kept = Buffer.from(one);
    one.set(other);
    other.set(kept);
    return bytes;
  },
};

/** What becomes of a file that has another size then. */
const TOLD: Readonly<Record<string, Change>> = {
  'cut in the middle': (bytes) => bytes.subarray(0, bytes.length >> 1),
  'one byte less': (bytes) => bytes.subarray(0, bytes.length - 1),
  'one byte more': (bytes) => Buffer.concat([bytes, Buffer.from('\n')]),
  'nothing left': () => Buffer.alloc(0),
};

let lab: TableLab;
const all: string[] = [];

async function rowsOf(source: BatchSource, onRows: (count: number) => void = () => undefined): Promise<number> {
  let rows = 0;
  for await (const batch of source.batches(all.map((name) => ({ name, view: 'text' })))) {
    rows += batch.rowCount;
    onRows(batch.rowCount);
  }
  return rows;
}

/** The code that reading ends with. @param rowsMax given before at most */
async function failureOf(source: BatchSource, rowsMax = ROWS): Promise<ErrorCode> {
  let seen = 0;
  try {
    await rowsOf(source, (count) => (seen += count));
  } catch (err) {
    if (!isAppError(err)) throw err;
    expect(seen).to.be.at.most(rowsMax);
    return err.code;
  }
  return expect.fail(`read ${seen} rows without an error`);
}

/** Files whose bytes from the middle on are lost, by an end or an error. */
function cutShort(how: 'ends' | 'fails'): InPlaceFiles {
  const whole = new LocalFiles();
  return {
    check: (files) => whole.check(files),
    async open(registered) {
      const file = await whole.open(registered);
      return {
        ...file,
        async *read(start, end, signal) {
          const middle = Math.max(start, file.sizeBytes >> 1);
          if (end > middle && how === 'fails') {
            yield* file.read(start, middle, signal);
            throw new Error('the DataNode is gone');
          }
          yield* file.read(start, Math.min(end, middle), signal);
        },
      };
    },
  };
}

describe('damaged files', function () {
  this.timeout(120_000);
  const ways = new Map<string, Kept>();

  before(async () => {
    lab = await TableLab.open();
    const line = (row: number): string => `${row},${Math.sin(row)},text ${(row * 7_919) % 1_009},${row % 3 === 0}\n`;
    const header = 'id,x,t,flag\n';
    all.push(...header.trim().split(','));
    const lines = Array.from({ length: ROWS }, (_, row) => line(row));
    const text = header + lines.join('');
    const members = Buffer.concat([
      gzipSync(header + lines.slice(0, ROWS / 2).join('')),
      gzipSync(lines.slice(ROWS / 2).join('')),
    ]);
    const { table } = await lab.ingest(text);
    ways.set('a snapshot', {
      path: lab.at('store', table.files[0]?.path ?? ''),
      open: () => lab.source(table),
    });
    for (const [name, extension, content] of [
      ['CSV in place', 'csv', text],
      ['gzipped CSV in place', 'csv.gz', gzipSync(text)],
      ['CSV in place, of several members of gzip', 'csv.gz', members],
    ] as const)
      ways.set(name, await inPlace('csv', name, extension, Buffer.from(content)));
    for (const codec of ['snappy', 'zstd']) {
      const file = lab.at('in', `${codec}.parquet`);
      await lab.duckdb.execute(
        `COPY (SELECT i AS id, sin(i) AS x, 'text ' || hash(i) AS t, i % 3 = 0 AS flag FROM range(${ROWS}) AS r(i)) TO '${file}' (FORMAT parquet, COMPRESSION ${codec}, ROW_GROUP_SIZE 8192)`,
      );
      ways.set(`Parquet in place, ${codec}`, await inPlace('parquet', codec, 'again.parquet', readFileSync(file)));
    }
  });
  after(() => lab.close());

  async function inPlace(
    format: 'csv' | 'parquet',
    name: string,
    extension: string,
    content: Uint8Array,
  ): Promise<Kept> {
    const path = lab.at('in', `${name.replaceAll(/\W/g, '-')}.${extension}`);
    writeFileSync(path, content);
    utimesSync(path, WRITTEN_AT, WRITTEN_AT);
    const place = { duckdb: lab.duckdb, scratchDirectory: lab.at('scratch'), pieceBytes: 50_000 };
    const { table }: { table: StoredTable } = await registerInPlace({
      ...{ ...place, format, registered: [LocalFiles.registered(path)], files: new LocalFiles() },
      ...{ options: {}, limits: DEFAULT_INGEST_LIMITS },
    });
    return { path, open: (files) => openInPlace(table, { ...place, files }) };
  }

  /** The way with its file changed, and back afterwards. */
  async function changed(kept: Kept, change: Change, work: () => Promise<void>): Promise<void> {
    const whole = readFileSync(kept.path);
    try {
      writeFileSync(kept.path, change(Buffer.from(whole)));
      utimesSync(kept.path, WRITTEN_AT, WRITTEN_AT);
      await work();
    } finally {
      writeFileSync(kept.path, whole);
      utimesSync(kept.path, WRITTEN_AT, WRITTEN_AT);
    }
  }

  for (const name of [
    'a snapshot',
    'CSV in place',
    'gzipped CSV in place',
    'CSV in place, of several members of gzip',
    'Parquet in place, snappy',
    'Parquet in place, zstd',
  ]) {
    describe(name, () => {
      const kept = (): Kept => ways.get(name) ?? expect.fail(name);
      const isSnapshot = name === 'a snapshot';
      const expected = isSnapshot ? 'DATA_READ_TRUNCATED' : 'DATASET_CHANGED';

      it('gives all rows as long as it is whole', async () => {
        expect(await rowsOf(kept().open(new LocalFiles()))).to.equal(ROWS);
      });

      for (const [damage, change] of Object.entries(SILENT))
        it(`is an error where size and time are the same: ${damage}`, async () => {
          await changed(kept(), change, async () => {
            const code = await failureOf(kept().open(new LocalFiles()));
            expect(code).to.be.oneOf(
              name.startsWith('Parquet') ? ['DATA_READ_TRUNCATED', 'DATASET_UNREADABLE'] : [expected],
            );
          });
        });

      for (const [damage, change] of Object.entries(TOLD))
        it(`is an error before the first row: ${damage}`, async () => {
          await changed(kept(), change, async () => {
            expect(await failureOf(kept().open(new LocalFiles()), 0)).to.equal(expected);
          });
        });

      it('gives no row fewer without an error, wherever bits are flipped', async () => {
        let errors = 0;
        for (let step = 1; step < 12; step += 1) {
          const flip: Change = (bytes) => {
            const at = Math.floor((bytes.length * step) / 12);
            bytes[at] = (bytes[at] ?? 0) ^ 0x10;
            return bytes;
          };
          await changed(kept(), flip, async () => {
            try {
              expect(await rowsOf(kept().open(new LocalFiles()))).to.equal(ROWS);
            } catch (err) {
              if (!isAppError(err)) throw err;
              errors += 1;
            }
          });
        }
        // Parquet has no checksums that DuckDB looks at: HDFS has, of each block.
        if (!name.startsWith('Parquet')) expect(errors).to.equal(11);
      });

      if (!isSnapshot) {
        it('is an error when the source ends early', async () => {
          expect(await failureOf(kept().open(cutShort('ends')))).to.equal('DATA_READ_TRUNCATED');
        });

        it('passes on what the source fails with', async () => {
          let found: unknown;
          await rowsOf(kept().open(cutShort('fails'))).catch((err: unknown) => (found = err));
          expect(String(found)).to.match(/the DataNode is gone/);
        });
      }
    });
  }
});
