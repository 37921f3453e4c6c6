import { expect } from 'chai';
import { DATE_FORMATS, DEFAULT_NULL_MARKERS, type ParseRule, type StoredTable } from '#contracts';
import { cellReader, type NumberReader } from '#scoring';
import { TableLab, readNumbers, readTexts } from '../support/tables.ts';

const CELL_COUNT = 100_000;
const SEED = 20_261_123;

/** Deterministic numbers in [0, 1). @see Tommy Ettinger's Mulberry32 */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const FIXED = [
  ...[
    '0',
    '-0',
    '+0',
    '00',
    '007',
    '1.',
    '.5',
    '-.5',
    '+.5e-3',
    '.',
    '+',
    '-',
    '',
    ' ',
    '\t',
    '1e',
    'e1',
    '1e+',
    '1.e5',
    '1e5.0',
  ],
  ...[
    '1e400',
    '-1e400',
    '1e-400',
    '-1e-400',
    '5e-324',
    '2.4703282292062327e-324',
    '2.4703282292062328e-324',
    '2.2250738585072011e-308',
  ],
  ...[
    '1.7976931348623157e308',
    '1.7976931348623158e308',
    '1.7976931348623159e308',
    '9007199254740993',
    '9007199254740992.5',
    '0.1',
  ],
  ...[
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '-9223372036854775809',
    '123456789012345678901234567890',
  ],
  ...[
    '1e99999999999999999999',
    '1e-99999999999999999999',
    '0e99999999999999999999',
    `0.${'0'.repeat(400)}1`,
    `1${'0'.repeat(400)}`,
    `1${'0'.repeat(30)}.5`,
  ],
  ...[
    'inf',
    '-inf',
    '+INF',
    'Infinity',
    '-iNfInItY',
    'infinit',
    'infx',
    'nan',
    'NaN',
    '-nan',
    'NAN',
    '+-1',
    '-+1',
    '--1',
    '++1',
    '1_000',
    '1,000',
    '1 000',
  ],
  ...[
    '0x10',
    '0b1',
    '1f',
    '1d',
    '1L',
    '$1',
    '1%',
    '1e5e5',
    '1..2',
    '٣',
    '１２',
    '−1',
    '1\u00a0',
    '\u00a01',
    '\ufeff1',
    '1\u2009',
    '1\n',
    '\n1',
    '1\r\n',
    '1\0',
    '\x0b1',
    '1\f',
  ],
  ...[
    'TRUE',
    'true',
    'False',
    'NA',
    'N/A',
    'NULL',
    'null',
    '#N/A',
    'na',
    '"',
    '""',
    '"1"',
    "'1'",
    'a"b',
    'a""b',
    '"a',
    ' 1 ',
    '\t1\t',
    ' \t-1.5e+3\t ',
  ],
  ...[
    '2023-02-28',
    '2023-02-29',
    '2024-02-29',
    '1900-02-29',
    '2000-02-29',
    '0000-01-01',
    '0001-01-01',
    '9999-12-31',
    '10000-01-01',
    '2023-2-3',
    '2023-13-01',
    '2023-00-10',
  ],
  ...[
    '2023-04-31',
    ' 2023-04-30 ',
    '2023-04-30\n',
    '20230430',
    '20230431',
    '2023/4/30',
    '2023/04/31',
    '30.4.2023',
    '31.4.2023',
    '4/30/2023',
    '30/4/2023',
    '4/31/2023',
    '01/02/03',
  ],
  ...[
    '2023-04-30T10:00',
    '2023-04-30 10:00',
    '2023-04-30t10:00',
    '2023-04-30  10:00',
    '2023-04-30T24:00',
    '2023-04-30T23:59:60',
    '2023-04-30T10:00:00.1',
    '2023-04-30T10:00:00.123456',
  ],
  ...[
    '2023-04-30T10:00:00.123456789',
    '2023-04-30T10:00:00.1234567890',
    '2023-04-30T10:00:00.',
    '2023-04-30T10:00Z',
    '2023-04-30T10:00z',
    '2023-04-30T10:00:00+02:00',
    '2023-04-30T10:00-00:30',
  ],
  ...[
    '2023-04-30T10:00:00.5+23:59',
    '2023-04-30T10:00+24:00',
    '2023-04-30T10:00+02',
    '2023-04-30T10:00+0200',
    '2023-04-30T10',
    '1969-12-31T23:59:59.999999',
    '1969-12-31T23:59:59.9999999',
    '0001-01-01T00:00+23:59',
  ],
  ...[
    '9999-12-31T23:59:59.999999-23:59',
    '2023-04-30T10:00:00.123456Z',
    '1582-10-10',
    '2023-02-30T10:00',
    '2023-04-30T10:00:00Z ',
    'infinity ',
    'epoch',
    'today',
    'now',
    '2023-04-30 (BC)',
    '44-03-15 (BC)',
  ],
];

