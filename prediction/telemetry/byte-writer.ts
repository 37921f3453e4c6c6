/** Bytes that are written one after the other into a buffer that grows. Integers are little endian. */
export class ByteWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 1 << 16) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  /** Bytes written. */
  get length(): number {
    return this.#length;
  }

  /** What was written, valid until the next call. */
  view(from = 0): Buffer {
    return this.#bytes.subarray(from, this.#length);
  }

  /** Takes back what was written from this length on. */
  truncate(length: number): void {
    this.#length = length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Leaves room for a `uint32` to be set later; gives its place. */
  room32(): number {
    this.#reserve(4);
    this.#length += 4;
    return this.#length - 4;
  }

  set32(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, at);
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#bytes.writeDoubleLE(value, this.#length);
    this.#length += 8;
  }

  /**
   * An integer of 0 to 2^53 - 1, seven bits a byte, the lowest first; the high bit says that more follow.
   *
   * @see https://protobuf.dev/programming-guides/encoding/#varints
   */
  varint(value: number): void {
    this.#reserve(8);
    const bytes = this.#bytes;
    let rest = value;
    while (rest > 0x7fffffff) {
      bytes[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[this.#length++] = rest;
  }

  /** Its length in bytes as a varint, then UTF-8. Short ASCII, which nearly all keys are, is written without leaving JavaScript. */
  text(value: string): void {
    const count = value.length;
    if (count > ASCII_LENGTH_MAX || !this.#ascii(value)) {
      const size = Buffer.byteLength(value);
      this.varint(size);
      this.#reserve(size);
      this.#length += this.#bytes.write(value, this.#length, size, 'utf8');
    }
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** What another writer has written from `from` to `end`. */
  copy(other: ByteWriter, from = 0, end = other.#length): void {
    const count = end - from;
    this.#reserve(count);
    other.#bytes.copy(this.#bytes, this.#length, from, end);
    this.#length += count;
  }

  /** False, with nothing written, when a character is not ASCII. */
  #ascii(value: string): boolean {
    const count = value.length;
    this.#reserve(count + 1);
    const bytes = this.#bytes;
    const at = this.#length;
    bytes[at] = count; // below 128: one byte
    for (let index = 0; index < count; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[at + 1 + index] = code;
    }
    this.#length = at + 1 + count;
    return true;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Below 128, so that the length is one byte; longer texts are quicker in native code. */
const ASCII_LENGTH_MAX = 40;
