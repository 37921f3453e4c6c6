import { readdirSync, statSync } from 'node:fs';
import { crc32, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { BatchSource, DatasetOptions, ErrorCode, ParseRule, RegisteredFile, StoredTable } from '#contracts';
import type { RegisteredTable, UnchangedFile } from '#tables';
import { appErrorOf } from '../../support/expect-error.ts';
import { LocalFiles } from '../../support/local-files.ts';
import { randomNumbers } from '../../support/sample-data.ts';
import { readCodes, readNumbers, readTexts, TableLab } from '../../support/tables.ts';
import {
  openTexts,
  registerTexts,
  writtenTexts,
  type InPlaceSettings,
  type TextFile,
} from '../../support/text-in-place.ts';

/** A text that is ingested, and files that have the same rows. */
interface SameRows {
  readonly name: string;
  readonly whole: string | Uint8Array;
  /** @default the whole text as one file */
  readonly files?: readonly (TextFile | string)[];
  readonly options?: DatasetOptions;
  readonly format?: 'csv' | 'tsv';
}

const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le');
const repeated = (count: number, cell: (row: number) => string): string =>
  Array.from({ length: count }, (_, row) => cell(row)).join('');

/** What tables of texts were seen to stumble over. */
const NASTY: readonly SameRows[] = [
  {
    name: 'embedded line ends and quotes, quoted empties apart from nulls',
    whole: 'a,b,c\r\n"x\r\ny","q""r",1\r\n,"",007\r\n z ,b"c"d,-0\r\n"a,b","\n",\r\n',
  },
  { name: 'a byte order mark, CRLF', whole: '\ufeffa,b\r\n1,2\r\n3,x' },
  { name: 'CR alone', whole: 'a,b\r1,2\r3,x\r' },
  { name: 'blank lines', whole: '\n\na,b\n\n1,2\n\r\n\n3,x\n\n\n' },
  { name: 'one column with nulls', whole: 'a\n\nx\n\n\ny\n""\n\n' },
  { name: 'hostile and repeated names', whole: ` a ,,A,a,a,a_2,__proto__,"c0","x""y\nz",ä\n${'1,'.repeat(9)}2\n` },
  { name: 'no row of names', whole: '1,2\n3,4\n', options: { header: false } },
  { name: 'semicolons', whole: 'a;b,c\n1;2,3\n4;"5;6"\n' },
  { name: 'a stated delimiter', whole: "a'b\n1'2\n", options: { delimiter: "'" } },
  { name: 'tabs', whole: 'a\tb\n1\t"x\ty"\n', format: 'tsv' },
  { name: 'latin-1', whole: Buffer.from('ä,b\n"Mün\nchen",é\n', 'latin1'), options: { encoding: 'latin-1' } },
  {
    name: 'windows-1252',
    whole: Buffer.from('ä,b\nx,\x80\n', 'latin1'),
    options: { encoding: 'windows-1252' },
  },
  {
    name: 'several files in UTF-16',
    whole: utf16('ä,b\nx,1\n😀,2\n'),
    files: [{ content: utf16('ä,b\nx,1\n') }, { content: utf16('ä,b\n😀,2') }],
    options: { encoding: 'utf-16le' },
  },
  {
    name: 'gzip of several members, beside plain text',
    whole: 'a,b\n1,x\n2,y\n3,z\n',
    files: [
      {
        content: Buffer.concat(['\ufeff', 'a,b\n1,', 'x\n2,y\n'].map((part) => gzipSync(part))),
        extension: 'csv.gz',
      },
      'a,b\n3,z\n',
    ],
  },
  {
    name: 'files without rows, without a record, without a byte',
    whole: 'a,b\n1,x\n2,y\n',
    files: ['', 'a,b\n', { content: gzipSync(''), extension: 'gz' }, 'a,b\r\n1,x', '\n\n', 'a,b\n2,y\n\n'],
  },
  {
    name: 'integers that are huge, signed, padded',
    whole:
      'i,big,n,minus,pad,m\n9223372036854775807,9223372036854775808,1.50,-0,007,-999\n-9223372036854775808,170141183460469231731687303715884105728,1e400,+1, 2 ,5\n,,inf,,,-999\n0,1,-Infinity,0,1,7\n',
    options: { nullMarkers: ['-999'] },
  },
  {
    name: 'null markers',
    whole: 'a,b,c,d\n1,NA,true,2024-02-29\nNA,x,FALSE,\n,NULL,nan,NA\n"",N/A,True,2023-03-01\n',
  },
  {
    name: 'dates of every format',
    whole: [
      'iso,time,both,ymd,dmy,mdy,dm,no',
      '2024-02-29,2024-02-29T10:00,2024-02-29,2024/2/9,29.2.2024,2/29/2024,29/2/2024,2024-02-29',
      ' 2023-03-01,2024-02-29 10:00:00.5+02:00,2024-02-29T10:00,2024/12/31,1.12.2024,1/2/2024,1/2/2024,2023-02-29',
      ',NA,,,,,,',
    ].join('\n'),
  },
  { name: 'ambiguous dates', whole: 'd\n1/2/2024\n3/4/2024\n' },
  {
    name: 'a number column that is broken once, late',
    whole: `x,y\n${repeated(60, (row) => `${row / 4},${row === 57 ? 'Secret 7 ÄB' : row}\n`)}`,
  },
  {
    name: 'a date column that is broken early',
    whole: `x\n2024-02-30\n${repeated(27, (row) => `2024-01-${String(row + 1).padStart(2, '0')}\n`)}`,
  },
  {
    name: 'a column that is text for long and numbers for longer',
    whole: `x\nabc\n\n${repeated(40, (row) => `${row}\n`)}`,
  },
];

let lab: TableLab;

const register = async (
  texts: readonly (TextFile | string)[],
  settings: InPlaceSettings = {},
): Promise<RegisteredTable> => registerTexts(lab, writtenTexts(lab, texts), settings);

async function refused(code: ErrorCode, message: RegExp, work: () => Promise<unknown>): Promise<void> {
  const err = await appErrorOf(code, work);
  expect(err.message).to.match(message);
  expect(readdirSync(lab.at('scratch')), 'nothing is left').to.deep.equal([]);
}

/** All cells in all views. */
async function cellsOf(source: BatchSource, { columns }: StoredTable): Promise<object> {
  const texts = await readTexts(
    source,
    columns.map(({ name }) => name),
  );
  const views: Record<string, unknown> = {};
  for (const { name, parse } of columns) {
    const numbers = parse.kind === 'category' ? [] : await readNumbers(source, name);
    views[`column ${name}`] = { texts: texts.get(name), codes: await readCodes(source, name), numbers };
  }
  return views;
}

describe('text in place', function () {
  this.timeout(120_000);
  before(async () => {
    lab = await TableLab.open();
  });
  after(() => lab.close());

  for (const { name, whole, files: parts, options = {}, format = 'csv' } of NASTY) {
    it(`gives the columns, warnings and cells of a snapshot of the same text: ${name}`, async () => {
      const snapshot = await lab.ingest(whole, `d.${format}`, options);
      const expected = await cellsOf(lab.source(snapshot.table), snapshot.table);
      const written = writtenTexts(lab, parts ?? [{ content: whole }]);
      for (const pieceBytes of [1, 40, 1e9]) {
        const { table, warnings } = await registerTexts(lab, written, { format, options, pieceBytes });
        expect(table.columns).to.deep.equal(snapshot.table.columns);
        expect(warnings).to.deep.equal(snapshot.warnings);
        expect(table.rowCount).to.equal(snapshot.table.rowCount);
        const files = pieceBytes === 40 ? new CrumbledFiles() : new LocalFiles();
        expect(await cellsOf(openTexts(lab, table, { pieceBytes, files }), table)).to.deep.equal(expected);
      }
      expect(readdirSync(lab.at('scratch'))).to.deep.equal([]);
    });
  }

  it('decides of pieces of any size what is decided of the whole: columns of mixed cells', async () => {
    const kinds = [
      '7',
      '-12',
      '1.5',
      'NA',
      '',
      '""',
      'true',
      'False',
      '2024-02-29',
      '1/2/2024',
      '13/2/2024',
      'text',
      '1e999',
    ];
    for (let seed = 1; seed <= 6; seed += 1) {
      const random = randomNumbers(seed);
      const rows = 120;
      const columns = Array.from({ length: 12 }, () => {
        const most = kinds[Math.floor(random() * kinds.length)] ?? '';
        const others = random() < 0.5 ? 0 : random() / 6;
        return Array.from({ length: rows }, () =>
          random() < others ? (kinds[Math.floor(random() * kinds.length)] ?? '') : most,
        );
      });
      const lines = Array.from({ length: rows }, (_, row) => columns.map((cells) => cells[row]).join(','));
      const header = columns.map((_, index) => `f${index}`).join(',');
      const snapshot = await lab.ingest([header, ...lines].join('\n'));
      const half = [lines.slice(0, 50), lines.slice(50)].map((part) => [header, ...part].join('\n'));
      const { table, warnings } = await register(half, { pieceBytes: 50 + Math.floor(random() * 2_000) });
      expect(table.columns, `seed ${seed}`).to.deep.equal(snapshot.table.columns);
      expect(warnings, `seed ${seed}`).to.deep.equal(snapshot.warnings);
    }
  });

  it('records rows and CRC-32 of each file, and how the texts are written', async () => {
    const { table } = await register(['', 'a;b\n1;2\n3;4\n', 'a;b\n5;6']);
    expect(table).to.include({ rowCount: 3 });
    expect(table.files).to.deep.equal([]);
    expect(table.inPlaceText).to.deep.equal({ delimiter: ';', header: true });
    expect(table.inPlaceFiles?.map(({ rowCount, crc32: found }) => [rowCount, found])).to.deep.equal([
      [0, 0],
      [2, crc32('a;b\n1;2\n3;4\n')],
      [1, crc32('a;b\n5;6')],
    ]);
  });

  it('keeps the wanted columns only, two pieces at most, and reads no further ahead', async () => {
    const cells = (row: number): string => Array.from({ length: 20 }, (_, at) => `${at}-${row}`).join(',');
    const text = `${Array.from({ length: 20 }, (_, at) => `c${at}`).join(',')}\n${repeated(20_000, (row) => `${cells(row)}\n`)}`;
    const written = writtenTexts(lab, [text]);
    const { table } = await registerTexts(lab, written, { pieceBytes: 500_000 });
    const files = new CountedFiles();
    const source = openTexts(lab, table, { pieceBytes: 20_000, batchRows: 500, files });
    const names = ['c3', 'c17', 'c4'];
    let most = 0;
    let rows = 0;
    for await (const { columns, rowCount } of source.batches(names.map((name) => ({ name, view: 'text' })))) {
      rows += rowCount;
      const [folder = ''] = readdirSync(lab.at('scratch'));
      const pieces = readdirSync(lab.at('scratch', folder));
      most = Math.max(most, pieces.length);
      for (const name of pieces) expect(statSync(lab.at('scratch', folder, name)).size).to.be.lessThan(25_000);
      for (const [index, column] of columns.entries())
        if (column.view === 'text')
          expect(column.values.at(-1)).to.equal(`${names[index]?.slice(1) ?? ''}-${rows - 1}`);
      if (rows === 500) expect(files.bytes).to.be.within(1, text.length / 4);
    }
    expect(rows).to.equal(20_000);
    expect(files.bytes).to.equal(text.length);
    expect(most).to.be.within(1, 2);
    expect(readdirSync(lab.at('scratch'))).to.deep.equal([]);
  });

  it('ends early without a trace when nobody wants more, also where the text is packed', async () => {
    const text = `a,b\n${repeated(50_000, (row) => `${row},${Math.sin(row)}\n`)}`;
    for (const file of [{ content: text }, { content: gzipSync(text), extension: 'csv.gz' }]) {
      const { table } = await register([file]);
      for await (const batch of openTexts(lab, table, { pieceBytes: 1_000, batchRows: 10 }).batches([
        { name: 'a', view: 'number' },
      ])) {
        expect(batch.firstRow).to.equal(0);
        break;
      }
      expect(readdirSync(lab.at('scratch'))).to.deep.equal([]);
    }
  });

  it('stops when aborted and leaves nothing', async () => {
    const text = `a,b\n${repeated(50_000, (row) => `${row},${Math.sin(row)}\n`)}`;
    const { table } = await register([{ content: gzipSync(text), extension: 'csv.gz' }]);
    const aborting = new AbortController();
    let message = '';
    try {
      const source = openTexts(lab, table, { pieceBytes: 1_000, batchRows: 10 });
      for await (const _ of source.batches([{ name: 'a', view: 'number' }], aborting.signal))
        aborting.abort(new Error('enough'));
    } catch (err) {
      message = String(err);
    }
    expect(message).to.equal('Error: enough');
    expect(readdirSync(lab.at('scratch'))).to.deep.equal([]);
  });

  it('reads columns by other rules than those that were found, as of a snapshot', async () => {
    const text = 'n,t,d\n1,1.5,2024-02-29\n20240301,x,\n,NA,2023-03-01\n';
    const nullMarkers = ['', 'NA'];
    const rules: readonly ParseRule[] = [
      { kind: 'date', formats: ['compact-date'], nullMarkers },
      { kind: 'number', nullMarkers },
      { kind: 'category', keyRule: 'text', nullMarkers },
    ];
    const given = ({ columns, ...table }: StoredTable): StoredTable => ({
      ...table,
      columns: columns.map((column, at) => ({ ...column, hasTwin: false, parse: rules[at] ?? column.parse })),
    });
    const snapshot = given((await lab.ingest(text)).table);
    const inPlace = given((await register([text])).table);
    expect(inPlace.columns).to.deep.equal(snapshot.columns);
    expect(await cellsOf(openTexts(lab, inPlace, { pieceBytes: 1 }), inPlace)).to.deep.equal(
      await cellsOf(lab.source(snapshot), snapshot),
    );
  });

  it('reads 600 columns in groups, and any of them', async () => {
    const names = Array.from({ length: 600 }, (_, at) => `f${at}`);
    const line = (row: number): string => names.map((_, at) => (at % 3 === 0 ? `${at + row}` : `t${at}`)).join(',');
    const text = `${names.join(',')}\n${repeated(40, (row) => `${line(row)}\n`)}`;
    const snapshot = await lab.ingest(text);
    const { table } = await register([text], { pieceBytes: 30_000 });
    expect(table.columns).to.deep.equal(snapshot.table.columns);
    const found = await readTexts(openTexts(lab, table, { pieceBytes: 30_000 }), names);
    expect([...found]).to.deep.equal([...(await lab.texts(snapshot.table))]);
  });

  it('gives columns of partition folders beside those of the text', async () => {
    const { table } = await register([
      { content: 'id,x\n1,a\n2,b\n', partition: { day: '2026-11-29', hour: '7' } },
      { content: gzipSync('id,x\n3,c\n'), extension: 'csv.gz', partition: { day: '2026-11-30', hour: null } },
    ]);
    expect(table.columns.map(({ name, storage, isPartition }) => [name, storage, isPartition])).to.deep.equal([
      ['id', 'int64', undefined],
      ['x', 'string', undefined],
      ['day', 'date', true],
      ['hour', 'int64', true],
    ]);
    const source = openTexts(lab, table, { pieceBytes: 1 });
    const texts = await readTexts(source, ['hour', 'x', 'day']);
    expect(texts.get('day')).to.deep.equal(['2026-11-29', '2026-11-29', '2026-11-30']);
    expect(texts.get('hour')).to.deep.equal(['7', '7', null]);
    expect(texts.get('x')).to.deep.equal(['a', 'b', 'c']);
    expect(await readNumbers(source, 'hour'), 'keys alone').to.deep.equal([7, 7, NaN]);
    await refused('DATASET_SCHEMAS_DIFFER', /column "x" is the key of a partition folder, too/, () =>
      register([{ content: 'id,x\n1,a\n', partition: { x: '1' } }]),
    );
  });

  it('refuses files with other names, naming both files, what was expected and what was found', async () => {
    const first = 'id,age\n1,2\n';
    const cases: readonly (readonly [second: string, message: RegExp])[] = [
      ['id,size\n1,2\n', /expected "age" as the name of column 2, as in file .*csv, found "size"/],
      ['age,id\n1,2\n', /expected "id" as the name of column 1/],
      ['id\n1\n', /expected 2 columns, as in file .*csv, found 1/],
      ['id,age,x\n1,2,3\n', /expected 2 columns, as in file .*csv, found 3/],
      ['id;age\n1;2\n', /expected "id" as the name of column 1, as in file .*, found "id;age" \(delimiter ","\)/],
    ];
    for (const [second, message] of cases)
      await refused('DATASET_SCHEMAS_DIFFER', message, () => register([first, second]));
    await refused('DATASET_SCHEMAS_DIFFER', /expected 2 columns/, () =>
      register(['1,2\n', '1,2,3\n'], { options: { header: false } }),
    );
  });

  it('refuses what ingest refuses, naming the file and the place in it', async () => {
    const good = 'a,b\n1,2\n';
    const cases: readonly (readonly [ErrorCode, RegExp, TextFile | string, InPlaceSettings?])[] = [
      ['DATASET_RAGGED', /\d\.csv, row 1 \(line 2\): expected 2 cells/, 'a,b\n1\n'],
      ['DATASET_TRUNCATED', /\d\.csv, row 1 .*inside quotes .*"b"/, 'a,b\n1,"2\n'],
      ['DATASET_UNREADABLE', /closing quote in column "a"/, 'a,b\n"1"x,2\n'],
      [
        'DATASET_ENCODING',
        /\d\.csv: expected utf-8, found byte 0xfc at offset 5/,
        { content: Buffer.from('a,b\nM\xfc,1\n', 'latin1') },
      ],
      ['DATASET_ENCODING', /looks like utf-16le/, { content: utf16(good) }],
      [
        'DATASET_TRUNCATED',
        /gz: the gzip data end too early/,
        { content: gzipSync(good).subarray(0, 20), extension: 'gz' },
      ],
      ['UNSUPPORTED_FORMAT', /found Parquet/, 'PAR1xxxxPAR1'],
      ['UNSUPPORTED_FORMAT', /zip archive/, 'PK\x03\x04rest'],
      ['DATASET_TOO_WIDE', /at most 1 columns, found 2/, good, { limits: { columnsMax: 1 } }],
      ['DATASET_CELL_TOO_LARGE', /at most 3 bytes/, 'a,b\n1,1234\n', { limits: { cellBytesMax: 3 } }],
      ['VALIDATION_FAILED', /delimiter/, good, { options: { delimiter: '"' } }],
    ];
    for (const [code, message, bad, settings] of cases)
      await refused(code, message, () => register(settings === undefined ? [good, bad] : [bad], settings));
    await refused('DATASET_NO_ROWS', /found none in 2 files/, () => register(['a,b\n', '']));
  });
});

/** Gives its bytes in chunks of 1 to 5. */
class CrumbledFiles extends LocalFiles {
  override async open(registered: RegisteredFile): Promise<UnchangedFile> {
    const file = await super.open(registered);
    return {
      ...file,
      async *read(start, end, signal) {
        let size = 0;
        for await (const chunk of file.read(start, end, signal))
          for (let at = 0; at < chunk.length; at += size) {
            size = 1 + (size % 5);
            yield chunk.subarray(at, at + size);
          }
      },
    };
  }
}

/** Counts the bytes that were taken. */
class CountedFiles extends LocalFiles {
  bytes = 0;

  override async open(registered: RegisteredFile): Promise<UnchangedFile> {
    const file = await super.open(registered);
    const count = (size: number): void => {
      this.bytes += size;
    };
    return {
      ...file,
      async *read(start, end, signal) {
        for await (const chunk of file.read(start, end, signal)) {
          count(chunk.length);
          yield chunk;
        }
      },
    };
  }
}
