import { AppError, type AssignmentFeed } from '#contracts';
import { failpoint } from '#runtime';
import type { WantedArtifact } from '../artifacts/artifact-cache.ts';
import { fetchChallengers } from '../challengers/fetch-challengers.ts';
import { keepState, recordsOf, type State } from '../state.ts';
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
  const { store, cache, table, challengers, logger } = state;
  const obtain = async (wanted: WantedArtifact, stop: AbortSignal) => {
    const key = store.pinnedKey();
    if (key === null) throw new AppError('INTERNAL', 'a record was accepted without a pinned key');
    return cache.load(wanted, key) ?? cache.store(wanted, key, await client.artifact(wanted, stop));
  };
  const fetcher = fetchChallengers({ models: challengers, obtain, onChange: onNews, logger, signal });
  const loader: ArtifactLoader = loadArtifacts({
    table,
    obtain,
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
      challengers.follow(recordsOf(table), () => null);
      await failpoint('predictionServer.feed.beforeKeep');
      keepState(state);
      onNews();
      loader.wake();
      fetcher.wake();
      report();
    },
    onBack: () => {
      loader.retryNow();
      fetcher.wake();
      report();
    },
    logger,
    signal,
  });
  return { refresh: follower.refresh, ended: Promise.all([follower.ended, loader.ended, fetcher.ended]) };
}
