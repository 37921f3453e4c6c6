import type { TLSSocket } from 'node:tls';
import { encodeHeader, type FrameHeader, type FrameKind } from './frame.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';

/** What follows from what comes over a link. */
export interface LinkHandler extends FrameSink {
  /** Nothing more is read from the link; called once. `err` is null when the other side closed it; what it sent may be at fault too. */
  lost(err: Error | null): void;
}

/** A connection to another rank, or to one that has yet to say which. */
export class Link {
  readonly socket: TLSSocket;
  /** Resolves when the connection has ended on both sides. */
  readonly closed: Promise<void>;
  /** Who deals with it now. */
  handler: LinkHandler;
  /** Beats since anything came. */
  quietBeats = 0;
  /** Its rank has said that it leaves. */
  hasLeft = false;
  readonly #self: { readonly rank: number; readonly epoch: number };
  #isLost = false;

  constructor(socket: TLSSocket, self: { readonly rank: number; readonly epoch: number }, handler: LinkHandler) {
    this.socket = socket;
    this.handler = handler;
    this.#self = self;
    const reader = new FrameReader({
      place: (header) => this.handler.place(header),
      take: (header, payload) => this.handler.take(header, payload),
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.quietBeats = 0;
      if (this.#isLost) return;
      try {
        reader.read(chunk);
      } catch (err) {
        this.#lose(err instanceof Error ? err : new Error(String(err)));
      }
    });
    socket.on('error', (err: Error) => this.#lose(err));
    socket.on('close', () => this.#lose(null));
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** @param payload is read when the socket comes to it: it must stay as it is until then */
  send(kind: FrameKind, operation = 0, payload: Uint8Array = EMPTY): void {
    // Its end is told by `lost`.
    if (!this.socket.writable) return;
    const header: FrameHeader = { ...this.#self, sender: this.#self.rank, operation, kind, length: payload.length };
    this.socket.cork();
    this.socket.write(encodeHeader(header));
    if (payload.length > 0) this.socket.write(payload);
    this.socket.uncork();
  }

  /** Sends a last frame and no more. What comes is read on, so that the other side's system does not throw the frame away. */
  end(kind: FrameKind, text = ''): void {
    this.send(kind, 0, Buffer.from(text));
    this.socket.end();
  }

  /** Nothing more comes from it, and its end is not told. */
  close(): void {
    this.#isLost = true;
    this.socket.destroy();
  }

  #lose(err: Error | null): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.handler.lost(err);
  }
}

const EMPTY = new Uint8Array(0);

/** A failed connection in a word: the system's or OpenSSL's code where there is one. */
export function faultOf(err: Error | null): string {
  if (err === null) return 'it was closed';
  return 'code' in err && typeof err.code === 'string' && !('kind' in err) ? err.code : err.message;
}
