import { expect } from 'chai';
import type { ParseRule, StoredColumn } from '#contracts';
import type { IngestResult } from '#tables';
import { TableLab, readCodes } from '../../support/tables.ts';

let lab: TableLab;

/** Ingests one column (quoted cells; null is an empty one) and gives what was decided. */
async function column(
  values: readonly (string | null)[],
  nullMarkers?: string[],
): Promise<{ stored: StoredColumn; result: IngestResult; numbers: () => Promise<number[]> }> {
  const rows = values.map((value) => `${value === null ? '' : `"${value.replaceAll('"', '""')}"`},x`);
  const result = await lab.ingest(
    `f,other\n${rows.join('\n')}\n`,
    'd.csv',
    nullMarkers === undefined ? {} : { nullMarkers },
  );
  const stored = result.table.columns[0];
  if (stored === undefined) throw new Error('no column');
  return { stored, result, numbers: () => lab.numbers(result.table, 'f') };
}

const kind = (parse: ParseRule): string =>
  parse.kind === 'category'
    ? `category/${parse.keyRule}`
    : parse.kind === 'date'
      ? `date/${parse.formats.join('+')}`
      : parse.kind;

const brief = ({ stored }: { stored: StoredColumn }): string =>
  `${stored.storage}${stored.hasTwin ? '+twin' : ''} ${kind(stored.parse)}`;

describe('ingest: what a text column is', function () {
  this.timeout(30_000);
  before(async () => {
    lab = await TableLab.open();
  });
  after(() => lab.close());

  it('decides storage and parse rule from all cells', async () => {
    const cases: readonly (readonly [string, readonly (string | null)[]])[] = [
      ['int64 number', ['1', '-17', '0', null]],
      ['int64 number', ['9223372036854775807', '-9223372036854775808']],
      ['string+twin number', ['9223372036854775808', '1']],
      ['string+twin number', ['007', '1']],
      ['string+twin number', ['-0']],
      ['string+twin number', ['+1']],
      ['string+twin number', ['1', '']],
      ['string+twin number', ['1', 'NA']],
      ['string+twin number', ['1.5', ' 2 ', '1e5', 'inf', null]],
      ['string category/text', ['1', 'x']],
      ['string category/text', [null, null]],
      ['string category/text', ['NA', '', null]],
      ['string category/text', ['1', 'true']],
      ['string category/boolean', ['true', 'FALSE', 'True', null, 'NA']],
      ['string category/text', ['true', ' false']],
      ['string+twin date/iso-date', ['2024-02-29', null, 'NA']],
      ['string category/text', ['2024-02-29', '2023-02-29']],
      ['string+twin date/iso-datetime', ['2024-02-29T10:00', '2024-02-29 10:00:00.5+02:00']],
      ['string+twin date/iso-date+iso-datetime', ['2024-02-29', '2024-02-29T10:00']],
      ['string+twin date/y/m/d', ['2024/2/9']],
      ['string+twin date/d.m.y', ['29.2.2024', '1.12.2024']],
      ['string+twin date/m/d/y', ['2/29/2024', '1/2/2024']],
      ['string+twin date/d/m/y', ['29/2/2024', '1/2/2024']],
      ['string category/text', ['29/2/2024', '2/29/2024']],
      ['string category/text', ['29.2.2024', '2024-02-29']],
      ['int64 number', ['20240229', '20240301']],
    ];
    for (const [expected, values] of cases)
      expect(brief(await column(values)), JSON.stringify(values)).to.equal(expected);
  });

  it('reads dates that fit both orders as month/day/year, and says so', async () => {
    const found = await column(['1/2/2024', '3/4/2024']);
    expect(brief(found)).to.equal('string+twin date/m/d/y');
    expect(found.result.warnings.map(({ warning }) => warning.code)).to.deep.equal(['AMBIGUOUS_DATES']);
    expect((await found.numbers())[0]).to.equal(Date.UTC(2024, 0, 2) / 1000);
  });

  it('warns of a column where nearly all values read as a number, naming count, row and form', async () => {
    const values = Array.from({ length: 99 }, (_, i) => String(i * 1.5));
    const found = await column([...values.slice(0, 50), 'Secret 7 ÄB', null, ...values.slice(50)]);
    expect(brief(found)).to.equal('string category/text');
    const [warning] = found.result.warnings;
    expect(warning).to.include({ name: 'f', position: 0 });
    expect(warning?.warning.code).to.equal('MIXED_TYPES');
    expect(warning?.warning.message).to.equal(
      '1 of 100 values of "f" do not read as a number; the first is in row 51, of the form "Aaaaaa 9 AA".',
    );
    expect((await column([...values.slice(0, 8), 'x', 'y'])).result.warnings).to.deep.equal([]);
  });

  it('warns of a column where nearly all values are dates: the date that is not one', async () => {
    const values = Array.from({ length: 27 }, (_, i) => `2024-01-${String(i + 1).padStart(2, '0')}`);
    const found = await column([...values, '2024-02-30', '2024-01-30']);
    expect(brief(found)).to.equal('string category/text');
    expect(found.result.warnings[0]?.warning.message).to.match(
      /^1 of 29 values .* as a date; .* row 28, of the form "9999-99-99"/,
    );
  });

  it('keeps infinite values with a warning', async () => {
    const found = await column(['1', 'inf', '-Infinity', '1e400', 'NA']);
    expect(found.result.warnings[0]?.warning).to.include({ code: 'INFINITE_VALUES' });
    expect(found.result.warnings[0]?.warning.message).to.match(/^3 values of "f"/);
    expect(await found.numbers()).to.deep.equal([1, Infinity, -Infinity, Infinity, NaN]);
  });

  it('reads null markers as missing numbers and keeps their texts', async () => {
    const found = await column(['1', '-999', 'missing', '', null, 'NA'], ['-999', 'missing', 'NA']);
    expect(brief(found)).to.equal('string+twin number');
    expect(found.stored.parse.nullMarkers).to.deep.equal(['', '-999', 'missing', 'NA']);
    expect(await found.numbers()).to.deep.equal([1, NaN, NaN, NaN, NaN, NaN]);
    expect((await lab.texts(found.result.table)).get('f')).to.deep.equal(['1', '-999', 'missing', '', null, 'NA']);

    const integers = await column(['1', '-999', null], ['-999']);
    expect(brief(integers)).to.equal('int64 number');
    expect(await integers.numbers()).to.deep.equal([1, NaN, NaN]);

    const without = await column(['1', 'NA'], []);
    expect(brief(without)).to.equal('string category/text');
  });

  it('decides the same whether columns are counted one by one or turned into rows', async () => {
    const kinds: readonly (readonly string[])[] = [
      ['1', '2', '-999'],
      ['1.5', 'NA', '2'],
      ['true', 'FALSE', ''],
      ['2024-01-01', '2024-02-30', ''],
      ['a', 'b', "it's \0 hostile"],
      ['', '', ''],
    ];
    const marks = ['NA', '-999', "it's \0 hostile"];
    const decided = async (repeat: number): Promise<unknown[]> => {
      const columns = Array.from({ length: repeat }, () => kinds).flat();
      const lines = [0, 1, 2].map((row) => columns.map((cells) => cells[row]).join(','));
      const header = columns.map((_, index) => `f${index}`).join(',');
      const { table } = await lab.ingest([header, ...lines].join('\n'), 'd.csv', { nullMarkers: marks });
      return table.columns.slice(-kinds.length).map(({ storage, hasTwin, parse }) => ({ storage, hasTwin, parse }));
    };
    const few = await decided(1);
    expect(await decided(20)).to.deep.equal(few);
    expect(few.map((one) => JSON.stringify(one).replace(/,"nullMarkers.*/, ''))).to.deep.equal([
      '{"storage":"int64","hasTwin":false,"parse":{"kind":"number"',
      '{"storage":"string","hasTwin":true,"parse":{"kind":"number"',
      '{"storage":"string","hasTwin":false,"parse":{"kind":"category","keyRule":"boolean"',
      '{"storage":"string","hasTwin":false,"parse":{"kind":"category","keyRule":"text"',
      '{"storage":"string","hasTwin":false,"parse":{"kind":"category","keyRule":"text"',
      '{"storage":"string","hasTwin":false,"parse":{"kind":"category","keyRule":"text"',
    ]);
  });

  it('gives big integers and decimals exactly as text and code, correctly rounded as numbers', async () => {
    const values = ['9223372036854775807', '9007199254740993', '-1'];
    const found = await column(values);
    expect(found.stored.storage).to.equal('int64');
    expect((await lab.texts(found.result.table)).get('f')).to.deep.equal(values);
    expect(await readCodes(lab.source(found.result.table), 'f')).to.deep.equal(values);
    expect(await found.numbers()).to.deep.equal(values.map(Number));

    const long = ['0.1234567890123456789012345678901234567890', '123456789012345678901234567890', '1.10'];
    const decimals = await column(long);
    expect((await lab.texts(decimals.result.table)).get('f')).to.deep.equal(long);
    expect(await decimals.numbers()).to.deep.equal(long.map(Number));
  });

  it('keeps the order of 300,000 rows in several row groups', async () => {
    const rows = Array.from({ length: 300_000 }, (_, i) => `${i},v${i % 7},${i}.25`);
    const { table } = await lab.ingest(`a,b,c\n${rows.join('\n')}\n`);
    expect(table.rowCount).to.equal(300_000);
    const found = await lab.numbers(table, 'a');
    expect(found.every((value, i) => value === i)).to.be.true;
    const codes = await readCodes(lab.source(table), 'b');
    expect(codes.every((text, i) => text === `v${i % 7}`)).to.be.true;
    const twins = await lab.numbers(table, 'c');
    expect(twins.every((value, i) => value === i + 0.25)).to.be.true;
  });
});
