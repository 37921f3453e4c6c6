import { expect } from 'chai';
import {
  EVENT_CLASSES_MAX,
  EVENT_KEY_LENGTH_MAX,
  HUMILITY_RULES_MAX,
  type EventSchema,
  type EventValueKind,
} from '#contracts';
import {
  beginFrame,
  ByteReader,
  ByteWriter,
  endFrame,
  FRAME_KINDS,
  readEvents,
  readFrames,
  soundLength,
  writeEnd,
  writeEventHead,
  writeKey,
  writeLoss,
  writeMissing,
  writeNumber,
  writePlace,
  writeSchema,
  type Outcome,
  type TelemetryEvent,
} from '#telemetry';
import { expectError } from '../../../support/expect-error.ts';

const schemaOf = (kinds: readonly EventValueKind[], classes: readonly string[] = []): EventSchema => ({
  deploymentId: 'dep_1',
  modelId: 'mdl_1',
  manifestSha256: 'f'.repeat(64),
  classes: [...classes],
  features: kinds.map((kind, index) => ({ name: `f${index}`, kind })),
});

const REGRESSION: Outcome = { prediction: 1.5, classIndex: -1, probabilities: new Float64Array(0) };

/** Writes one event, and reads it back out of its frame. */
function roundTrip(
  schema: EventSchema,
  outcome: Outcome,
  write: (writer: ByteWriter) => void,
  rules?: number,
): TelemetryEvent {
  const writer = new ByteWriter(1);
  writeSchema(writer, 7, schema);
  const frame = beginFrame(writer, FRAME_KINDS.events);
  for (const number of [41, 1, 1_700_000_000_123]) writer.varint(number);
  writeEventHead(writer, 7, 'order 66', outcome, rules);
  write(writer);
  endFrame(writer, frame);
  const [first, second] = [...readFrames(Buffer.from(writer.view()))];
  if (first?.kind !== 'schema' || second?.kind !== 'events') throw new Error('expected a schema and events');
  expect(first.schema).to.deep.equal(schema);
  const [event] = [...readEvents(second, new Map([[first.schemaId, first.schema]]))];
  if (event === undefined) throw new Error('expected an event');
  return event;
}

