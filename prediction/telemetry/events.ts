import { AppError, EVENT_CLASSES_MAX, EVENT_KEY_LENGTH_MAX, type EventSchema, type EventValueKind } from '#contracts';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

/**
 * An event is one predicted row:
 *
 *     event       = schemaId:varint flags:byte [associationId:text] [rules:varint] outcome [champion:outcome] value*
 *     outcome     = prediction:float64                            of a regression
 *                 | class:varint probability:float64              of two classes: that of the second; of more than 32: that
 *                                                                 of the predicted one
 *                 | class:varint probability:float64*             of others: each in class order
 *     value       = 0                                             missing
 *                 | 1 float64 | 2 integer:varint                  a number, a date, or a text's length
 *                 | 3 key:text | 4 key:text                       a category of a known level, or of one that is not
 *                 | 5 latitude:float64 longitude:float64          a place
 *     flags       = 1: with an association id; 2: with rules (version 2)
 *     rules       = bit i: rule i of the schema held for the row
 *
 * There is one value for each feature of the event's schema, in its order. `champion` is there where the schema names one: the prediction that was
 * answered for the row, in the same classes.
 */
export const VALUE_TAGS = { missing: 0, float: 1, integer: 2, known: 3, unseen: 4, place: 5 } as const;
const FLAG_ASSOCIATED = 1;
const FLAG_RULES = 2;
const FLAGS_KNOWN = FLAG_ASSOCIATED | FLAG_RULES;

/** What a prediction is, as far as an event tells. */
export interface Outcome {
  /** Regression: the value. */
  readonly prediction: string | number;
  /** Index of the predicted class; -1 for regression. */
  readonly classIndex: number;
  /** In class order; empty for regression. */
  readonly probabilities: Float64Array;
}

/** Begins an event; a value for each feature follows. @param rules bits of the schema's rules that held; 0 for none */
export function writeEventHead(
  writer: ByteWriter,
  schemaId: number,
  associationId: string | null,
  outcome: Outcome,
  rules = 0,
): void {
  writer.varint(schemaId);
  writer.byte((associationId === null ? 0 : FLAG_ASSOCIATED) | (rules === 0 ? 0 : FLAG_RULES));
  if (associationId !== null) writer.text(associationId);
  if (rules !== 0) writer.varint(rules);
  writeOutcome(writer, outcome);
}

/** What a model has predicted; of events of challengers, the champion's comes after their own. */
export function writeOutcome(writer: ByteWriter, { prediction, classIndex, probabilities }: Outcome): void {
  const count = probabilities.length;
  if (count === 0) {
    writer.float64(Number(prediction));
    return;
  }
  writer.varint(classIndex);
  if (count === 2 || count > EVENT_CLASSES_MAX) writer.float64(probabilities[count === 2 ? 1 : classIndex] ?? NaN);
  else for (let label = 0; label < count; label += 1) writer.float64(probabilities[label] ?? NaN);
}

export const writeMissing = (writer: ByteWriter): void => writer.byte(VALUE_TAGS.missing);

/** A number, or seconds of a date; NaN is missing. */
export function writeNumber(writer: ByteWriter, value: number): void {
  if (value >= 0 && value <= 0x7fffffff && (value | 0) === value && !Object.is(value, -0)) {
    writer.byte(VALUE_TAGS.integer);
    writer.varint(value);
  } else if (Number.isNaN(value)) writer.byte(VALUE_TAGS.missing);
  else {
    writer.byte(VALUE_TAGS.float);
    writer.float64(value);
  }
}

/** A category; keys beyond the longest are cut between characters. */
export function writeKey(writer: ByteWriter, key: string, isUnseen: boolean): void {
  writer.byte(isUnseen ? VALUE_TAGS.unseen : VALUE_TAGS.known);
  writer.text(key.length <= EVENT_KEY_LENGTH_MAX ? key : cutKey(key));
}

/** As events carry a key. */
export const cutKey = (key: string): string => key.slice(0, EVENT_KEY_LENGTH_MAX).replace(/[\ud800-\udbff]$/, '');

export function writePlace(writer: ByteWriter, latitude: number, longitude: number): void {
  writer.byte(VALUE_TAGS.place);
  writer.float64(latitude);
  writer.float64(longitude);
}

/** A category's key. */
export interface KeyValue {
  readonly key: string;
  /** The model knows no such level. */
  readonly isUnseen: boolean;
}

export interface PlaceValue {
  readonly latitude: number;
  readonly longitude: number;
}

