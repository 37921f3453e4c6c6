import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { isAppError, type DateFormat, type ParseRule } from '#contracts';
import { readArrow } from '../../../../../../prediction/server/http/arrow/read-arrow.ts';
import type { RowLimits } from '../../../../../../prediction/server/http/row-limits.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { randomGenerator } from '../../../scoring/support.ts';

/** What `test/fixtures/arrow/generate.py` wrote by pyarrow. */
interface Streams {
  readonly cases: readonly {
    readonly name: string;
    readonly stream: string;
    readonly columns: readonly { readonly name: string; readonly cells: readonly unknown[] | null }[];
  }[];
  readonly numbers: string;
  readonly refused: Readonly<Record<'compressed' | 'twice', string>>;
}
const fixture = new URL('../../../../../fixtures/arrow/streams.json', import.meta.url);
const { cases, numbers, refused } = JSON.parse(readFileSync(fixture, 'utf8')) as Streams;
const LIMITS: RowLimits = { rowsMax: 100, columnsMax: 100, depthMax: 3 };
const bytesOf = (stream: string) => Buffer.from(stream, 'base64');
const every = bytesOf(cases[0]?.stream ?? '');
const number: ParseRule = { kind: 'number', nullMarkers: [] };

/** All cells of a column. */
function cellsOf(stream: Buffer, name: string, rule: ParseRule | null = null): unknown[] {
  const rows = readArrow(stream, LIMITS);
  const read = rows.reader(rows.header.indexOf(name), rule);
  return Array.from({ length: rows.rowCount }, (_, row) => read(row));
}

describe('prediction server: Arrow streams', () => {
  for (const { name, stream, columns } of cases) {
    it(`reads ${name}, as pyarrow wrote it`, async () => {
      const bytes = bytesOf(stream);
      const rows = readArrow(bytes, LIMITS);
      expect(rows.header).to.deep.equal(columns.map((column) => column.name));
      for (const column of columns) {
        if (column.cells !== null) expect(cellsOf(bytes, column.name), column.name).to.deep.equal(column.cells);
        else {
          const err = await appErrorOf('VALIDATION_FAILED', () => cellsOf(bytes, column.name, number));
          expect(err.message).to.match(/^column "unreadable .*": is of the Arrow type /);
        }
      }
    });
  }

  it('reads from bytes that lie at any place of memory, and in any order of rows', () => {
    for (let shift = 0; shift < 8; shift += 1) {
      const bytes = Buffer.concat([Buffer.alloc(shift), every]).subarray(shift);
      expect(cellsOf(bytes, 'float64')).to.deep.equal([0.1, null, -1e300]);
    }
    const parts = readArrow(bytesOf(cases[1]?.stream ?? ''), LIMITS);
    const read = parts.reader(parts.header.indexOf('last'), null);
    expect([2, 0, 2, 1, 0].map((row) => read(row))).to.deep.equal(['x', 'y', 'x', 'z', 'y']);
  });

  it('gives numbers that JSON has no words for', () => {
    expect(cellsOf(bytesOf(numbers), 'x')).to.deep.equal([NaN, Infinity, -Infinity]);
  });

  it('writes dates as the feature’s formats read them', () => {
    const texts = (name: string, ...formats: DateFormat[]) =>
      cellsOf(every, name, { kind: 'date', formats, nullMarkers: [] });
    expect(texts('date32', 'm/d/y')).to.deep.equal(['02/29/2024', null, '12/31/1969']);
    expect(texts('date64', 'd.m.y')).to.deep.equal(['29.02.2024', null, '31.12.1969']);
    expect(texts('date32', 'd/m/y')[0]).to.equal('29/02/2024');
    expect(texts('date32', 'y/m/d')[0]).to.equal('2024/02/29');
    expect(texts('date32', 'compact-date')[0]).to.equal('20240229');
    expect(texts('date32', 'iso-datetime')[0]).to.equal('2024-02-29 00:00:00');
    // What has a time of day is no day.
    expect(texts('nanos', 'iso-date')).to.deep.equal(['2024-02-29 13:05:09.12', null, '2024-02-29']);
    expect(texts('nanos', 'iso-datetime', 'iso-date')[2]).to.equal('2024-02-29');
  });

  it('refuses compressed buffers, a column that is there twice, and more than the limits', async () => {
    const read = (stream: Buffer, changes: Partial<RowLimits> = {}) => readArrow(stream, { ...LIMITS, ...changes });
    expect((await appErrorOf('BAD_REQUEST', () => read(bytesOf(refused.compressed)))).message).to.include('compress');
    expect((await appErrorOf('VALIDATION_FAILED', () => read(bytesOf(refused.twice)))).message).to.include('twice');
    await appErrorOf('TOO_MANY_ROWS', () => read(every, { rowsMax: 2 }));
    await appErrorOf('TOO_MANY_COLUMNS', () => read(every, { columnsMax: 10 }));
    expect(read(every, { rowsMax: 3, columnsMax: readArrow(every, LIMITS).header.length }).rowCount).to.equal(3);
    const big = Buffer.from(every);
    const empty = await appErrorOf('BAD_REQUEST', () => read(big.subarray(0, 0)));
    expect(empty.message).to.include('begins with the schema');
  });

  it('names the message that is cut off, wherever the stream ends', () => {
    const endings = new Set<string>();
    for (let length = 1; length < every.length; length += 1) {
      try {
        readArrow(every.subarray(0, length), LIMITS);
        endings.add('taken');
      } catch (err) {
        if (!isAppError(err, 'BAD_REQUEST')) throw err;
        expect(err.message).to.match(/^the Arrow stream, message \d+ at byte \d+: is damaged or cut off/);
        endings.add(err.message.slice(0, 30));
      }
    }
    // Between messages it may end: the mark of the end is optional.
    expect([...endings]).to.include.members(['taken', 'the Arrow stream, message 1 at']);
  });

  it('answers changed bytes with rows or an error of the request, and nothing else', () => {
    const random = randomGenerator(11);
    let read = 0;
    for (let round = 0; round < 3_000; round += 1) {
      const { stream } = random.pick(cases);
      const bytes = bytesOf(stream);
      for (let change = 1 + random.integer(3); change > 0; change -= 1)
        bytes[random.integer(bytes.length)] = random.integer(256);
      try {
        const rows = readArrow(bytes, LIMITS);
        for (const column of rows.header.keys()) {
          try {
            const cellAt = rows.reader(column, null);
            for (let row = 0; row < rows.rowCount; row += 1) {
              const cell = cellAt(row);
              expect(cell === null || ['string', 'number', 'boolean'].includes(typeof cell)).to.equal(true);
            }
            read += 1;
          } catch (err) {
            if (!isAppError(err) || err.kind === 'bug') throw err;
          }
        }
      } catch (err) {
        if (!isAppError(err) || err.kind === 'bug') throw err;
      }
    }
    expect(read).to.be.greaterThan(1_000);
  });
});
