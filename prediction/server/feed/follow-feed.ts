import { setTimeout as sleep } from 'node:timers/promises';
import type { AssignmentFeed } from '#contracts';
import type { Logger } from '#runtime';
import { isAway, type AppServerClient } from './app-server-client.ts';

/** How long a poll for news is held by the app server, seconds. */
const POLL_SECONDS = 20;
/** First and longest pause after the app server did not answer, milliseconds. */
const RETRY_MS = 100;
const RETRY_MS_MAX = 2_000;
/** Least time between two polls that brought nothing new, and between two refreshes, milliseconds. */
const IDLE_MS = 200;
const REFRESH_INTERVAL_MS = 100;

/** Follows the assignment feed until its signal aborts; while the app server is away the last feed stays in force. */
export interface FeedFollower {
  /**
   * Asks for news now and resolves when what the app server knew at the time of the call is in force here. Resolves at
   * once when the app server is away. Calls at the same time share one question.
   */
  readonly refresh: () => Promise<void>;
  /** Resolves after the signal has aborted. */
  readonly ended: Promise<void>;
}

export interface FollowOptions {
  readonly client: Pick<AppServerClient, 'feed'>;
  /** Sequence of the feed in force; -1 for none. */
  readonly sequence: () => number;
  /** Takes a feed. @throws whatever is wrong with it; it is then asked for again later */
  readonly take: (feed: AssignmentFeed) => Promise<void>;
  /** The app server answers again after it was away. */
  readonly onBack: () => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export function followFeed(options: FollowOptions): FeedFollower {
  const { client, sequence, take, onBack, logger, signal } = options;
  let reachable = false;
  let lastTrouble = '';
  let hasAnswered = false;

  /** One question. True when it brought news. After a gap everything is asked for: the app server may have gone back. */
  const poll = async (waitSeconds: number): Promise<boolean> => {
    const after = reachable ? sequence() : -1;
    const feed = await client.feed(after, reachable ? waitSeconds : 0, signal);
    const isNews = feed !== null && isNewer(feed, after);
    if (isNews) await take(feed);
    lastTrouble = '';
    if (!reachable) {
      reachable = true;
      if (hasAnswered) logger.info('app_server_back', 'the app server answers again');
      hasAnswered = true;
      onBack();
    }
    return isNews;
  };

  const isNewer = (feed: AssignmentFeed, after: number): boolean => {
    // Two questions may be under way; the answer of the older one must not undo the newer one's.
    if (after >= 0) return feed.sequence > sequence();
    if (feed.sequence < sequence()) {
      logger.warn(
        'feed_went_back',
        'the app server’s feed is older than the known one; was it restored from a backup?',
        {
          expected: sequence(),
          found: feed.sequence,
        },
      );
    }
    return true;
  };

  const complain = (err: unknown) => {
    if (signal.aborted) return;
    const message = err instanceof Error ? err.message : String(err);
    if (isAway(err)) {
      if (lastTrouble === '')
        logger.warn('app_server_away', 'the app server does not answer; serving goes on', { err });
    } else if (lastTrouble !== message) logger.error('feed_failed', 'the assignment feed cannot be taken', { err });
    lastTrouble = message;
    reachable = false;
  };

  return { ended: pollUntilAborted(poll, complain, signal), refresh: sharedRefresh(() => reachable, poll, complain) };
}

async function pollUntilAborted(
  poll: (waitSeconds: number) => Promise<boolean>,
  complain: (err: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined);
  let retryMs = RETRY_MS;
  while (!signal.aborted) {
    const started = performance.now();
    try {
      const isNews = await poll(POLL_SECONDS);
      retryMs = RETRY_MS;
      // An app server that does not hold polls must not be asked without end.
      if (!isNews) await pause(Math.max(0, IDLE_MS - (performance.now() - started)));
    } catch (err) {
      complain(err);
      await pause(retryMs);
      retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
    }
  }
}

/** Calls while a question is under way wait for the next one: the running one may have been answered too early. */
function sharedRefresh(
  isReachable: () => boolean,
  poll: (waitSeconds: number) => Promise<boolean>,
  complain: (err: unknown) => void,
): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  let queued: Promise<void> | null = null;
  return () => {
    if (!isReachable()) return Promise.resolve();
    queued ??= running.then(() => {
      queued = null;
      const asked = poll(0).then(() => undefined, complain);
      running = Promise.all([asked, sleep(REFRESH_INTERVAL_MS)]);
      return asked;
    });
    return queued;
  };
}
