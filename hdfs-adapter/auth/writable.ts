import { AppError } from '#contracts';

/**
 * Reads values as Hadoop's `Writable`s and protobuf messages lay them out. Every read is checked against the end.
 *
 * ```text
 * vlong  = int8 in -112..127: the value itself; else n = -(b + 112) (b >= -120) or -(b + 120) bytes follow, big-endian;
 *          the latter kind is one's complement (a negative number)
 * text   = vlong length, UTF-8 bytes
 * bytes  = vlong length, bytes
 * varint = protobuf base 128, least group first
 * ```
 *
 * @see org.apache.hadoop.io.WritableUtils, https://protobuf.dev/programming-guides/encoding/
 */
export class WritableReader {
  readonly #bytes: Uint8Array;
  readonly #subject: string;
  #at = 0;

  constructor(bytes: Uint8Array, subject: string) {
    this.#bytes = bytes;
    this.#subject = subject;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.broken('it ends too early');
    this.#at += 1;
    return value;
  }

  /** A whole number that JavaScript holds exactly. */
  vlong(): number {
    const first = (this.byte() << 24) >> 24;
    if (first >= -112) return first;
    const negative = first < -120;
    let value = 0;
    for (let left = negative ? -(first + 120) : -(first + 112); left > 0; left -= 1) value = value * 256 + this.byte();
    if (!Number.isSafeInteger(value)) throw this.broken(`found the number ${value}, which is too large`);
    return negative ? -1 - value : value;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const group = this.byte();
      value += (group & 127) * factor;
      if (group < 128) return value;
    }
    throw this.broken('found a number of too many bytes');
  }

  take(length: number): Buffer {
    if (length < 0 || this.#at + length > this.#bytes.length) throw this.broken(`expected ${length} more bytes`);
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return Buffer.from(part);
  }

  bytes(): Buffer {
    return this.take(this.vlong());
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  /** The error for bytes that are not what they should be; never with their content, which is secret. */
  broken(problem: string): AppError {
    return new AppError('HADOOP_TOKEN_FILE_INVALID', `${this.#subject}, byte ${this.#at}: ${problem}`);
  }
}

/** A `vlong` of a length or other number that is not negative. */
export function encodeVlong(value: number): Buffer {
  if (value <= 127) return Buffer.from([value]);
  const digits: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Buffer.from([(-112 - digits.length) & 255, ...digits]);
}

/** Bytes or text with their length in front. */
export function encodeBytes(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([encodeVlong(bytes.length), bytes]);
}
