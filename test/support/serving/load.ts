import net from 'node:net';

/** What a server did with the requests that were sent to it. */
export interface Answers {
  /** Wall time from the first request to the last answer. */
  readonly seconds: number;
  /** Microseconds that requests answered with 200 took, ascending. */
  readonly micros: Float64Array;
  /** Requests answered with 429. */
  readonly refusedCount: number;
}

/** Requests as bytes, sent one after the other by turns. */
export type Requests = readonly Buffer[];

/** Where the load goes. */
export interface Target {
  readonly port: number;
  readonly requests: Requests;
}

interface Tally {
  readonly micros: number[];
  refusedCount: number;
}

/** A keep-alive connection with at most one request under way. */
interface Connection {
  /** Calls back with the status once the whole answer is there. */
  send(request: Buffer, then: (status: number) => void): void;
  close(): void;
}

const OK = 200;
const REFUSED = 429;
const HEAD_END = '\r\n\r\n';

/**
 * Closed loop: each connection sends its next request when the last one is answered.
 *
 * @throws Error for answers other than 200, and 429
 */
export async function closedLoop(
  { port, requests }: Target,
  { connectionCount, ms }: { readonly connectionCount: number; readonly ms: number },
): Promise<Answers> {
  const tally: Tally = { micros: [], refusedCount: 0 };
  const connections = await openConnections(port, connectionCount);
  const started = performance.now();
  const end = started + ms;
  await Promise.all(connections.map((connection, first) => loopOn(connection, requests, first, end, tally)));
  for (const connection of connections) connection.close();
  return answersOf(tally, started);
}

/** Requests at a fixed rate. */
export interface OpenLoad {
  readonly perSecond: number;
  readonly connectionCount: number;
  readonly ms: number;
  /** Waits for timers instead of polling; false by default. */
  readonly isPatient?: boolean;
}

/**
 * Open loop: requests fall due at a fixed rate whatever the server does, on any connection that is free. A request's time runs from
 * when it fell due, so that a pause of the server counts for all that fell into it. The process polls without a pause, since timers
 * would be late by a millisecond: it wants a core of its own. One that is patient uses timers, and its latencies tell of them.
 *
 * @see Tene, "How NOT to measure latency": coordinated omission
 * @throws Error for answers other than 200, and 429
 */
export async function openLoop(
  { port, requests }: Target,
  { perSecond, connectionCount, ms, isPatient = false }: OpenLoad,
): Promise<Answers> {
  const tally: Tally = { micros: [], refusedCount: 0 };
  const idle = await openConnections(port, connectionCount);
  const connections = [...idle];
  const due: number[] = [];
  const total = Math.floor((perSecond * ms) / 1000);
  const started = performance.now();
  let [dueCount, sentCount, answeredCount] = [0, 0, 0];
  await new Promise<void>((resolve, reject) => {
    const poll = (): void => {
      const now = performance.now();
      for (; dueCount < total && started + (dueCount * 1000) / perSecond <= now; dueCount += 1)
        due.push(started + (dueCount * 1000) / perSecond);
      while (due.length > 0 && idle.length > 0) dispatch();
      if (answeredCount === total) resolve();
      else if (isPatient) setTimeout(poll, 1);
      else setImmediate(poll);
    };
    const dispatch = (): void => {
      // By turns, so that none is silent for so long that the server closes it.
      const connection = idle.shift();
      const since = due.shift();
      if (connection === undefined || since === undefined) return;
      sentCount += 1;
      connection.send(requests[sentCount % requests.length] ?? Buffer.alloc(0), (status) => {
        idle.push(connection);
        answeredCount += 1;
        try {
          count(tally, status, since);
        } catch (err) {
          reject(err instanceof Error ? err : new Error(String(err)));
        }
      });
    };
    poll();
  });
  for (const connection of connections) connection.close();
  return answersOf(tally, started);
}

/** The latency below which a share of the answers was, microseconds. */
export const quantile = ({ micros }: Answers, share: number): number =>
  micros[Math.min(micros.length - 1, Math.floor(micros.length * share))] ?? NaN;

function answersOf({ micros, refusedCount }: Tally, startedMs: number): Answers {
  const seconds = (performance.now() - startedMs) / 1000;
  return { seconds, micros: Float64Array.from(micros).sort(), refusedCount };
}

function loopOn(connection: Connection, requests: Requests, first: number, end: number, tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = first;
    const send = (): void => {
      next += 1;
      const since = performance.now();
      connection.send(requests[next % requests.length] ?? Buffer.alloc(0), (status) => {
        try {
          count(tally, status, since);
        } catch (err) {
          reject(err instanceof Error ? err : new Error(String(err)));
          return;
        }
        if (performance.now() < end) send();
        else resolve();
      });
    };
    send();
  });
}

function count(tally: Tally, status: number, since: number): void {
  if (status === REFUSED) tally.refusedCount += 1;
  else if (status === OK) tally.micros.push((performance.now() - since) * 1000);
  else throw new Error(`the server answered ${status === 0 ? 'nothing' : status}`);
}

const openConnections = (port: number, connectionCount: number): Promise<Connection[]> =>
  Promise.all(Array.from({ length: connectionCount }, () => openConnection(port)));

function openConnection(port: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let text = '';
    let waiting: ((status: number) => void) | null = null;
    const answered = (status: number): void => {
      const then = waiting;
      waiting = null;
      text = '';
      then?.(status);
    };
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.on('close', () => answered(0));
    socket.on('data', (part: string) => {
      text = text === '' ? part : text + part;
      if (isWhole(text)) answered(Number(text.slice(9, 12)));
    });
    socket.on('connect', () =>
      resolve({
        send: (request, then) => {
          if (socket.destroyed || socket.readableEnded) {
            then(0);
            return;
          }
          waiting = then;
          socket.write(request);
        },
        close: () => socket.destroy(),
      }),
    );
  });
}

/** Whether an answer is there to its end, of the two ways in which HTTP/1.1 tells the end: a length, or chunks. */
function isWhole(text: string): boolean {
  const head = text.indexOf(HEAD_END);
  if (head < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  return length === undefined ? text.endsWith('\r\n0\r\n\r\n') : text.length >= head + HEAD_END.length + Number(length);
}
