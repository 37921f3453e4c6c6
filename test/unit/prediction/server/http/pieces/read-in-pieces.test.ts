import { expect } from 'chai';
import { isAppError } from '#contracts';
import type { RowMediaType } from '../../../../../../prediction/server/http/media-types.ts';
import { readingOf, stepsOf } from '../../../../../../prediction/server/http/pieces/read-in-pieces.ts';
import { readRows, type InputRows } from '../../../../../../prediction/server/http/rows.ts';
import { randomGenerator, type RandomGenerator } from '../../../scoring/support.ts';

const LIMITS = { rowsMax: 1_000, columnsMax: 100, depthMax: 8 };
const CELLS = [1, -2.5, null, true, 'x', '', 'a "quoted" one', '\\', ',]}[{:', 'é', '日本語', '\u2028', '\n', '😀'];

/** A body in parts of random sizes, of one byte too. */
function inParts(random: RandomGenerator, bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.integer(parts.length === 0 ? 60 : 25);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

/** Rows as plain values, or what was thrown. */
function outcomeOf(read: () => InputRows): unknown {
  try {
    const rows = read();
    if (rows.kind === 'objects') return rows.rows;
    const readers = rows.header.map((_, column) => rows.reader(column, null));
    return [rows.header, Array.from({ length: rows.rowCount }, (_, row) => readers.map((cell) => cell(row)))];
  } catch (err) {
    if (isAppError(err)) return [err.code, err.message, err.errors];
    throw err;
  }
}

/** Reads in pieces; null where the body is none that can be cut. */
function inPieces(parts: readonly Buffer[], type: RowMediaType): unknown {
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const steps = stepsOf({ parts, sizeBytes }, type, LIMITS);
  if (steps === null) return null;
  return outcomeOf(() => {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  });
}

function expectAlike(random: RandomGenerator, bytes: Buffer, type: RowMediaType): boolean {
  const found = inPieces(inParts(random, bytes), type);
  if (found === null) return false;
  expect(found, bytes.toString('latin1')).to.deep.equal(outcomeOf(() => readRows(bytes, type, LIMITS)));
  return true;
}

function randomRows(random: RandomGenerator): Record<string, unknown>[] {
  return Array.from({ length: random.integer(12) }, () =>
    Object.fromEntries(
      Array.from({ length: random.integer(4) }, (_, column) => [
        random.pick(['a', 'ü', '__proto__', 'b "']) + String(column),
        random.integer(8) === 0 ? [random.pick(CELLS), { deep: random.pick(CELLS) }] : random.pick(CELLS),
      ]),
    ),
  );
}

function randomJson(random: RandomGenerator): string {
  const rows = JSON.stringify(randomRows(random), null, random.pick([0, 0, 1]));
  const spaced = random.pick(['', ' ', '\r\n']) + rows + random.pick(['', '\n', ' \t']);
  return (
    random.pick(['', '\ufeff']) + random.pick([spaced, `{"data":${spaced}}`, `{ "data" : ${spaced}, "x": [1, {}]}`])
  );
}

const CSV_CELLS = ['1', '', '"a,b"', '"line\nbreak"', '"with ""quotes"""', 'é', 'a"b', '""', ' "x" '];

function randomCsv(random: RandomGenerator): string {
  const columns = 1 + random.integer(3);
  const end = random.pick(['\n', '\r\n', '\r']);
  const header = ['h1', '"h,2"', 'h3'].slice(0, columns).join(',');
  const rows = Array.from({ length: random.integer(9) }, () =>
    Array.from({ length: columns }, () => random.pick(CSV_CELLS)).join(','),
  );
  return random.pick(['', '\ufeff']) + [header, ...rows].join(end) + random.pick(['', end, end + end]);
}

const randomLines = (random: RandomGenerator): string =>
  random.pick(['', '\ufeff']) +
  randomRows(random)
    .map((row) => JSON.stringify(row) + random.pick(['\n', '\r\n', '\n\n']))
    .join('');

const BODIES: readonly (readonly [RowMediaType, (random: RandomGenerator) => string])[] = [
  ['application/json', randomJson],
  ['application/x-ndjson', randomLines],
  ['text/csv', randomCsv],
];

describe('prediction server: bodies in pieces', () => {
  for (const [type, make] of BODIES) {
    it(`are read as a whole is, however they arrive: ${type}`, () => {
      const random = randomGenerator(1);
      let count = 0;
      for (let round = 0; round < 400; round += 1)
        count += Number(expectAlike(random, Buffer.from(make(random)), type));
      expect(count).to.be.greaterThan(300);
    });

    it(`are refused as a whole is, with the same words and place: ${type}`, () => {
      const random = randomGenerator(2);
      let count = 0;
      for (let round = 0; round < 1_500; round += 1) {
        const bytes = Buffer.from(make(random));
        if (bytes.length === 0) continue;
        const at = random.integer(bytes.length);
        // What is no UTF-8 is told where it is met, so that another mistake before it may be told first.
        if ((bytes[at] ?? 0) < 0x80) bytes[at] = random.pick([...Buffer.from('{}[]",:\\ \nax')]);
        const cut = random.integer(4) === 0 ? Buffer.from(bytes.toString('utf8', 0, at)) : bytes;
        count += Number(expectAlike(random, cut, type));
      }
      expect(count).to.be.greaterThan(1_000);
    });
  }

  it('are refused where they are no UTF-8', () => {
    for (const [type, text] of [
      ['application/json', '[{"a":"?"}]'],
      ['application/x-ndjson', '{"a":"?"}\n'],
      ['text/csv', 'a\n?\n'],
    ] as const) {
      const bytes = Buffer.from(text);
      bytes[bytes.indexOf('?')] = 0xff;
      expect(inPieces([bytes], type)).to.deep.equal(['BAD_REQUEST', 'the body is not valid UTF-8', []]);
    }
  });

  it('are held to the same limits, told of the body', () => {
    const random = randomGenerator(3);
    const rows = (count: number): string => `[${Array.from({ length: count }, () => '{"a":1}').join(',')}]`;
    const wide = `[{},${JSON.stringify(Object.fromEntries(Array.from({ length: 101 }, (_, i) => [i, 1])))}]`;
    for (const text of [rows(1_000), rows(1_001), wide, `[{"a":${'['.repeat(9)}${']'.repeat(9)}}]`])
      expect(expectAlike(random, Buffer.from(text), 'application/json')).to.equal(true);
  });

  it('refuse what stands behind the rows, if it is long or names data again', () => {
    const tails = [
      `{"data":[{}],"x":"${'x'.repeat(70_000)}"}`,
      '{"data":[{}],"data":[{},{}]}',
      `[{}]${' '.repeat(70_000)}`,
    ];
    for (const text of tails)
      expect(inPieces([Buffer.from(text)], 'application/json'), text.slice(0, 20)).to.include('VALIDATION_FAILED');
  });

  it('refuse a row of more than 4 MiB, looking at no more than a part in one step', () => {
    const long = 'x'.repeat(5_000_000);
    for (const [type, text] of [
      ['application/json', `[{"a":1},{"a":"${long}"}]`],
      ['application/x-ndjson', `{"a":1}\n{"a":"${long}"}\n`],
      ['text/csv', `a\n1\n${long}\n`],
      ['text/csv', `a\n1\n"${long}"\n`],
    ] as const) {
      const bytes = Buffer.from(text);
      const parts = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, part) =>
        bytes.subarray(part * 65_536, (part + 1) * 65_536),
      );
      const steps = stepsOf({ parts, sizeBytes: bytes.length }, type, LIMITS);
      let count = 0;
      const readOn = (): void => {
        while (steps?.next().done === false) count += 1;
      };
      expect(readOn).to.throw('more than 4194304 bytes in which no row ends');
      expect(count).to.be.within(60, 70);
    }
  });

  it('are large: what is small is read at once, and JSON that cannot be cut only up to 4 MiB', () => {
    const reading = (text: string) => {
      const bytes = Buffer.from(text);
      return readingOf({ parts: [bytes], sizeBytes: bytes.length }, 'application/json', LIMITS);
    };
    expect(reading('[{"a":1}]').kind).to.equal('read');
    expect(reading(`[{"a":"${'x'.repeat(300_000)}"}]`).kind).to.equal('steps');
    expect(reading(`{"a":"${'x'.repeat(300_000)}"}`).kind).to.equal('read');
    expect(() => reading(`{"a":"${'x'.repeat(5_000_000)}"}`)).to.throw('first member is data');
  });
});