type Rng = () => number;
const pick = <T>(rng: Rng, from: readonly T[], none: T): T => from[Math.floor(rng() * from.length)] ?? none;
const digits = (rng: Rng, lengthMax: number): string =>
  Array.from({ length: 1 + Math.floor(rng() * lengthMax) }, () => Math.floor(rng() * 10)).join('');

const blank = (rng: Rng): string => (rng() < 0.85 ? '' : pick(rng, [' ', '\t', '  ', ' \t', '\n', '\u00a0', '\v'], ''));

function numberLike(rng: Rng): string {
  const sign = pick(rng, ['', '', '', '-', '+', '--', '+-'], '');
  const whole = rng() < 0.1 ? '' : digits(rng, rng() < 0.1 ? 40 : 8);
  const fraction = rng() < 0.5 ? '' : `.${rng() < 0.1 ? '' : digits(rng, rng() < 0.2 ? 40 : 8)}`;
  const exponent =
    rng() < 0.7 ? '' : `${pick(rng, ['e', 'E', 'd', 'e '], 'e')}${pick(rng, ['', '-', '+'], '')}${digits(rng, 3)}`;
  return blank(rng) + sign + whole + fraction + exponent + blank(rng);
}

/** Doubles of every size in full digits, where rounding is hardest. */
function roundTrip(rng: Rng): string {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setUint32(0, Math.floor(rng() * 4_294_967_296));
  bits.setUint32(4, Math.floor(rng() * 4_294_967_296));
  const value = bits.getFloat64(0);
  if (!Number.isFinite(value)) return String(value);
  return rng() < 0.5 ? String(value) : value.toPrecision(1 + Math.floor(rng() * 30));
}

function dateLike(rng: Rng): string {
  const between = (from: number, to: number): number => from + Math.floor(rng() * (to - from + 1));
  const pad = (value: number): string => (rng() < 0.8 ? String(value).padStart(2, '0') : String(value));
  const year = rng() < 0.9 ? String(between(1890, 2110)) : String(between(0, 10_010)).padStart(between(1, 4), '0');
  const [month, day] = [pad(between(0, 13)), pad(between(0, 32))];
  const separator = pick(rng, ['-', '-', '-', '/', '.', '', ' '], '-');
  const orders = [
    [year, month, day],
    [day, month, year],
    [month, day, year],
  ];
  const date = pick(rng, orders, [year, month, day]).join(separator);
  if (rng() < 0.4) return blank(rng) + date + blank(rng);
  const second = rng() < 0.3 ? '' : `:${pad(between(0, 61))}${rng() < 0.5 ? '' : `.${digits(rng, 11)}`}`;
  const zones = [
    '',
    '',
    'Z',
    'z',
    `+${pad(between(0, 25))}:${pad(between(0, 61))}`,
    `-${pad(between(0, 14))}:30`,
    '+02',
    ' +02:00',
  ];
  return `${blank(rng)}${date}${pick(rng, ['T', ' ', 't', '  '], 'T')}${pad(between(0, 25))}:${pad(between(0, 61))}${second}${pick(rng, zones, '')}${blank(rng)}`;
}

const ALPHABET = Array.from('0123456789+-.eE \t"\',;\r\n/:TZinfNaAx_#%$€äß日١\0\x01\x1b\u00a0\u2028😀');
const noise = (rng: Rng): string =>
  Array.from({ length: Math.floor(rng() * 12) }, () => pick(rng, ALPHABET, '')).join('');

function mutated(rng: Rng): string {
  const base = pick(rng, FIXED, '');
  const at = Math.floor(rng() * (base.length + 1));
  return base.slice(0, at) + pick(rng, ALPHABET, '') + base.slice(at + (rng() < 0.5 ? 1 : 0));
}

function hostileCells(count: number): string[] {
  const rng = random(SEED);
  const cells = [...FIXED];
  while (cells.length < count) {
    const kind = rng();
    const cell =
      kind < 0.3
        ? numberLike(rng)
        : kind < 0.45
          ? roundTrip(rng)
          : kind < 0.75
            ? dateLike(rng)
            : kind < 0.9
              ? mutated(rng)
              : noise(rng);
    // A cut surrogate pair is no text that a UTF-8 file can hold.
    cells.push(cell.toWellFormed());
  }
  return cells;
}

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;

