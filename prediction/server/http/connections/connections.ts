import type { Socket } from 'node:net';
import type { Exchange } from '../exchange.ts';
import { PlainExchange, type AnswerPlace } from './plain-exchange.ts';
import { wholeRequest } from './whole-request.ts';

export interface ConnectionOptions {
  /** Gives a connection to `node:http`, which reads what was put back first. */
  readonly handOver: (socket: Socket) => void;
  readonly serve: (exchange: Exchange) => void;
  /** Nothing has come in time; the connection is to be told, and closed. */
  readonly onSilent: (socket: Socket) => void;
  /** Longest silence of a new connection, and of one that was used, milliseconds. */
  readonly firstTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Connections whose every request was plain so far. */
export interface Connections {
  /** Takes a connection from the listening socket. */
  take(socket: Socket): void;
  /** Closes those that have no request under way. */
  closeIdle(): void;
  closeAll(): void;
}

/**
 * Answers plain requests without `node:http`, whose objects cost as much as a prediction; a connection on which anything else arrives is its own from
 * then on. See `wholeRequest` for what is plain.
 */
export function createConnections(options: ConnectionOptions): Connections {
  const open = new Set<PlainConnection>();
  return {
    take: (socket) => {
      const connection = new PlainConnection(socket, options, () => open.delete(connection));
      open.add(connection);
    },
    closeIdle: () => {
      for (const connection of [...open]) if (connection.isIdle) connection.destroy();
    },
    closeAll: () => {
      for (const connection of [...open]) connection.destroy();
    },
  };
}

class PlainConnection implements AnswerPlace {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #leave: () => void;
  /** A request is being answered. */
  #isBusy = false;
  #isUsed = false;
  /** What came meanwhile. */
  #waiting: Buffer | null = null;
  /** The client sends nothing more. */
  #hasEnded = false;

  constructor(socket: Socket, options: ConnectionOptions, leave: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#leave = leave;
    socket.on('data', this.#take);
    socket.on('end', this.#end);
    socket.on('error', this.#fail);
    socket.on('close', leave);
    socket.on('timeout', this.#tire);
    socket.setTimeout(options.firstTimeoutMs);
  }

  get isIdle(): boolean {
    return !this.#isBusy;
  }

  isGone(): boolean {
    return this.#socket.destroyed;
  }

  answer(text: string, isAscii: boolean, isLast: boolean): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.write(text, isAscii ? 'latin1' : 'utf8');
    this.#isBusy = false;
    if (isLast || (this.#hasEnded && this.#waiting === null)) {
      socket.end();
      return;
    }
    const waiting = this.#waiting;
    if (waiting === null) return;
    this.#waiting = null;
    socket.resume();
    this.#take(waiting);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #take = (piece: Buffer): void => {
    // A client that does not wait for its answer: its requests are answered one after the other.
    if (this.#isBusy) {
      this.#waiting = this.#waiting === null ? piece : Buffer.concat([this.#waiting, piece]);
      this.#socket.pause();
      return;
    }
    const request = wholeRequest(piece);
    if (request === null) {
      this.#handOver(piece);
      return;
    }
    if (!this.#isUsed) this.#socket.setTimeout(this.#options.idleTimeoutMs);
    this.#isUsed = true;
    this.#isBusy = true;
    this.#options.serve(new PlainExchange(request, this));
  };

  readonly #end = (): void => {
    this.#hasEnded = true;
    if (!this.#isBusy) this.#socket.end();
  };

  readonly #fail = (): void => {
    this.#socket.destroy();
  };

  readonly #tire = (): void => {
    if (this.#isBusy) return;
    if (this.#isUsed) this.#socket.destroy();
    else this.#options.onSilent(this.#socket);
  };

  #handOver(piece: Buffer): void {
    const socket = this.#socket;
    socket.setTimeout(0);
    socket.off('data', this.#take);
    socket.off('end', this.#end);
    socket.off('error', this.#fail);
    socket.off('close', this.#leave);
    socket.off('timeout', this.#tire);
    this.#leave();
    socket.unshift(piece);
    this.#options.handOver(socket);
    // The client's end was seen here, and is not told again.
    if (this.#hasEnded) socket.emit('end');
  }
}
