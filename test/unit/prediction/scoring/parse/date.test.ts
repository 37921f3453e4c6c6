import { expect } from 'chai';
import { DATE_FORMATS, type DateFormat } from '#contracts';
import { DATE_PATTERNS, parseDate } from '#scoring';
import { randomGenerator } from '../support.ts';

const FIELDS: Readonly<Record<DateFormat, readonly ('y' | 'm' | 'd')[]>> = {
  'iso-date': ['y', 'm', 'd'],
  'iso-datetime': ['y', 'm', 'd'],
  'y/m/d': ['y', 'm', 'd'],
  'd.m.y': ['d', 'm', 'y'],
  'm/d/y': ['m', 'd', 'y'],
  'd/m/y': ['d', 'm', 'y'],
  'compact-date': ['y', 'm', 'd'],
};

const PATTERNS = new Map(DATE_FORMATS.map((format) => [format, new RegExp(DATE_PATTERNS[format])]));

/** The value as the docstring says it, by regular expression, `Date` and exact integers. */
function reference(text: string, format: DateFormat): number {
  const match = PATTERNS.get(format)?.exec(text) ?? null;
  if (match === null) return NaN;
  const part = (name: 'y' | 'm' | 'd'): number => Number(match[FIELDS[format].indexOf(name) + 1]);
  const day = new Date(0);
  day.setUTCFullYear(part('y'), part('m') - 1, part('d'));
  if (day.getUTCMonth() !== part('m') - 1 || day.getUTCDate() !== part('d')) return NaN;
  let micros = BigInt(day.getTime()) * 1000n;
  if (format === 'iso-datetime') {
    const [hour, minute, second, fraction, offset] = match.slice(4);
    micros += BigInt((Number(hour) * 60 + Number(minute)) * 60 + Number(second ?? 0)) * 1_000_000n;
    micros += BigInt((fraction ?? '').padEnd(6, '0').slice(0, 6));
    if (offset !== undefined && offset !== 'Z') {
      const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4));
      micros -= BigInt(offset.startsWith('-') ? -minutes : minutes) * 60_000_000n;
    }
  }
  return Number(micros) / 1e6;
}

