import type { DeploymentRecord } from '#contracts';
import { failpoint, type Logger } from '#runtime';
import type { LoadedArtifact } from '../artifacts/artifact-cache.ts';
import type { DeploymentTable } from '../deployments.ts';
import { isAway } from './app-server-client.ts';

/** First and longest pause before an artefact that could not be taken is tried again, milliseconds. */
const RETRY_MS = 250;
const RETRY_MS_MAX = 30_000;

/** Fetches the artefacts that the table wants, one at a time, and swaps each in when it is verified. */
export interface ArtifactLoader {
  /** Looks at the table again: new records start, a download that nobody wants any more is given up. */
  wake(): void;
  /** As `wake`; failed records are due at once. */
  retryNow(): void;
  /** Resolves after the signal has aborted. */
  readonly ended: Promise<void>;
}

interface Failure {
  readonly record: DeploymentRecord;
  readonly pauseMs: number;
  readonly dueMs: number;
}

export interface LoaderOptions {
  readonly table: DeploymentTable;
  /** From disk or the app server, verified. */
  readonly obtain: (record: DeploymentRecord, signal: AbortSignal) => Promise<LoadedArtifact>;
  /** A deployment was swapped, or refused. */
  readonly onChange: () => void;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export function loadArtifacts({ table, obtain, onChange, logger, signal }: LoaderOptions): ArtifactLoader {
  /** By deployment. */
  const failures = new Map<string, Failure>();
  let current: { readonly record: DeploymentRecord; readonly controller: AbortController } | null = null;
  const bell = createBell(signal);

  const loadOne = async (record: DeploymentRecord) => {
    const controller = new AbortController();
    current = { record, controller };
    try {
      const artifact = await obtain(record, AbortSignal.any([signal, controller.signal]));
      await failpoint('predictionServer.artifact.beforeSwap');
      failures.delete(record.deploymentId);
      if (!table.serve(record, artifact)) return;
      const { deploymentId, modelId, sequence } = record;
      logger.info('deployment_ready', 'a deployment answers with its assigned model', {
        deploymentId,
        modelId,
        sequence,
      });
    } catch (err) {
      if (signal.aborted || controller.signal.aborted) return;
      const last = failures.get(record.deploymentId);
      const pauseMs = last?.record === record ? Math.min(last.pauseMs * 2, RETRY_MS_MAX) : RETRY_MS;
      failures.set(record.deploymentId, { record, pauseMs, dueMs: performance.now() + pauseMs });
      table.refuse(record, err);
      complain(logger, record, err, last?.record !== record);
    } finally {
      current = null;
    }
    onChange();
  };

  const run = async () => {
    while (!signal.aborted) {
      const wanted = table.wanted();
      for (const id of failures.keys()) if (table.assigned(id) === null) failures.delete(id);
      const dueMs = (record: DeploymentRecord) => {
        const failure = failures.get(record.deploymentId);
        return failure?.record === record ? failure.dueMs : 0;
      };
      const due = wanted.find((record) => dueMs(record) <= performance.now());
      if (due !== undefined) await loadOne(due);
      else await bell.wait(Math.min(...wanted.map(dueMs)) - performance.now());
    }
  };

  const wake = () => {
    if (current !== null && !table.isAssigned(current.record)) current.controller.abort();
    bell.ring();
  };
  return {
    wake,
    retryNow: () => {
      failures.clear();
      wake();
    },
    ended: run(),
  };
}

/** A first failure is told; repetitions only to those who look closely. */
function complain(logger: Logger, { deploymentId, modelId }: DeploymentRecord, err: unknown, isFirst: boolean): void {
  const level = !isFirst ? 'debug' : isAway(err) ? 'warn' : 'error';
  logger[level]('deployment_not_taken', 'a deployment cannot be taken yet; what was served before stays', {
    deploymentId,
    modelId,
    err,
  });
}

/** One sleeper that others can wake; a ring while nobody sleeps ends the next sleep at once. */
function createBell(signal: AbortSignal): { ring(): void; wait(ms: number): Promise<void> } {
  let isRung = false;
  let wakeUp: (() => void) | null = null;
  const ring = () => {
    isRung = true;
    wakeUp?.();
  };
  signal.addEventListener('abort', ring);
  return {
    ring,
    wait: async (ms) => {
      if (!isRung) {
        await new Promise<void>((resolve) => {
          const timer = Number.isFinite(ms) ? setTimeout(resolve, Math.max(0, ms)) : undefined;
          wakeUp = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isRung = false;
      wakeUp = null;
    },
  };
}