/** Null is missing. */
export type EventValue = number | KeyValue | PlaceValue | null;

/** A prediction as it was told. */
export interface ToldOutcome {
  /** Regression: the value; else null. */
  readonly value: number | null;
  /** -1 for regression. */
  readonly classIndex: number;
  /** In class order; of more than {@link EVENT_CLASSES_MAX} classes that of the predicted one alone; empty for regression. */
  readonly probabilities: readonly number[];
}

/** A predicted row as it was told. */
export interface TelemetryEvent extends ToldOutcome {
  readonly number: number;
  readonly timeMs: number;
  readonly schema: EventSchema;
  readonly associationId: string | null;
  /** Bits of the schema's rules that held. */
  readonly rules: number;
  /** Of a challenger's event, what was answered; null for others. */
  readonly champion: ToldOutcome | null;
  /** By feature of the schema. */
  readonly values: readonly EventValue[];
}

/** A frame of events as it was read. */
interface EventsFrame {
  readonly firstNumber: number;
  readonly count: number;
  readonly timeMs: number;
  readonly events: ByteReader;
}

/**
 * The events of a frame in order.
 * @param schemas of the segment, by id
 * @throws TELEMETRY_INVALID for what is no event, or of an unknown schema
 */
export function* readEvents(
  { firstNumber, count, timeMs, events }: EventsFrame,
  schemas: ReadonlyMap<number, EventSchema>,
): Generator<TelemetryEvent> {
  for (let index = 0; index < count; index += 1) {
    const schemaId = events.varint();
    const schema = schemas.get(schemaId);
    if (schema === undefined) throw new AppError('TELEMETRY_INVALID', `an event is of the unknown schema ${schemaId}`);
    const flags = events.byte();
    if ((flags & ~FLAGS_KNOWN) !== 0)
      throw new AppError('TELEMETRY_INVALID', `an event has the unknown flags ${flags}`);
    const associationId = (flags & FLAG_ASSOCIATED) === 0 ? null : events.text();
    const rules = (flags & FLAG_RULES) === 0 ? 0 : events.varint();
    if (rules >= 2 ** (schema.rules?.length ?? 0))
      throw new AppError('TELEMETRY_INVALID', `an event speaks of rules that its schema does not name`);
    const outcome = readOutcome(events, schema.classes.length);
    const champion = schema.champion === undefined ? null : readOutcome(events, schema.classes.length);
    const values = schema.features.map(({ kind }) => readValue(events, kind));
    yield { number: firstNumber + index, timeMs, schema, associationId, rules, ...outcome, champion, values };
  }
  if (!events.isAtEnd) throw new AppError('TELEMETRY_INVALID', `a frame of ${count} events has bytes after them`);
}

function readOutcome(events: ByteReader, classCount: number): ToldOutcome {
  if (classCount === 0) return { value: events.float64(), classIndex: -1, probabilities: [] };
  const classIndex = events.varint();
  if (classIndex >= classCount)
    throw new AppError('TELEMETRY_INVALID', `an event is of class ${classIndex} of ${classCount}`);
  if (classCount === 2) {
    const second = events.float64();
    return { value: null, classIndex, probabilities: [1 - second, second] };
  }
  const told = classCount > EVENT_CLASSES_MAX ? 1 : classCount;
  return { value: null, classIndex, probabilities: Array.from({ length: told }, () => events.float64()) };
}

/** Which values a feature's kind may have. */
const TAGS_OF: Readonly<Record<EventValueKind, readonly number[]>> = {
  number: [VALUE_TAGS.float, VALUE_TAGS.integer],
  date: [VALUE_TAGS.float, VALUE_TAGS.integer],
  text: [VALUE_TAGS.integer],
  category: [VALUE_TAGS.known, VALUE_TAGS.unseen],
  place: [VALUE_TAGS.place],
};

function readValue(events: ByteReader, kind: EventValueKind): EventValue {
  const tag = events.byte();
  if (tag === VALUE_TAGS.missing) return null;
  if (!TAGS_OF[kind].includes(tag)) throw new AppError('TELEMETRY_INVALID', `a ${kind} has a value of kind ${tag}`);
  if (tag === VALUE_TAGS.float) return events.float64();
  if (tag === VALUE_TAGS.integer) return events.varint();
  if (tag === VALUE_TAGS.place) return { latitude: events.float64(), longitude: events.float64() };
  return { key: events.text(), isUnseen: tag === VALUE_TAGS.unseen };
}
