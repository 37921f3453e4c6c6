import type { Config, Logger } from '#runtime';
import { appServerPlace, createAppServerClient } from './feed/app-server-client.ts';
import { followNews } from './feed/follow-news.ts';
import { openOwnFront, type OpenFront } from './front.ts';
import { checkAddress } from './listener.ts';
import { openPackage } from './package/package-client.ts';
import { createReporter } from './report-status.ts';
import { serverIdOf } from './server-id.ts';
import { openState } from './state.ts';

export interface RunningPredictionServer {
  /** Where it listens. */
  readonly url: string;
  /** Stops taking connections, lets running requests finish within `server.closeTimeoutMs`, then closes the rest. */
  close(): Promise<void>;
}

/**
 * Starts a prediction server: what its disk holds is verified and served at once, without the app server; then the
 * assignment feed is followed.
 *
 * @param openFront what answers requests: this process, unless said otherwise
 * @throws CONFIG_INVALID for an address or a certificate that cannot be used; ARTIFACT_SIGNATURE for a damaged pinned key;
 *   PACKAGE_INVALID, PACKAGE_OUTDATED for a package that is not served
 */
export async function startPredictionServer(
  config: Config,
  logger: Logger,
  openFront: OpenFront = openOwnFront,
): Promise<RunningPredictionServer> {
  const own = config.predictionServer;
  checkAddress(own);
  const state = openState(own.cacheDir, logger);
  const { table } = state;
  // Before anything is served: what is started from a package that cannot be trusted does not start.
  const unpacked = own.packageDir === '' ? null : await openPackage(own.packageDir, state.store, logger);
  let refresh = () => Promise.resolve();
  let report = () => undefined;
  const front = await openFront(config, { state, refresh: () => refresh(), report: () => report(), logger });
  const { url } = front;
  const publicUrl = own.publicUrl === '' ? url : own.publicUrl;
  logger.info('listening', `predictions at ${publicUrl}/predict/{deployment}`, { deployments: table.list().length });

  const client = unpacked ?? createAppServerClient(appServerPlace(config));
  const controller = new AbortController();
  const { signal } = controller;
  const seen = { list: () => front.list(), sequence: table.sequence };
  const serverId = serverIdOf(own.cacheDir);
  const reporter = createReporter({ client, table: seen, url: publicUrl, serverId, logger, signal });
  report = () => {
    reporter();
    return undefined;
  };
  const news = followNews(state, client, () => front.announce(), reporter, signal);
  refresh = news.refresh;
  const timer = setInterval(reporter, own.statusMs);
  reporter();
  return {
    url,
    close: async () => {
      clearInterval(timer);
      controller.abort();
      await Promise.all([news.ended, front.close()]);
      client.close();
    },
  };
}
