import type { EventSchema, SegmentHeader } from '#contracts';
import {
  beginFrame,
  ByteWriter,
  endFrame,
  FRAME_KINDS,
  openSegment,
  readEvents,
  readFrames,
  telemetryKeys,
  writeEventHead,
  writeKey,
  writeMissing,
  writeNumber,
  writeSchema,
  type Loss,
  type TelemetryEvent,
} from '#telemetry';

export const TEST_KEYS_TEXT = 'a-key-that-only-tests-know-of';
export const TEST_KEYS = telemetryKeys(TEST_KEYS_TEXT);

/** Of a regression with a number and a category. */
export const TEST_SCHEMA: EventSchema = {
  deploymentId: 'dep_1',
  modelId: 'mdl_1',
  manifestSha256: 'a'.repeat(64),
  classes: [],
  features: [
    { name: 'age', kind: 'number' },
    { name: 'color', kind: 'category' },
  ],
};

/** All that segments tell. */
export interface Told {
  readonly headers: readonly SegmentHeader[];
  readonly events: readonly TelemetryEvent[];
  readonly losses: readonly Loss[];
  /** By epoch. */
  readonly ends: ReadonlyMap<string, number>;
  /** `<epoch>-<number>` of each event in its order. */
  readonly ids: readonly string[];
}

/** Opens segments in their order. @throws TELEMETRY_INVALID, TELEMETRY_SIGNATURE */
export function toldBy(segments: readonly Buffer[], keys = TEST_KEYS): Told {
  const told = {
    headers: [] as SegmentHeader[],
    events: [] as TelemetryEvent[],
    losses: [] as Loss[],
    ends: new Map<string, number>(),
    ids: [] as string[],
  };
  for (const sealed of segments) {
    const { header, frames } = openSegment(sealed, keys);
    told.headers.push(header);
    const schemas = new Map<number, EventSchema>();
    for (const frame of readFrames(frames)) {
      if (frame.kind === 'schema') schemas.set(frame.schemaId, frame.schema);
      if (frame.kind === 'loss') told.losses.push(frame);
      if (frame.kind === 'end') told.ends.set(header.epoch, frame.endNumber);
      if (frame.kind === 'events') {
        for (const event of readEvents(frame, schemas)) {
          told.events.push(event);
          told.ids.push(`${header.epoch}-${event.number}`);
        }
      }
    }
  }
  return told;
}

/** One event of {@link TEST_SCHEMA}. */
export interface TestEvent {
  readonly value: number;
  readonly age: number;
  /** Null: missing. */
  readonly color: string | null;
  readonly isUnseen?: boolean;
  readonly associationId?: string;
}

const NO_PROBABILITIES = new Float64Array(0);

/** Frames of a segment: the schema, and one frame of events. */
export function eventFrames(
  firstNumber: number,
  events: readonly TestEvent[],
  {
    timeMs = 1_700_000_000_000,
    schema = TEST_SCHEMA,
  }: { readonly timeMs?: number; readonly schema?: EventSchema } = {},
): Buffer {
  const writer = new ByteWriter();
  writeSchema(writer, 0, schema);
  const frame = beginFrame(writer, FRAME_KINDS.events);
  writer.varint(firstNumber);
  writer.varint(events.length);
  writer.varint(timeMs);
  for (const { value, age, color, isUnseen = false, associationId = null } of events) {
    writeEventHead(writer, 0, associationId, { prediction: value, classIndex: -1, probabilities: NO_PROBABILITIES });
    writeNumber(writer, age);
    if (color === null) writeMissing(writer);
    else writeKey(writer, color, isUnseen);
  }
  endFrame(writer, frame);
  return Buffer.from(writer.view());
}
