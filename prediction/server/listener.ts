import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { Server as NetServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type ServiceCounters } from '#contracts';
import {
  followCertificate,
  isLoopback,
  readCertificate,
  tellOfCertificate,
  urlOf,
  type CertificateOwner,
  type Config,
  type Logger,
} from '#runtime';
import { appServerPlace } from './feed/app-server-client.ts';
import type { PredictionHttpOptions } from './http/context.ts';
import type { Connections } from './http/connections/connections.ts';
import type { MetricFamily } from './http/metrics/exposition.ts';
import { createPredictionHttp } from './http/server.ts';
import { serverIdOf } from './server-id.ts';
import { startTelemetry } from './telemetry/start-telemetry.ts';

const OWNER: CertificateOwner = { section: 'predictionServer', name: 'prediction server' };

/** How long connections that are idle are left open while the server closes, and how often they are looked for then, milliseconds. */
const SWEEP_MS = 500;
/** How often telemetry is told how deployments were served, milliseconds. */
const TELL_MS = 5_000;

/** Where a prediction server is reached. */
export interface PredictionListener {
  /** `http://host:port`, or `https` */
  readonly url: string;
  /** Metrics of this process. */
  readonly families: () => MetricFamily[];
  /**
   * Says for `drainMs` that it is not ready, then takes no more connections, lets running requests finish within
   * `server.closeTimeoutMs`, and ends them.
   */
  close(): Promise<void>;
}

/** What the configuration does not say of the HTTP side. */
export type ListenerOptions = Pick<
  PredictionHttpOptions,
  'table' | 'challengers' | 'refresh' | 'logger' | 'allMetrics'
>;

/** @throws CONFIG_INVALID for plain HTTP on an address other than loopback, and a public address of the other kind */
export function checkAddress({ host, certificateFile, publicUrl }: Config['predictionServer']): void {
  if (certificateFile !== '') {
    if (publicUrl === '' || publicUrl.startsWith('https:')) return;
    throw new AppError(
      'CONFIG_INVALID',
      `predictionServer.publicUrl: expected https://, since predictionServer.certificateFile is set; found ${publicUrl}`,
    );
  }
  if (isLoopback(host)) return;
  throw new AppError(
    'CONFIG_INVALID',
    `predictionServer.host: ${host} is not a loopback address, and plain HTTP is served on loopback only; set predictionServer.certificateFile and predictionServer.keyFile, or put a TLS proxy in front`,
  );
}

/** Serves HTTPS where a certificate is configured, else HTTP. @throws CONFIG_INVALID for a certificate or address that cannot be used */
export async function listen(config: Config, options: ListenerOptions): Promise<PredictionListener> {
  const own = config.predictionServer;
  const { rowsMax, columnsMax, depthMax, bodyBytesMax, requestsMax, waitMsMax, drainMs } = own;
  const { requestTimeoutMs, closeTimeoutMs } = config.server;
  const certificate = readCertificate(own, OWNER);
  let isDraining = false;
  const running = await startTelemetry(config.telemetry, {
    serverId: serverIdOf(own.cacheDir),
    place: appServerPlace(config),
    keptKeysFile: path.join(own.cacheDir, 'telemetry.keys'),
    logger: options.logger,
  });
  const { server, connections, families, counters } = createPredictionHttp(
    {
      ...options,
      limits: { rowsMax, columnsMax, depthMax },
      bodyBytesMax,
      requestTimeoutMs,
      requestsMax,
      waitMsMax,
      isDraining: () => isDraining,
      telemetry: running.telemetry,
    },
    certificate,
  );
  const bound = await bind(server, own).catch(async (err: unknown) => {
    await running.close();
    throw err;
  });
  const tell = () => running.telemetry?.tellService(counters().filter(isTold(options.table)));
  const telling = setInterval(tell, TELL_MS);
  telling.unref();
  const stopFollowing = certificate === null ? () => undefined : secured(server, certificate, config, options.logger);
  return {
    url: urlOf(own, bound),
    families,
    close: async () => {
      isDraining = true;
      stopFollowing();
      if (drainMs > 0) await sleep(drainMs);
      await closeServer(server, connections, closeTimeoutMs);
      clearInterval(telling);
      tell();
      await running.close();
    },
  };
}

/** Nothing is told of a deployment whose telemetry is off. */
const isTold =
  (table: ListenerOptions['table']) =>
  ({ deploymentId }: ServiceCounters): boolean =>
    table.served(deploymentId)?.record.settings.telemetry?.enabled !== false;

/** Says what is served, and takes up what replaces it. */
function secured(
  server: Server | HttpsServer,
  certificate: NonNullable<ReturnType<typeof readCertificate>>,
  { predictionServer }: Config,
  logger: Logger,
): () => void {
  tellOfCertificate(certificate, predictionServer, OWNER, logger);
  if (!('setSecureContext' in server)) return () => undefined;
  return followCertificate(server, predictionServer, OWNER, logger);
}

/** The port that was bound. @throws CONFIG_INVALID where it cannot be */
async function bind(server: Server, { host, port }: Config['predictionServer']): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `predictionServer.port: cannot listen on ${host}:${port}`, { cause: err });
  }
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/**
 * Takes no more connections. Those that are open have a moment in which a request that is on its way is answered, with `Connection: close`;
 * then idle ones are closed, and after the time the rest.
 */
async function closeServer(server: Server, connections: Connections, timeoutMs: number): Promise<void> {
  const closed = once(server, 'close');
  // That of `http` would close at once what is idle, also a connection whose first request is still on its way.
  NetServer.prototype.close.call(server);
  const sweep = setInterval(() => {
    server.closeIdleConnections();
    connections.closeIdle();
  }, SWEEP_MS);
  const grace = setTimeout(() => {
    server.closeAllConnections();
    connections.closeAll();
  }, timeoutMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(grace);
  // Ends what of `http` looks for late requests.
  server.close();
}
