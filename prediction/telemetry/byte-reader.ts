import { AppError } from '#contracts';

/** Reads what `ByteWriter` has written. Every method throws TELEMETRY_INVALID past the end. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, from = 0, end = bytes.length) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = from;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] ?? 0;
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** @throws TELEMETRY_INVALID above 2^53 - 1 */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= SCALE_MAX; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
    }
    throw new AppError('TELEMETRY_INVALID', `an integer at byte ${this.#at} is above 2^53 - 1`);
  }

  text(): string {
    const size = this.varint();
    const from = this.#take(size);
    return this.#bytes.toString('utf8', from, from + size);
  }

  /** All that is left. */
  rest(): Buffer {
    const from = this.#at;
    this.#at = this.#end;
    return this.#bytes.subarray(from, this.#end);
  }

  #take(count: number): number {
    const from = this.#at;
    if (from + count > this.#end)
      throw new AppError('TELEMETRY_INVALID', `expected ${count} bytes at byte ${from}, found ${this.#end - from}`);
    this.#at = from + count;
    return from;
  }
}

/** Of the last byte that an integer of 53 bits can have. */
const SCALE_MAX = 128 ** 7;