describe('telemetry: events', () => {
  it('come back with number, time, association id and outcome', () => {
    const event = roundTrip(schemaOf([]), REGRESSION, () => undefined);
    expect(event).to.deep.include({ number: 41, timeMs: 1_700_000_000_123, associationId: 'order 66', value: 1.5 });
  });

  for (const value of [0, 1, 127, 128, 16_383, 2 ** 31 - 1, 2 ** 31, -1, -0, 0.1, 1e300, 5e-324, Infinity, -Infinity]) {
    it(`carry the number ${Object.is(value, -0) ? '-0' : value} exactly`, () => {
      const { values } = roundTrip(schemaOf(['number']), REGRESSION, (writer) => writeNumber(writer, value));
      expect(Object.is(values[0], value)).to.equal(true);
    });
  }

  it('carry the rules that held, which their schema names', () => {
    const rules = Array.from({ length: HUMILITY_RULES_MAX }, (_, index) => `rule ${index}`);
    const all = 2 ** HUMILITY_RULES_MAX - 1;
    for (const held of [0, 1, 0b1010, all])
      expect(roundTrip({ ...schemaOf([]), rules }, REGRESSION, () => undefined, held).rules).to.equal(held);
    expect(() => roundTrip({ ...schemaOf([]), rules: ['one'] }, REGRESSION, () => undefined, 2)).to.throw(/rules/);
  });

  it('carry missing values, keys, places and lengths of texts', () => {
    const schema = schemaOf(['number', 'category', 'category', 'place', 'text', 'date']);
    const { values } = roundTrip(schema, REGRESSION, (writer) => {
      writeNumber(writer, NaN);
      writeKey(writer, 'Zürich 🚂', false);
      writeKey(writer, '', true);
      writePlace(writer, 47.4, -8.5);
      writeNumber(writer, 1_000);
      writeMissing(writer);
    });
    expect(values).to.deep.equal([
      null,
      { key: 'Zürich 🚂', isUnseen: false },
      { key: '', isUnseen: true },
      { latitude: 47.4, longitude: -8.5 },
      1_000,
      null,
    ]);
  });

  it('cut keys between characters', () => {
    const key = `${'a'.repeat(EVENT_KEY_LENGTH_MAX - 1)}🚂`;
    const { values } = roundTrip(schemaOf(['category']), REGRESSION, (writer) => writeKey(writer, key, false));
    expect(values[0]).to.deep.equal({ key: key.slice(0, EVENT_KEY_LENGTH_MAX - 1), isUnseen: false });
  });

  it('carry one probability of two classes, all of a few, and that of the predicted one of many', () => {
    const outcome = (probabilities: number[], classIndex: number): Outcome => ({
      prediction: 'x',
      classIndex,
      probabilities: Float64Array.from(probabilities),
    });
    const labels = (count: number) => Array.from({ length: count }, (_, i) => String(i));
    const two = roundTrip(schemaOf([], labels(2)), outcome([0.25, 0.75], 1), () => undefined);
    expect([two.value, two.classIndex, two.probabilities]).to.deep.equal([null, 1, [0.25, 0.75]]);
    const three = roundTrip(schemaOf([], labels(3)), outcome([0.1, 0.7, 0.2], 1), () => undefined);
    expect(three.probabilities).to.deep.equal([0.1, 0.7, 0.2]);
    const count = EVENT_CLASSES_MAX + 1;
    const shares = Array.from({ length: count }, (_, i) => (i === 5 ? 0.6 : 0.4 / (count - 1)));
    const many = roundTrip(schemaOf([], labels(count)), outcome(shares, 5), () => undefined);
    expect([many.classIndex, many.probabilities]).to.deep.equal([5, [0.6]]);
  });

  it('are refused where a value is of another kind, the schema unknown, or bytes are left over', () => {
    expectError(
      () => roundTrip(schemaOf(['number']), REGRESSION, (writer) => writeKey(writer, 'a', false)),
      'TELEMETRY_INVALID',
      /a number has a value of kind 3/,
    );
    expectError(() => roundTrip(schemaOf([]), REGRESSION, writeMissing), 'TELEMETRY_INVALID', /bytes after them/);
    const reader = new ByteReader(Buffer.from([3, 0]));
    const frame = { firstNumber: 0, count: 1, timeMs: 0, events: reader };
    expectError(() => [...readEvents(frame, new Map())], 'TELEMETRY_INVALID', /unknown schema 3/);
  });
});

describe('telemetry: frames', () => {
  const frames = (): Buffer => {
    const writer = new ByteWriter();
    writeLoss(writer, { firstNumber: 5, count: 2 ** 40, reason: 'disk', timeMs: 12 });
    writeEnd(writer, 2 ** 53 - 1, 13);
    return Buffer.from(writer.view());
  };

  it('tell losses and the end of an epoch', () => {
    expect([...readFrames(frames())]).to.deep.equal([
      { kind: 'loss', firstNumber: 5, count: 2 ** 40, reason: 'disk', timeMs: 12 },
      { kind: 'end', endNumber: 2 ** 53 - 1, timeMs: 13 },
    ]);
  });

  it('of a kind that is not known are passed over', () => {
    const writer = new ByteWriter();
    endFrame(writer, beginFrame(writer, 200));
    writeEnd(writer, 1, 2);
    expect([...readFrames(Buffer.from(writer.view()))].map(({ kind }) => kind)).to.deep.equal(['unknown', 'end']);
  });

  it('are sound up to any byte at which a write was torn', () => {
    const bytes = frames();
    const first = bytes.readUInt32LE(0) + 8;
    for (let size = 0; size <= bytes.length; size += 1) {
      const sound = soundLength(bytes.subarray(0, size));
      expect(sound, `of ${size} bytes`).to.equal(size === bytes.length ? size : size >= first ? first : 0);
    }
  });

  it('are refused with one changed bit, wherever it is', () => {
    const bytes = frames();
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expectError(() => [...readFrames(changed)], 'TELEMETRY_INVALID');
    }
  });
});
