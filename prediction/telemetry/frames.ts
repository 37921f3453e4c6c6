import { crc32 } from 'node:zlib';
import {
  AppError,
  EventSchema,
  LOSS_REASONS,
  parse,
  ServiceStatement,
  type LossReason,
  type Static,
  type TSchema,
} from '#contracts';
import { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

/**
 * Frames follow each other in a segment:
 *
 *     frame  = size:uint32 crc:uint32 body        crc: CRC-32 of the body, size bytes
 *     body   = kind:byte ...                      bodies of unknown kinds are passed over
 *     events = 1 firstNumber:varint count:varint timeMs:varint event*
 *     schema = 2 schemaId:varint json             EventSchema, UTF-8
 *     loss   = 3 firstNumber:varint count:varint reason:byte timeMs:varint
 *     end    = 4 endNumber:varint timeMs:varint   the epoch ended in order; nothing follows
 *     service = 5 nextNumber:varint json          ServiceStatement, UTF-8; the next event has this number or a later one
 *
 * @see RFC 1952 section 8 for CRC-32
 */
export const FRAME_KINDS = { events: 1, schema: 2, loss: 3, end: 4, service: 5 } as const;

/** Bytes of a frame before its body. */
export const FRAME_HEAD_BYTES = 8;

/** A frame of events as it is being written: head and `count` are set when it is finished. */
export interface OpenFrame {
  readonly at: number;
}

/** Begins a frame; its body follows. */
export function beginFrame(writer: ByteWriter, kind: number): OpenFrame {
  const at = writer.room32();
  writer.room32();
  writer.byte(kind);
  return { at };
}

/** Sets size and checksum of a frame whose body is complete. */
export function endFrame(writer: ByteWriter, { at }: OpenFrame): void {
  const body = writer.view(at + FRAME_HEAD_BYTES);
  writer.set32(at, body.length);
  writer.set32(at + 4, crc32(body));
}

export function writeSchema(writer: ByteWriter, schemaId: number, schema: EventSchema): void {
  const frame = beginFrame(writer, FRAME_KINDS.schema);
  writer.varint(schemaId);
  writer.bytes(Buffer.from(JSON.stringify(schema)));
  endFrame(writer, frame);
}

/** Numbers that were given to events which are not there. */
export interface Loss {
  readonly firstNumber: number;
  readonly count: number;
  readonly reason: LossReason;
  readonly timeMs: number;
}

export function writeLoss(writer: ByteWriter, { firstNumber, count, reason, timeMs }: Loss): void {
  const frame = beginFrame(writer, FRAME_KINDS.loss);
  writer.varint(firstNumber);
  writer.varint(count);
  writer.byte(LOSS_REASONS.indexOf(reason));
  writer.varint(timeMs);
  endFrame(writer, frame);
}

export function writeEnd(writer: ByteWriter, endNumber: number, timeMs: number): void {
  const frame = beginFrame(writer, FRAME_KINDS.end);
  writer.varint(endNumber);
  writer.varint(timeMs);
  endFrame(writer, frame);
}

/** @param nextNumber of the event that comes next */
export function writeService(writer: ByteWriter, nextNumber: number, statement: ServiceStatement): void {
  const frame = beginFrame(writer, FRAME_KINDS.service);
  writer.varint(nextNumber);
  writer.bytes(Buffer.from(JSON.stringify(statement)));
  endFrame(writer, frame);
}

/** A frame whose checksum is right. */
export type Frame =
  | {
      readonly kind: 'events';
      readonly firstNumber: number;
      readonly count: number;
      readonly timeMs: number;
      /** stands before the first event */
      readonly events: ByteReader;
    }
  | { readonly kind: 'schema'; readonly schemaId: number; readonly schema: EventSchema }
  | ({ readonly kind: 'loss' } & Loss)
  | { readonly kind: 'end'; readonly endNumber: number; readonly timeMs: number }
  | { readonly kind: 'service'; readonly nextNumber: number; readonly statement: ServiceStatement }
  | { readonly kind: 'unknown' };

/**
 * Bytes of the whole and undamaged frames that a segment begins with. What comes after them was being written when the
 * server died.
 */
export function soundLength(bytes: Buffer): number {
  let at = 0;
  for (;;) {
    const end = frameEnd(bytes, at);
    if (end === null) return at;
    at = end;
  }
}

/** Where a frame ends; null when it is torn or damaged, or there is none. */
function frameEnd(bytes: Buffer, at: number): number | null {
  const from = at + FRAME_HEAD_BYTES;
  if (from >= bytes.length) return null;
  const end = from + bytes.readUInt32LE(at);
  if (end === from || end > bytes.length) return null;
  return crc32(bytes.subarray(from, end)) === bytes.readUInt32LE(at + 4) ? end : null;
}

/** The frames of a segment in order. @throws TELEMETRY_INVALID for a damaged one */
export function* readFrames(bytes: Buffer): Generator<Frame> {
  for (let at = 0; at < bytes.length;) {
    const end = frameEnd(bytes, at);
    if (end === null) throw new AppError('TELEMETRY_INVALID', `the frame at byte ${at} is damaged`);
    yield readFrame(new ByteReader(bytes, at + FRAME_HEAD_BYTES, end));
    at = end;
  }
}

function readFrame(reader: ByteReader): Frame {
  switch (reader.byte()) {
    case FRAME_KINDS.events: {
      const [firstNumber, count, timeMs] = [reader.varint(), reader.varint(), reader.varint()];
      return { kind: 'events', firstNumber, count, timeMs, events: reader };
    }
    case FRAME_KINDS.schema:
      return { kind: 'schema', schemaId: reader.varint(), schema: jsonOf(EventSchema, reader.rest(), 'event schema') };
    case FRAME_KINDS.loss: {
      const [firstNumber, count, reason] = [reader.varint(), reader.varint(), LOSS_REASONS[reader.byte()]];
      if (reason === undefined) throw new AppError('TELEMETRY_INVALID', 'a loss has an unknown reason');
      return { kind: 'loss', firstNumber, count, reason, timeMs: reader.varint() };
    }
    case FRAME_KINDS.end:
      return { kind: 'end', endNumber: reader.varint(), timeMs: reader.varint() };
    case FRAME_KINDS.service: {
      const nextNumber = reader.varint();
      return {
        kind: 'service',
        nextNumber,
        statement: jsonOf(ServiceStatement, reader.rest(), 'statement of service'),
      };
    }
    default:
      return { kind: 'unknown' };
  }
}

/** @throws TELEMETRY_INVALID */
function jsonOf<T extends TSchema>(schema: T, bytes: Buffer, subject: string): Static<T> {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (err) {
    throw new AppError('TELEMETRY_INVALID', `${subject}: it is not JSON`, { cause: err });
  }
  return parse(schema, json, subject, 'TELEMETRY_INVALID');
}
