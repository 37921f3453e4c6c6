import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError, PROBLEM_MEDIA_TYPE, toProblem } from '#contracts';
import {
  followCertificate,
  isLoopback,
  readCertificate,
  rememberConnections,
  tellOfCertificate,
  urlOf,
  type CertificateOwner,
  type Config,
  type Logger,
} from '#runtime';

/** Longest time that a request's headers, and a handshake, may take. */
const HEADERS_TIMEOUT_MS = 60_000;
/** Longer than the keep-alive of our clients, so that they never meet a connection that is just being closed. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const OWNER: CertificateOwner = { section: 'server', name: 'app server' };
const HEADER_BYTES_MAX = 32 * 1024;
// Bodies have limits of their own: a large upload takes longer than any fixed time.
const LIMITS = {
  requestTimeout: 0,
  headersTimeout: HEADERS_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  maxHeaderSize: HEADER_BYTES_MAX,
};

/** Where the app server is reached. */
export interface Listener {
  /** `http://host:port`, or `https` */
  readonly url: string;
  /** Takes no more connections, lets running requests finish within `server.closeTimeoutMs`. */
  close(): Promise<void>;
}

/** Whether clients reach the app server by TLS alone, its own or a proxy's. */
export const isSecure = ({ certificateFile, publicUrl }: Config['server']): boolean =>
  certificateFile !== '' || publicUrl.startsWith('https:');

/** @throws CONFIG_INVALID for an address where plain HTTP is not served, and a public one of the other kind */
export function checkAddress({ host, certificateFile, plainHttp, publicUrl }: Config['server']): void {
  if (certificateFile !== '') {
    if (publicUrl === '' || publicUrl.startsWith('https:')) return;
    throw new AppError(
      'CONFIG_INVALID',
      `server.publicUrl: expected https://, since server.certificateFile is set; found ${publicUrl}`,
    );
  }
  if (isLoopback(host) || plainHttp === 'anywhere') return;
  throw new AppError(
    'CONFIG_INVALID',
    `server.host: ${host} is not a loopback address, and plain HTTP is served on loopback only; set server.certificateFile and server.keyFile, put a TLS proxy in front, or set server.plainHttp to anywhere`,
  );
}

/** Serves HTTPS where a certificate is configured, else HTTP. @throws CONFIG_INVALID for a certificate or address that cannot be used */
export async function listen(config: Config['server'], logger: Logger, answer: RequestListener): Promise<Listener> {
  const certificate = readCertificate(config, OWNER);
  let stopFollowing = () => {};
  let server: Server | HttpsServer;
  if (certificate === null) {
    server = createServer(LIMITS, answer);
    refuseUnreadable(server, () => null);
  } else {
    const secured = createHttpsServer({ ...LIMITS, ...certificate, handshakeTimeout: HEADERS_TIMEOUT_MS }, answer);
    refuseUnreadable(secured, rememberConnections(secured));
    tellOfCertificate(certificate, config, OWNER, logger);
    stopFollowing = followCertificate(secured, config, OWNER, logger);
    server = secured;
  }
  const close = async () => {
    stopFollowing();
    await closeHttp(server, config.closeTimeoutMs);
  };
  try {
    return { url: urlOf(config, await bind(server, config)), close };
  } catch (err) {
    stopFollowing();
    throw err;
  }
}

function refuseUnreadable(server: Server | HttpsServer, rawSocket: (port: number | undefined) => Socket | null): void {
  server.on('clientError', (err: NodeJS.ErrnoException, socket) => {
    const port = socket instanceof Socket ? socket.remotePort : undefined;
    const raw = err.code === 'ERR_SSL_HTTP_REQUEST' ? rawSocket(port) : null;
    if (raw !== null) {
      refuse(raw, 'this port speaks HTTPS; say https:// instead of http://');
      return;
    }
    if (!socket.writable || err.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    refuse(socket, 'the request cannot be read as HTTP');
  });
}

function refuse(socket: Duplex, message: string): void {
  const problem = JSON.stringify(toProblem(new AppError('BAD_REQUEST', message), null));
  const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\nConnection: close\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(problem)}\r\n\r\n${problem}`);
}

async function bind(server: Server | HttpsServer, { host, port }: Config['server']): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err: NodeJS.ErrnoException) => {
      const known = err.code === 'EADDRINUSE' || err.code === 'EACCES' || err.code === 'EADDRNOTAVAIL';
      const message = `server.port: cannot listen on ${host}:${port} (${err.code ?? 'unknown'})`;
      reject(known ? new AppError('CONFIG_INVALID', message, { cause: err }) : err);
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new AppError('INTERNAL', 'a TCP server has a port');
  return address.port;
}

async function closeHttp(server: Server | HttpsServer, timeoutMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // A connection that was busy a moment ago becomes idle after its answer, and would be kept alive.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(timer);
  }
}
