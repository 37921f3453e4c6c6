import { AppError, type AssignmentFeed, type DeploymentRecord } from '#contracts';
import { failpoint } from '#runtime';
import { keepState, type State } from '../state.ts';
import type { AppServerClient } from './app-server-client.ts';
import { followFeed } from './follow-feed.ts';
import { loadArtifacts, type ArtifactLoader } from './load-artifacts.ts';

/**
 * Follows the feed and fetches what it assigns, until the signal aborts.
 *
 * @param onNews what is in force has changed, and is written down
 * @param report what the app server should hear has changed
 */
export function followNews(
  state: State,
  client: AppServerClient,
  onNews: () => void,
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
      keepState(state);
      onNews();
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
      keepState(state);
      onNews();
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
