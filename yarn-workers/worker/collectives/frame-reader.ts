import { decodeHeader, HEADER_BYTES, isBlock, type FrameHeader } from './frame.ts';

/** Where frames go. What it throws, the reader throws. */
export interface FrameSink {
  /** Memory for a block, of exactly `header.length` bytes; called before any of them is there. */
  place(header: FrameHeader): Uint8Array;
  /** A whole frame; a block's payload is the memory that was given. */
  take(header: FrameHeader, payload: Uint8Array): void;
}

/** Cuts a stream of bytes into frames. Blocks are written where they belong; anything else is short. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #head = Buffer.alloc(HEADER_BYTES);
  #header: FrameHeader | null = null;
  #target: Uint8Array = this.#head;
  #filled = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /**
   * The stream's next bytes.
   *
   * @throws GROUP_BROKEN for what is no frame; the stream cannot be read on then
   */
  read(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(chunk.length - at, this.#target.length - this.#filled);
      this.#target.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      if (this.#filled === this.#target.length) this.#next();
    }
  }

  /** What is expected after a whole header or a whole payload. */
  #next(): void {
    const header = this.#header ?? decodeHeader(this.#head);
    if (this.#header === null && header.length > 0) {
      this.#expect(header, isBlock(header) ? this.#sink.place(header) : new Uint8Array(header.length));
      return;
    }
    const payload = header.length === 0 ? EMPTY : this.#target;
    this.#expect(null, this.#head);
    this.#sink.take(header, payload);
  }

  #expect(header: FrameHeader | null, target: Uint8Array): void {
    this.#header = header;
    this.#target = target;
    this.#filled = 0;
  }
}

const EMPTY = new Uint8Array(0);
