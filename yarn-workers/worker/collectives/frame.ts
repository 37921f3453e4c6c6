import { AppError } from '#contracts';

/**
 * What ranks of a group say to each other, inside of TLS. All numbers are little-endian.
 *
 *     stream  = client: hello {block | ping} [leave | abort];  server: (refusal | welcome {block | ping} [leave | abort])
 *     frame   = magic:u32 epoch:u32 operation:u32 kind:u16 sender:u16 length:u32 payload:length bytes
 *     block   = frame of kind reduce-scatter or allgather, the only ones with an operation other than 0
 *     hello   = JSON {groupId, size};  refusal, abort = UTF-8, why;  welcome, ping, leave = nothing
 *
 * Operations are numbered from 1. A rank begins operation n + 1 when it has everybody's blocks of n, so that another one's
 * frames are of the operation that it is in itself, or of the next.
 */

export type BlockKind = 'reduce-scatter' | 'allgather';
export type FrameKind = 'hello' | 'welcome' | 'refusal' | BlockKind | 'ping' | 'leave' | 'abort';

export interface FrameHeader {
  /** How often the group has been started, this time included. */
  readonly epoch: number;
  readonly operation: number;
  readonly kind: FrameKind;
  /** Its rank. */
  readonly sender: number;
  /** Bytes of the payload. */
  readonly length: number;
}

export const HEADER_BYTES = 20;
/** Bytes of a rank's part of all histograms of a leaf, 16 a bin: 16 million bins. */
export const BLOCK_BYTES_MAX = 256 * 1024 ** 2;
/** Bytes of what is said in words. */
export const TEXT_BYTES_MAX = 1_024;

/** `TYC1` */
const MAGIC = 0x31_43_59_54;

interface Kind {
  readonly code: number;
  readonly bytesMax: number;
}

const KINDS: Readonly<Record<FrameKind, Kind>> = {
  hello: { code: 1, bytesMax: TEXT_BYTES_MAX },
  welcome: { code: 2, bytesMax: 0 },
  refusal: { code: 3, bytesMax: TEXT_BYTES_MAX },
  'reduce-scatter': { code: 4, bytesMax: BLOCK_BYTES_MAX },
  allgather: { code: 5, bytesMax: BLOCK_BYTES_MAX },
  ping: { code: 6, bytesMax: 0 },
  leave: { code: 7, bytesMax: 0 },
  abort: { code: 8, bytesMax: TEXT_BYTES_MAX },
};

// The keys of the table are the kinds.
const KIND_OF = new Map(Object.entries(KINDS).map(([kind, { code }]) => [code, kind as FrameKind]));

export const isBlock = ({ kind }: FrameHeader): boolean => kind === 'reduce-scatter' || kind === 'allgather';

/** @throws INTERNAL for a payload that is too long for its kind */
export function encodeHeader({ epoch, operation, kind, sender, length }: FrameHeader): Buffer {
  const { code, bytesMax } = KINDS[kind];
  if (length > bytesMax)
    throw new AppError(
      'INTERNAL',
      `frame: ${kind} of ${length} bytes, at most ${bytesMax}; fewer columns or bins help`,
    );
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(epoch, 4);
  bytes.writeUInt32LE(operation, 8);
  bytes.writeUInt16LE(code, 12);
  bytes.writeUInt16LE(sender, 14);
  bytes.writeUInt32LE(length, 16);
  return bytes;
}

/**
 * Reads a header, which begins `bytes`.
 *
 * @throws GROUP_BROKEN for what no rank would send
 */
export function decodeHeader(bytes: Buffer): FrameHeader {
  const magic = bytes.readUInt32LE(0);
  if (magic !== MAGIC) throw malformed(`begins with 0x${magic.toString(16)}, expected 0x${MAGIC.toString(16)}`);
  const operation = bytes.readUInt32LE(8);
  const code = bytes.readUInt16LE(12);
  const length = bytes.readUInt32LE(16);
  const kind = KIND_OF.get(code);
  if (kind === undefined) throw malformed(`is of the unknown kind ${code}`);
  const { bytesMax } = KINDS[kind];
  if (length > bytesMax) throw malformed(`(${kind}) has ${length} bytes, at most ${bytesMax}`);
  const header = { epoch: bytes.readUInt32LE(4), operation, kind, sender: bytes.readUInt16LE(14), length };
  if (isBlock(header) !== operation > 0) throw malformed(`(${kind}) is of operation ${operation}`);
  return header;
}

const malformed = (what: string): AppError => new AppError('GROUP_BROKEN', `a frame ${what}`);