describe('cell parser: ingest against scoring', function () {
  this.timeout(120_000);
  const cells = hostileCells(CELL_COUNT);
  const nullMarkers = [...DEFAULT_NULL_MARKERS];
  let lab: TableLab;
  before(async () => {
    lab = await TableLab.open();
  });
  after(() => lab.close());

  /** All cells in one text column: what is read there by a rule is what SQL reads. */
  const asText = async (): Promise<StoredTable> => {
    const csv = `cell,other\n${cells.map((cell) => `${quoted(cell)},x\n`).join('')}`;
    return (await lab.ingest(csv)).table;
  };

  const ruled = (table: StoredTable, parse: ParseRule): StoredTable => ({
    ...table,
    columns: table.columns.map((column) => (column.position === 0 ? { ...column, parse } : column)),
  });

  const readerOf = (parse: ParseRule): NumberReader => {
    const reader = cellReader(parse);
    if (reader.kind === 'category') throw new Error('not a number rule');
    return reader.read;
  };

  const rules: ParseRule[] = [
    { kind: 'number', nullMarkers },
    ...DATE_FORMATS.map((format): ParseRule => ({ kind: 'date', formats: [format], nullMarkers })),
    { kind: 'date', formats: ['iso-date', 'iso-datetime', 'd/m/y'], nullMarkers },
    { kind: 'number', nullMarkers: ['', '0', 'inf', '-999'] },
  ];

  it('keeps every hostile text exactly', async () => {
    const table = await asText();
    expect(table.columns[0]?.storage).to.equal('string');
    const found = (await readTexts(lab.source(table), ['cell'])).get('cell') ?? [];
    expect(found.length).to.equal(cells.length);
    for (const [row, cell] of cells.entries()) {
      if (found[row] !== cell) expect.fail(`row ${row}: ${JSON.stringify(cell)} became ${JSON.stringify(found[row])}`);
    }
  });

  it('reads the same cells as numbers and dates, to the same bits', async () => {
    const table = await asText();
    const out = new Float64Array(1);
    for (const rule of rules) {
      const read = readerOf(rule);
      const found = await readNumbers(lab.source(ruled(table, rule)), 'cell');
      let readableCount = 0;
      for (const [row, cell] of cells.entries()) {
        out[0] = NaN;
        read(cell, out, 0);
        const expected = out[0] ?? NaN;
        if (!Number.isNaN(expected)) readableCount += 1;
        if (!Object.is(found[row], expected)) {
          expect.fail(
            `${JSON.stringify(rule)}, ${JSON.stringify(cell)}: ingest ${String(found[row])}, scoring ${expected}`,
          );
        }
      }
      expect(readableCount, JSON.stringify(rule)).to.be.greaterThan(20);
    }
  });

  it('makes twins of the same bits where all cells of a column are read', async () => {
    const out = new Float64Array(1);
    for (const rule of rules.slice(0, 1 + DATE_FORMATS.length)) {
      if (rule.kind === 'date' && rule.formats[0] === 'compact-date') continue;
      const read = readerOf(rule);
      const good = cells.filter((cell) => read(cell, out, 0));
      const { table } = await lab.ingest(`cell,other\n${good.map((cell) => `${quoted(cell)},x\n`).join('')}`);
      const [column] = table.columns;
      expect(column?.hasTwin, JSON.stringify(rule)).to.be.true;
      expect(column?.parse.kind).to.equal(rule.kind);
      const readStored = readerOf(column?.parse ?? rule);
      const found = await readNumbers(lab.source(table), 'cell');
      for (const [row, cell] of good.entries()) {
        readStored(cell, out, 0);
        if (!Object.is(found[row], out[0]))
          expect.fail(`${JSON.stringify(cell)}: twin ${String(found[row])}, scoring ${String(out[0])}`);
      }
    }
  });

  it('finds a column unreadable for the one cell that scoring cannot read', async () => {
    const number = readerOf({ kind: 'number', nullMarkers });
    const out = new Float64Array(1);
    const bad = [...new Set(cells.filter((cell) => !number(cell, out, 0) && cell.length < 30))].slice(0, 40);
    for (const cell of bad) {
      const { table } = await lab.ingest(`cell,other\n1,x\n2.5,x\n${quoted(cell)},x\n`);
      expect(table.columns[0]?.parse.kind, JSON.stringify(cell)).to.equal('category');
    }
  });
});