describe('parseDate', () => {
  const readable: readonly (readonly [string, DateFormat, number])[] = [
    ['1970-01-01', 'iso-date', 0],
    [' 2026-11-23\t', 'iso-date', 1795392000],
    ['0001-01-01', 'iso-date', -62135596800],
    ['9999-12-31', 'iso-date', 253402214400],
    ['2000-02-29', 'iso-date', 951782400],
    ['2026-11-23T10:00', 'iso-datetime', 1795428000],
    ['2026-11-23 10:00:01', 'iso-datetime', 1795428001],
    ['2026-11-23T10:00:01.5Z', 'iso-datetime', 1795428001.5],
    ['2026-11-23T10:00:01.123456789+02:00', 'iso-datetime', 1795420801.123456],
    ['1969-12-31T23:59:59.999999-00:30', 'iso-datetime', 1799.999999],
    ['2026/1/2', 'y/m/d', 1767312000],
    ['2026/01/02', 'y/m/d', 1767312000],
    ['2.1.2026', 'd.m.y', 1767312000],
    ['1/2/2026', 'm/d/y', 1767312000],
    ['1/2/2026', 'd/m/y', 1769904000],
    ['20260102', 'compact-date', 1767312000],
  ];
  for (const [text, format, seconds] of readable) {
    it(`reads ${JSON.stringify(text)} as ${format}`, () => expect(parseDate(text, [format])).to.equal(seconds));
  }

  const unreadable: readonly (readonly [string, DateFormat])[] = [
    ['2023-02-30', 'iso-date'],
    ['1900-02-29', 'iso-date'],
    ['0000-01-01', 'iso-date'],
    ['2023-2-3', 'iso-date'],
    ['23-02-03', 'iso-date'],
    ['2023-02-03T10:00', 'iso-date'],
    ['2023-02-03', 'iso-datetime'],
    ['2023-02-03T24:00', 'iso-datetime'],
    ['2023-02-03T10:00:60', 'iso-datetime'],
    ['2023-02-03  10:00', 'iso-datetime'],
    ['2023-02-03t10:00z', 'iso-datetime'],
    ['2023-02-03T10:00:00.', 'iso-datetime'],
    ['2023-02-03T10:00:00.1234567890', 'iso-datetime'],
    ['2023-02-03T10:00+0200', 'iso-datetime'],
    ['2023-02-03T10:00+24:00', 'iso-datetime'],
    ['2023-02-03T10:00 Z', 'iso-datetime'],
    ['2023/001/2', 'y/m/d'],
    ['2023//12', 'y/m/d'],
    ['31.4.2023', 'd.m.y'],
    ['1.1.23', 'd.m.y'],
    ['13/1/2023', 'm/d/y'],
    ['1/13/2023', 'd/m/y'],
    ['1.1/2023', 'd/m/y'],
    ['2023010', 'compact-date'],
    ['20231301', 'compact-date'],
    ['', 'iso-date'],
    ['not a date', 'iso-datetime'],
  ];
  for (const [text, format] of unreadable) {
    it(`cannot read ${JSON.stringify(text)} as ${format}`, () => expect(parseDate(text, [format])).to.be.NaN);
  }

  it('tries formats in order', () => {
    expect(parseDate('1/2/2026', ['d/m/y', 'm/d/y'])).to.equal(1769904000);
    expect(parseDate('1/13/2026', ['d/m/y', 'm/d/y'])).to.equal(parseDate('2026-01-13', ['iso-date']));
    expect(parseDate('1/1/2026', [])).to.be.NaN;
  });

  it('agrees with its regular expressions and Date on 150,000 random texts', () => {
    const random = randomGenerator(3);
    const pad = (value: number, width: number): string =>
      random.integer(8) > 0 ? String(value).padStart(width, '0') : String(value);
    let readableCount = 0;
    for (let i = 0; i < 150_000; i += 1) {
      const year = pad(random.integer(4) === 0 ? random.integer(10_100) : 1900 + random.integer(200), 4);
      const month = pad(random.integer(14), 2);
      const day = pad(random.integer(33), 2);
      const time = `${pad(random.integer(25), 2)}:${pad(random.integer(61), 2)}`;
      const second = random.integer(3) > 0 ? `:${pad(random.integer(61), 2)}` : '';
      const fraction = second !== '' && random.integer(2) > 0 ? `.${'4081936527'.slice(0, random.integer(11))}` : '';
      const zone = random.pick(['', '', 'Z', '+02:00', '-11:30', '+25:00', '+2:00', 'z']);
      let text = random.pick([
        `${year}-${month}-${day}`,
        `${year}-${month}-${day}${random.pick(['T', ' ', '  ', 't'])}${time}${second}${fraction}${zone}`,
        `${year}/${month}/${day}`,
        `${day}.${month}.${year}`,
        `${month}/${day}/${year}`,
        `${year}${month}${day}`,
      ]);
      if (random.integer(4) === 0) {
        const at = random.integer(text.length);
        text =
          text.slice(0, at) +
          random.pick(['', ' ', '/', '-', '0', '1', '٣', '.', ':']) +
          text.slice(at + random.integer(2));
      }
      for (const format of DATE_FORMATS) {
        const expected = reference(text, format);
        if (!Number.isNaN(expected)) readableCount += 1;
        const found = parseDate(text, [format]);
        if (found !== expected && !(Number.isNaN(found) && Number.isNaN(expected))) {
          expect.fail(`${JSON.stringify(text)} as ${format}: ${found}, expected ${expected}`);
        }
      }
    }
    expect(readableCount).to.be.greaterThan(40_000);
  });
});
