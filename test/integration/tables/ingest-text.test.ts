import { readdir } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { AppError, isAppError, type DatasetOptions, type ErrorCode } from '#contracts';
import { DEFAULT_INGEST_LIMITS, type IngestOptions } from '#tables';
import { TableLab } from '../../support/tables.ts';

let lab: TableLab;

/** Expects a code and parts of the message; nothing may be left in store or scratch. */
async function refused(
  code: ErrorCode,
  message: RegExp,
  content: string | Uint8Array,
  fileName = 'data.csv',
  options: DatasetOptions = {},
  more: Partial<IngestOptions> = {},
): Promise<AppError> {
  const before = await readdir(lab.at('store'));
  try {
    await lab.ingest(content, fileName, options, more);
  } catch (err) {
    if (!isAppError(err, code)) throw err;
    expect(err.message).to.match(message);
    expect(await readdir(lab.at('store'))).to.deep.equal(before);
    expect(await readdir(lab.at('scratch'))).to.deep.equal([]);
    return err;
  }
  return expect.fail(`expected ${code}, found success`);
}

async function cells(
  content: string | Uint8Array,
  fileName = 'data.csv',
  options: DatasetOptions = {},
): Promise<object> {
  const { table } = await lab.ingest(content, fileName, options);
  return Object.fromEntries(await lab.texts(table));
}

