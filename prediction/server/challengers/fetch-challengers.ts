import type { Logger } from '#runtime';
import type { LoadedArtifact, WantedArtifact } from '../artifacts/artifact-cache.ts';
import type { ChallengerModels } from './challenger-models.ts';

/** Pause before what could not be had is asked for again, milliseconds. */
const RETRY_MS = 10_000;

export interface FetchOptions {
  readonly models: ChallengerModels;
  /** From disk or the app server, verified. */
  readonly obtain: (wanted: WantedArtifact, signal: AbortSignal) => Promise<LoadedArtifact>;
  /** One more is here. */
  readonly onChange: () => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Fetches models of challengers, one at a time; deployments are never held up by them. */
export interface ChallengerFetcher {
  /** Looks again at what is wanted. */
  wake(): void;
  /** Resolves after the signal has aborted. */
  readonly ended: Promise<void>;
}

export function fetchChallengers({ models, obtain, onChange, logger, signal }: FetchOptions): ChallengerFetcher {
  const ended = Promise.withResolvers<undefined>();
  let running: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;

  const run = async (): Promise<void> => {
    const failed = new Set<string>();
    for (;;) {
      const next = models.wanted().find(({ manifestSha256 }) => !failed.has(manifestSha256));
      if (next === undefined || signal.aborted) break;
      const { modelId, manifestSha256 } = next;
      try {
        models.add(next, await obtain(next, signal));
        logger.info('challenger_ready', 'a challenger predicts beside its deployment', { modelId });
        onChange();
      } catch (err) {
        failed.add(manifestSha256);
        if (!signal.aborted) logger.warn('challenger_not_taken', 'a challenger cannot be had yet', { modelId, err });
      }
    }
    if (failed.size > 0 && !signal.aborted) timer = setTimeout(wake, RETRY_MS);
  };
  const wake = (): void => {
    clearTimeout(timer);
    running ??= run().finally(() => {
      running = null;
      if (signal.aborted) ended.resolve(undefined);
    });
  };
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    if (running === null) ended.resolve(undefined);
  });
  return { wake, ended: ended.promise };
}
