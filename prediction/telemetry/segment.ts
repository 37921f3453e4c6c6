import { createHmac, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompressSync } from 'node:zlib';
import {
  AppError,
  parse,
  SEGMENT_BYTES_MAX,
  SEGMENT_HEADER_BYTES_MAX,
  SegmentHeader,
  TELEMETRY_FORMAT_VERSION,
} from '#contracts';
import { secretOf, type TelemetryKeys } from './keys.ts';

/**
 * A sealed segment, as it lies in the spool, is POSTed and is a Kafka message:
 *
 *     segment = 'TYTS' version:byte headerSize:uint16 header:json payload mac
 *     payload = frames, compressed as the header says
 *     mac     = HMAC-SHA-256 of all bytes before it, 32 bytes
 *
 * Integers are little endian.
 *
 * @see RFC 2104 for HMAC, RFC 8878 for Zstandard
 */
const MAGIC = Buffer.from('TYTS');
const HEAD_BYTES = MAGIC.length + 3;
const MAC_BYTES = 32;
/** Of a sealed segment. */
export const SEALED_BYTES_MAX = HEAD_BYTES + SEGMENT_HEADER_BYTES_MAX + SEGMENT_BYTES_MAX + MAC_BYTES;

const compress = promisify(zstdCompress);

/** What is known of a segment before it is sealed. */
export type SegmentFacts = Omit<SegmentHeader, 'compression' | 'sizeBytes' | 'keyId'>;

/** Compresses, off the event loop, and signs the frames of a segment. */
export async function sealSegment(facts: SegmentFacts, frames: Buffer, keys: TelemetryKeys): Promise<Buffer> {
  if (frames.length > SEGMENT_BYTES_MAX)
    throw new AppError('INTERNAL', `a segment of ${frames.length} bytes is above ${SEGMENT_BYTES_MAX}`);
  const small = await compress(frames);
  const isSmaller = small.length < frames.length;
  const { keyId, secret } = keys.signing();
  const header: SegmentHeader = {
    ...facts,
    compression: isSmaller ? 'zstd' : 'none',
    sizeBytes: frames.length,
    keyId,
  };
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeUInt8(TELEMETRY_FORMAT_VERSION, MAGIC.length);
  head.writeUInt16LE(json.length, MAGIC.length + 1);
  const signed = Buffer.concat([head, json, isSmaller ? small : frames]);
  return Buffer.concat([signed, macOf(secret, signed)]);
}

/** A segment whose signature is right. */
export interface OpenedSegment {
  readonly header: SegmentHeader;
  /** See `readFrames`. */
  readonly frames: Buffer;
}

/**
 * The header of a sealed segment, which is not to be believed before `openSegment`.
 * @throws TELEMETRY_INVALID for bytes that are no segment, or of a newer format
 */
export function readSegmentHeader(sealed: Buffer): SegmentHeader {
  return headerOf(sealed).header;
}

function headerOf(sealed: Buffer): { readonly header: SegmentHeader; readonly payloadAt: number } {
  if (
    sealed.length > SEALED_BYTES_MAX ||
    sealed.length < HEAD_BYTES + MAC_BYTES ||
    !sealed.subarray(0, 4).equals(MAGIC)
  )
    throw new AppError('TELEMETRY_INVALID', `${sealed.length} bytes are no telemetry segment`);
  const version = sealed.readUInt8(MAGIC.length);
  if (version > TELEMETRY_FORMAT_VERSION || version === 0) {
    throw new AppError(
      'TELEMETRY_INVALID',
      `telemetry segment: expected format ${TELEMETRY_FORMAT_VERSION} or older, found ${version}`,
    );
  }
  const size = sealed.readUInt16LE(MAGIC.length + 1);
  const payloadAt = HEAD_BYTES + size;
  if (size > SEGMENT_HEADER_BYTES_MAX || payloadAt + MAC_BYTES > sealed.length)
    throw new AppError('TELEMETRY_INVALID', `the header of a telemetry segment has ${size} bytes`);
  return { header: parseHeader(sealed.subarray(HEAD_BYTES, payloadAt)), payloadAt };
}

function parseHeader(bytes: Buffer): SegmentHeader {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch (err) {
    throw new AppError('TELEMETRY_INVALID', 'the header of a telemetry segment is not JSON', { cause: err });
  }
  const header = parse(SegmentHeader, json, 'telemetry segment', 'TELEMETRY_INVALID');
  if (header.endNumber < header.firstNumber)
    throw new AppError('TELEMETRY_INVALID', 'telemetry segment: endNumber is below firstNumber');
  return header;
}

/**
 * Checks who has signed a segment, without taking its frames out.
 *
 * @throws TELEMETRY_INVALID for bytes that are no segment; TELEMETRY_SIGNATURE for one that no known key has signed
 */
export function verifySegment(sealed: Buffer, keys: TelemetryKeys): SegmentHeader {
  return verified(sealed, keys).header;
}

function verified(sealed: Buffer, keys: TelemetryKeys): { readonly header: SegmentHeader; readonly payload: Buffer } {
  const { header, payloadAt } = headerOf(sealed);
  const macAt = sealed.length - MAC_BYTES;
  const secret = secretOf(keys, header.keyId, header.serverId);
  if (secret === null)
    throw new AppError('TELEMETRY_SIGNATURE', `a segment of server ${header.serverId} is signed by an unknown key`);
  if (!timingSafeEqual(macOf(secret, sealed.subarray(0, macAt)), sealed.subarray(macAt)))
    throw new AppError('TELEMETRY_SIGNATURE', `a segment of server ${header.serverId} has a wrong signature`);
  return { header, payload: sealed.subarray(payloadAt, macAt) };
}

/**
 * Checks a segment and takes its frames out. Nothing is decompressed before the signature is right, and then no more than
 * the header says.
 *
 * @throws TELEMETRY_INVALID for bytes that are no segment; TELEMETRY_SIGNATURE for one that no known key has signed
 */
export function openSegment(sealed: Buffer, keys: TelemetryKeys): OpenedSegment {
  return opened(verified(sealed, keys));
}

/**
 * Takes the frames out of a segment that was checked before, when it was taken: its key may be gone since.
 *
 * @throws TELEMETRY_INVALID for bytes that are no segment
 */
export function reopenSegment(sealed: Buffer): OpenedSegment {
  const { header, payloadAt } = headerOf(sealed);
  return opened({ header, payload: sealed.subarray(payloadAt, sealed.length - MAC_BYTES) });
}

function opened({ header, payload }: { readonly header: SegmentHeader; readonly payload: Buffer }): OpenedSegment {
  const frames = inflate(payload, header);
  if (frames.length !== header.sizeBytes) {
    throw new AppError(
      'TELEMETRY_INVALID',
      `telemetry segment: expected ${header.sizeBytes} bytes of frames, found ${frames.length}`,
    );
  }
  return { header, frames };
}

function inflate(payload: Buffer, { compression, sizeBytes }: SegmentHeader): Buffer {
  if (compression === 'none') return payload;
  try {
    return zstdDecompressSync(payload, { maxOutputLength: Math.max(1, sizeBytes) });
  } catch (err) {
    throw new AppError('TELEMETRY_INVALID', 'the frames of a telemetry segment cannot be decompressed', { cause: err });
  }
}

const macOf = (secret: Buffer, bytes: Buffer): Buffer => createHmac('sha256', secret).update(bytes).digest();