describe('ingest: text', function () {
  this.timeout(60_000);
  before(async () => {
    lab = await TableLab.open();
  });
  after(() => lab.close());

  describe('csv', () => {
    it('keeps exact texts, quoted empties apart from nulls, embedded line ends and quotes', async () => {
      const csv = 'a,b,c\r\n"x\r\ny","q""r",1\r\n,"",007\r\n z ,b"c"d,-0\r\n"a,b","\n",\r\n';
      expect(await cells(csv)).to.deep.equal({
        a: ['x\r\ny', null, ' z ', 'a,b'],
        b: ['q"r', '', 'b"c"d', '\n'],
        c: ['1', '007', '-0', null],
      });
    });

    it('finds the delimiter; a stated one wins', async () => {
      for (const [delimiter, name] of [
        [',', 'd.csv'],
        [';', 'd.csv'],
        ['\t', 'd.csv'],
        ['|', 'd.csv'],
        ['\t', 'd.tsv'],
      ] as const) {
        const csv = ['a,x', 'b', '1', '2', '"p;,|\t"', '4']
          .map((cell) => cell.replace('a,x', 'a'))
          .join(delimiter)
          .split(delimiter);
        const text = `${csv.slice(0, 2).join(delimiter)}\n${csv.slice(2, 4).join(delimiter)}\n${csv.slice(4).join(delimiter)}\n`;
        expect(await cells(text, name)).to.deep.equal({ a: ['1', 'p;,|\t'], b: ['2', '4'] });
        expect((await lab.ingest(text, name)).delimiter).to.equal(delimiter);
      }
      expect(await cells('a;b,c\n1;2,3\n', 'd.csv', { delimiter: ';' })).to.deep.equal({ a: ['1'], 'b,c': ['2,3'] });
      expect(await cells('a#b\n1#2\n', 'd.csv', { delimiter: '#' })).to.deep.equal({ a: ['1'], b: ['2'] });
      await refused('VALIDATION_FAILED', /delimiter/, 'a"b\n', 'd.csv', { delimiter: '"' });
    });

    it('takes LF, CRLF, CR, a byte order mark, no last line end and blank lines', async () => {
      const expected = { a: ['1', '3'], b: ['2', 'x'] };
      const texts = [
        'a,b\n1,2\n3,x\n',
        'a,b\r\n1,2\r\n3,x',
        'a,b\r1,2\r3,x\r',
        '\ufeffa,b\n1,2\n3,x',
        '\n\na,b\n\n1,2\n\r\n\n3,x\n\n\n',
      ];
      for (const text of texts) expect(await cells(text), JSON.stringify(text)).to.deep.equal(expected);
    });

    it('takes one column, one row, one cell; a blank line of one column is a null but at the end', async () => {
      expect(await cells('a\n1\n')).to.deep.equal({ a: ['1'] });
      expect(await cells('a\n\nx\n\n\ny\n""\n\n')).to.deep.equal({ a: [null, 'x', null, null, 'y', ''] });
      expect(await cells('a,b\n1,2')).to.deep.equal({ a: ['1'], b: ['2'] });
      expect(await cells('a,b\n,\n')).to.deep.equal({ a: [null], b: [null] });
    });

    it('names columns: trimmed, unnamed, repeated, hostile', async () => {
      const header = ' a ,,A,a,a,a_2,__proto__,constructor,"c0","x""y\nz",ä';
      const { table, warnings } = await lab.ingest(`${header}\n${'1,'.repeat(10)}2\n`);
      const names = ['a', 'column_2', 'A', 'a_3', 'a_4', 'a_2', '__proto__', 'constructor', 'c0', 'x"y\nz', 'ä'];
      expect(table.columns.map((column) => column.name)).to.deep.equal(names);
      expect(warnings.map(({ name, warning }) => [name, warning.code])).to.deep.equal([
        ['a_3', 'DUPLICATE_NAME'],
        ['a_4', 'DUPLICATE_NAME'],
      ]);
      const found = await lab.texts(table);
      expect([...found.keys()]).to.deep.equal(names);
      expect(found.get('__proto__')).to.deep.equal(['1']);
      expect(found.get('ä')).to.deep.equal(['2']);
    });

    it('reads without a header', async () => {
      expect(await cells('1,2\n3,4\n', 'd.csv', { header: false })).to.deep.equal({
        column_1: ['1', '3'],
        column_2: ['2', '4'],
      });
    });

    it('refuses ragged rows with row, line and counts', async () => {
      const short = await refused(
        'DATASET_RAGGED',
        /row 3 \(line 5\): expected 2 cells as in the header, found 1/,
        'a,b\n1,2\n"x\ny",4\n5\n',
      );
      expect(short.details).to.include({ row: 3, line: 5, expected: 2, found: 1 });
      await refused(
        'DATASET_RAGGED',
        /row 2 \(line 3\): expected 2 cells as in the header, found 4/,
        'a,b\n1,2\n1,2,3,4\n5,6\n',
      );
      await refused('DATASET_RAGGED', /row 1 .*found 1/, 'a,b\n1');
    });

    it('refuses empty files, headers only, too many columns, too large cells', async () => {
      await refused('DATASET_EMPTY', /found 0 bytes/, '');
      await refused('DATASET_EMPTY', /no text/, '\n\r\n\n');
      await refused('DATASET_EMPTY', /no text/, '\ufeff');
      await refused('DATASET_NO_ROWS', /found none/, 'a,b\n');
      await refused('DATASET_NO_ROWS', /found none/, 'a,b');
      await refused('DATASET_NO_ROWS', /found none/, 'a\n\n\n');
      const wide = Array.from({ length: 10_001 }, (_, index) => `f${index}`).join(',');
      await refused('DATASET_TOO_WIDE', /at most 10000 columns, found 10001/, `${wide}\n${wide}\n`);
      const large = 'x'.repeat(1_048_577);
      await refused('DATASET_CELL_TOO_LARGE', /row 2 .*1048576 bytes, .*column "b"/, `a,b\n1,2\n3,${large}\n`);
      await refused('DATASET_CELL_TOO_LARGE', /row 1 .*closing quote/, `a,b\n1,"${large}${large}\n`);
      const limits = { ...DEFAULT_INGEST_LIMITS, rowBytesMax: 1_000, textBytesMax: 100_000 };
      await refused(
        'DATASET_CELL_TOO_LARGE',
        /rows of at most 1000/,
        `a,b\n${'y'.repeat(600)},${'z'.repeat(600)}\n`,
        'd.csv',
        {},
        { limits },
      );
      const bomb = gzipSync(`a,b\n${'1,2\n'.repeat(100_000)}`);
      await refused('BODY_TOO_LARGE', /100000 bytes of text/, bomb, 'd.csv.gz', {}, { limits });
    });

    it('takes a cell of 1 MiB, quoted or not', async () => {
      const large = 'x'.repeat(1_048_576);
      const { table } = await lab.ingest(`a,b,c\n1,${large},"${large}"\n2,y,z\n`);
      const found = await lab.texts(table);
      expect(found.get('b')?.[0] === large && found.get('c')?.[0] === large).to.be.true;
      expect(found.get('b')?.[1]).to.equal('y');
    });

    it('refuses quotes that do not close or have text behind them', async () => {
      await refused('DATASET_TRUNCATED', /row 2 .*inside quotes .* column "b"/, 'a,b\n1,2\n3,"4\n');
      await refused('DATASET_UNREADABLE', /row 1 \(line 2\): .*closing quote in column "a"/, 'a,b\n"1"x,2\n');
    });
  });

  describe('encodings', () => {
    it('names the first byte that is not UTF-8, also far behind the first chunk', async () => {
      const latin = Buffer.from('a,b\nM\xfcnchen,1\n', 'latin1');
      const err = await refused(
        'DATASET_ENCODING',
        /expected utf-8, found byte 0xfc at offset 5, line 2\. Set options\.encoding/,
        latin,
      );
      expect(err.details).to.include({ offset: 5, line: 2 });
      const far = Buffer.concat([
        Buffer.from(`a,b\n${'é,1\n'.repeat(200_000)}x,`),
        Buffer.of(0xe2, 0x82),
        Buffer.from('\n'),
      ]);
      await refused('DATASET_ENCODING', /offset 1000006, line 200002/, far);
      await refused(
        'DATASET_ENCODING',
        /byte 0xc3 at offset 6, line 2/,
        Buffer.concat([Buffer.from('a,b\n1,'), Buffer.of(0xc3)]),
      );
      await refused('DATASET_ENCODING', /0xed/, Buffer.from([97, 10, 0xed, 0xa0, 0x80]));
    });

    it('reads latin-1, windows-1252 and UTF-16 as stated', async () => {
      const text = 'ä,b\n"Mün\nchen",€\n';
      const [latin, windows] = ['€', '\x80'].map((euro) => Buffer.from(text.replace('€', euro), 'latin1'));
      expect(await cells(windows ?? '', 'd.csv', { encoding: 'windows-1252' })).to.deep.equal({
        ä: ['Mün\nchen'],
        b: ['€'],
      });
      expect(await cells(windows ?? '', 'd.csv', { encoding: 'latin-1' })).to.deep.equal({
        ä: ['Mün\nchen'],
        b: ['\x80'],
      });
      expect(latin?.length).to.equal(windows?.length);
      const little = Buffer.from(`\ufeff${text}😀,1\n`, 'utf16le');
      const expected = { ä: ['Mün\nchen', '😀'], b: ['€', '1'] };
      expect(await cells(little, 'd.csv', { encoding: 'utf-16le' })).to.deep.equal(expected);
      expect(await cells(Buffer.from(little).swap16(), 'd.csv', { encoding: 'utf-16be' })).to.deep.equal(expected);
    });

    it('names the encoding that a wrongly stated file seems to have', async () => {
      const little = Buffer.from('\ufeffa,b\n1,2\n', 'utf16le');
      await refused(
        'DATASET_ENCODING',
        /expected utf-8, found what looks like utf-16le\. Set options\.encoding to "utf-16le"/,
        little,
      );
      await refused('DATASET_ENCODING', /looks like utf-16le/, little.subarray(2));
      await refused('DATASET_ENCODING', /one byte a character/, 'a,b\n1,2\n', 'd.csv', { encoding: 'utf-16le' });
      const cut = little.subarray(0, little.length - 1);
      await refused('DATASET_ENCODING', /half a character/, cut, 'd.csv', { encoding: 'utf-16le' });
    });
  });

  describe('gzip', () => {
    it('reads gzipped csv, tsv and json lines, several members too', async () => {
      expect(await cells(gzipSync('a,b\n1,2\n'), 'd.csv.gz')).to.deep.equal({ a: ['1'], b: ['2'] });
      expect(await cells(gzipSync('a\tb\n1\t2\n'), 'd.tsv.gz')).to.deep.equal({ a: ['1'], b: ['2'] });
      expect(await cells(gzipSync('{"a":1}\n'), 'd.jsonl.gz')).to.deep.equal({ a: ['1'] });
      const members = Buffer.concat(['\ufeff', 'a,b\n1,', '2\n'].map((part) => gzipSync(part)));
      expect(await cells(members, 'whatever')).to.deep.equal({ a: ['1'], b: ['2'] });
    });

    it('refuses truncated and damaged gzip', async () => {
      const whole = gzipSync(`a,b\n${Array.from({ length: 50_000 }, (_, i) => `${i},${Math.sin(i)}\n`).join('')}`);
      for (const share of [0.001, 0.3, 0.99]) {
        const part = whole.subarray(0, Math.ceil(whole.length * share));
        await refused('DATASET_TRUNCATED', /gzip data end too early/, part, 'd.csv.gz');
      }
      await refused('DATASET_TRUNCATED', /gzip/, whole.subarray(0, whole.length - 1), 'd.csv.gz');
      const damaged = Buffer.from(whole);
      damaged.fill(0, 5_000, 6_000);
      await refused('DATASET_UNREADABLE', /gzip data are damaged/, damaged, 'd.csv.gz');
      const zeroed = Buffer.concat([whole, whole]);
      zeroed.fill(0, whole.length, whole.length + 2_000);
      await refused('DATASET_UNREADABLE', /gzip data are damaged/, zeroed, 'd.csv.gz');
      expect(await cells(Buffer.concat([gzipSync('a,b\n1,2\n'), Buffer.alloc(1_000)])), 'padded').to.deep.equal({
        a: ['1'],
        b: ['2'],
      });
      expect(await cells('a,b\n1,2\n', 'd.csv.gz'), 'plain text under a gzip name').to.deep.equal({
        a: ['1'],
        b: ['2'],
      });
    });
  });

  describe('json lines', () => {
    it('keeps values as they are written; keys in order of first appearance', async () => {
      const lines = [
        '{"b": 1, "a": "x", "big": 123456789012345678901234567890, "f": 1.50, "e": 1E5, "t": true}',
        '',
        '  {"a": null, "new": "\\u00e9\\n\\"", "__proto__": 5, "n": {"k": [1, "}"]}, "l": [1, 2], "s": ""} ',
        '{"b": -0, "b": 7, "a": "", "f": "NaN", "t": false, "big": 9007199254740993}',
      ];
      expect(await lab.ingest(lines.join('\n'), 'd.jsonl').then(({ table }) => lab.texts(table))).to.deep.equal(
        new Map<string, (string | null)[]>([
          ['b', ['1', null, '7']],
          ['a', ['x', null, '']],
          ['big', ['123456789012345678901234567890', null, '9007199254740993']],
          ['f', ['1.50', null, 'NaN']],
          ['e', ['1E5', null, null]],
          ['t', ['true', null, 'false']],
          ['new', [null, 'é\n"', null]],
          ['__proto__', [null, '5', null]],
          ['n', [null, '{"k": [1, "}"]}', null]],
          ['l', [null, '[1, 2]', null]],
          ['s', [null, '', null]],
        ]),
      );
    });

    it('is told by its content where the name does not say', async () => {
      expect(await cells('{"a": 1}\r\n{"a": 2}', 'upload')).to.deep.equal({ a: ['1', '2'] });
      expect((await lab.ingest('{"a": "x,y"}\n', 'd.json')).format).to.equal('jsonl');
    });

    it('names the line that is none', async () => {
      await refused(
        'DATASET_UNREADABLE',
        /line 3: expected a JSON object, found no valid JSON/,
        '{"a":1}\n\n{"a":}\n',
        'd.jsonl',
      );
      await refused('DATASET_UNREADABLE', /line 2: .* found an array/, '{"a":1}\n[1]\n', 'd.jsonl');
      await refused('DATASET_UNREADABLE', /line 2: .* found a number/, '{"a":1}\n1\n', 'd.jsonl');
      await refused('DATASET_UNREADABLE', /line 1: .* found null/, 'null\n', 'd.jsonl');
      await refused('DATASET_UNREADABLE', /without members/, '{}\n', 'd.jsonl');
      await refused('DATASET_UNREADABLE', /line 2/, '{"a":1}\n{"a":1', 'd.jsonl');
      await refused('DATASET_EMPTY', /0 bytes/, '', 'd.jsonl');
      await refused('DATASET_NO_ROWS', /none/, '\n\n', 'd.jsonl');
      await refused('UNSUPPORTED_FORMAT', /JSON array/, '[{"a":1}]', 'd.json');
      await refused('DATASET_ENCODING', /surrogate/, '{"a":"\\ud800"}', 'd.jsonl');
      await refused('DATASET_CELL_TOO_LARGE', /line 1, column "a"/, `{"a":"${'é'.repeat(600_000)}"}`, 'd.jsonl');
    });

    it('reads a thousand rows whose last one has a new key', async () => {
      const lines = Array.from({ length: 1_000 }, (_, i) => `{"a": ${i}}`);
      const { table } = await lab.ingest([...lines, '{"b": 1, "a": 2}'].join('\n'), 'd.ndjson');
      const found = await lab.texts(table);
      expect(found.get('a')).to.have.length(1_001);
      expect(found.get('b')?.slice(-2)).to.deep.equal([null, '1']);
    });
  });

  it('names formats that are not supported, by content and by name', async () => {
    const zip = Buffer.from('PK\x03\x04rest');
    await refused('UNSUPPORTED_FORMAT', /found a zip archive/, zip, 'd.zip');
    await refused('UNSUPPORTED_FORMAT', /xlsx/, zip, 'd.xlsx');
    await refused('UNSUPPORTED_FORMAT', /zip/, zip, 'd.csv');
    await refused('UNSUPPORTED_FORMAT', /xls/, Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'd.xls');
    await refused('UNSUPPORTED_FORMAT', /ORC/, 'ORC...', 'd.orc');
    await refused('UNSUPPORTED_FORMAT', /Arrow/, 'ARROW1\0\0', 'd');
    await refused('UNSUPPORTED_FORMAT', /Excel file \(xlsx\), by its name/, 'a,b\n', 'd.xlsx');
    await refused('UNSUPPORTED_FORMAT', /gzipped twice/, gzipSync(gzipSync('a')), 'd.csv.gz');
    await refused('UNSUPPORTED_FORMAT', /gzipped Parquet/, gzipSync('PAR1'), 'd.parquet.gz');
    await refused('DATASET_UNREADABLE', /expected Parquet/, 'a,b\n1,2\n', 'd.parquet');
  });

  it('stops when aborted and leaves nothing', async () => {
    const controller = new AbortController();
    const text = `a,b\n${'1,x\n'.repeat(500_000)}`;
    for (const phase of ['read', 'infer', 'write']) {
      const aborting = new AbortController();
      let found: unknown;
      await lab
        .ingest(
          text,
          'd.csv',
          {},
          {
            signal: aborting.signal,
            onProgress: (progress) => {
              if (progress.phase === phase) aborting.abort(new AppError('TASK_CANCELLED', 'stop'));
            },
          },
        )
        .catch((err: unknown) => (found = err));
      expect(isAppError(found, 'TASK_CANCELLED'), phase).to.be.true;
    }
    controller.abort();
    expect((await readdir(lab.at('store'))).filter((name) => name.startsWith('.'))).to.deep.equal([]);
    expect(await readdir(lab.at('scratch'))).to.deep.equal([]);
  });

  it('reports progress from 0 to 1', async () => {
    const fractions: number[] = [];
    await lab.ingest(
      `a,b\n${'1,x\n'.repeat(200_000)}`,
      'd.csv',
      {},
      { onProgress: ({ fraction }) => fractions.push(fraction) },
    );
    expect(fractions.at(-1)).to.equal(1);
    expect([...fractions].sort((a, b) => a - b)).to.deep.equal(fractions);
  });
});
