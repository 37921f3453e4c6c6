import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { AppError, type AssignmentFeed, type DeploymentRecord } from '#contracts';
import { failpoint, KEY_FILES, newId, readOrMakeSecret, type Config, type Logger } from '#runtime';
import { openArtifactCache, type ArtifactCache } from './artifacts/artifact-cache.ts';
import { createDeploymentTable, type DeploymentTable } from './deployments.ts';
import { createAppServerClient, type AppServerClient } from './feed/app-server-client.ts';
import { openFeedStore, type FeedStore } from './feed/feed-store.ts';
import { followFeed } from './feed/follow-feed.ts';
import { loadArtifacts, type ArtifactLoader } from './feed/load-artifacts.ts';
import { checkAddress, listen } from './listener.ts';
import { createReporter } from './report-status.ts';

export interface RunningPredictionServer {
  /** Where it listens. */
  readonly url: string;
  /** Stops taking connections, lets running requests finish within `server.closeTimeoutMs`, then closes the rest. */
  close(): Promise<void>;
}

/** What a server keeps on its disk, and what of it is in force. */
interface State {
  readonly store: FeedStore;
  readonly cache: ArtifactCache;
  readonly table: DeploymentTable;
  readonly logger: Logger;
}

/**
 * Starts a prediction server: what its disk holds is verified and served at once, without the app server; then the
 * assignment feed is followed.
 *
 * @throws CONFIG_INVALID for an address or a certificate that cannot be used; ARTIFACT_SIGNATURE for a damaged pinned key
 */
export async function startPredictionServer(config: Config, logger: Logger): Promise<RunningPredictionServer> {
  const own = config.predictionServer;
  checkAddress(own);
  const state = openState(own.cacheDir, logger);
  const { table } = state;
  let refresh = () => Promise.resolve();
  const listener = await listen(config, {
    table,
    refresh: () => refresh(),
    logger,
    allMetrics: (families) => families,
  });
  const { url } = listener;
  const publicUrl = own.publicUrl === '' ? url : own.publicUrl;
  logger.info('listening', `predictions at ${publicUrl}/predict/{deployment}`, { deployments: table.list().length });

  const client = createAppServerClient({
    baseUrl: own.appServerUrl,
    caFile: config.server.caFile,
    tokenFile: path.join(config.keys.dir, KEY_FILES.predictionServerToken),
  });
  const controller = new AbortController();
  const { signal } = controller;
  const report = createReporter({ client, table, url: publicUrl, serverId: serverIdOf(own.cacheDir), logger, signal });
  const news = followNews(state, client, report, signal);
  refresh = news.refresh;
  const timer = setInterval(report, own.statusMs);
  report();
  return {
    url,
    close: async () => {
      clearInterval(timer);
      controller.abort();
      await Promise.all([news.ended, listener.close()]);
      client.close();
    },
  };
}

/** What the last feed assigned and this disk holds; the app server is not asked. */
function openState(cacheDir: string, logger: Logger): State {
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const store = openFeedStore(cacheDir, (file, err) => {
    logger.error('feed_damaged', `${file} cannot be read; deployments are known again when the app server answers`, {
      err,
    });
  });
  const cache = openArtifactCache(path.join(cacheDir, 'artifacts'), (manifestSha256, err) => {
    logger.error('artifact_damaged', 'a cached artefact does not verify and was removed', { manifestSha256, err });
  });
  const table = createDeploymentTable(logger);
  const key = store.pinnedKey();
  const kept = store.read();
  if (key !== null && kept !== null) table.restore(kept, key, (record) => cache.load(record, key));
  return { store, cache, table, logger };
}

/** Follows the feed and fetches what it assigns, until the signal aborts. */
function followNews(
  state: State,
  client: AppServerClient,
  report: () => void,
  signal: AbortSignal,
): { readonly refresh: () => Promise<void>; readonly ended: Promise<unknown> } {
  const { store, cache, table, logger } = state;
  const loader: ArtifactLoader = loadArtifacts({
    table,
    obtain: async (record: DeploymentRecord, stop) => {
      const key = store.pinnedKey();
      if (key === null) throw new AppError('INTERNAL', 'a record was accepted without a pinned key');
      return cache.load(record, key) ?? cache.store(record, key, await client.artifact(record, stop));
    },
    onChange: () => {
      keep(state);
      report();
    },
    logger,
    signal,
  });
  const follower = followFeed({
    client,
    sequence: table.sequence,
    take: async (feed: AssignmentFeed) => {
      table.accept(feed, store.pin(feed.publicKey));
      await failpoint('predictionServer.feed.beforeKeep');
      keep(state);
      loader.wake();
      report();
    },
    onBack: () => {
      loader.retryNow();
      report();
    },
    logger,
    signal,
  });
  return { refresh: follower.refresh, ended: Promise.all([follower.ended, loader.ended]) };
}

/** Writes down what is in force, then removes artefacts that nothing needs. A full disk must not stop what is served. */
function keep({ store, cache, table, logger }: State): void {
  const kept = table.kept();
  try {
    store.write(kept);
    const used = kept.deployments.flatMap(({ assigned, served }) => [
      assigned.manifestSha256,
      ...(served === null ? [] : [served.manifestSha256]),
    ]);
    cache.retain(new Set(used));
  } catch (err) {
    logger.error('feed_not_kept', 'what is served could not be written down; a restart would serve what was before', {
      err,
    });
  }
}

/** This server's own name for the app server, kept over restarts. */
function serverIdOf(cacheDir: string): string {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .slice(0, 20);
  return readOrMakeSecret(path.join(cacheDir, 'server-id'), () => newId(`ps_${host}`));
}
