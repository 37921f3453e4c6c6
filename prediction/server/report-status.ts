import { PROGRAM_VERSION, type Logger } from '#runtime';
import type { DeploymentTable } from './deployments.ts';
import { isAway, type AppServerClient } from './feed/app-server-client.ts';

export interface ReportOptions {
  readonly client: Pick<AppServerClient, 'report'>;
  readonly table: Pick<DeploymentTable, 'list' | 'sequence'>;
  /** Where clients reach this server. */
  readonly url: string;
  readonly serverId: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Tells the app server what is served here, on each call; one report at a time, and a call during one makes another
 * follow. An absent app server is no event; any other trouble is told once.
 */
export function createReporter({ client, table, url, serverId, logger, signal }: ReportOptions): () => void {
  let isRunning = false;
  let isWanted = false;
  let lastTrouble = '';

  const reportOnce = async () => {
    const deployments = table.list().map(({ record: { deploymentId, modelId, sequence }, ready, error }) => ({
      deploymentId,
      modelId,
      sequence,
      ready,
      error,
    }));
    const feedSequence = Math.max(0, table.sequence());
    try {
      await client.report(serverId, { url, programVersion: PROGRAM_VERSION, feedSequence, deployments }, signal);
      lastTrouble = '';
    } catch (err) {
      if (signal.aborted || isAway(err)) return;
      const message = err instanceof Error ? err.message : String(err);
      if (message !== lastTrouble) logger.error('report_failed', 'the status report was refused', { err });
      lastTrouble = message;
    }
  };

  const run = async () => {
    isRunning = true;
    while (isWanted && !signal.aborted) {
      isWanted = false;
      await reportOnce();
    }
    isRunning = false;
  };

  return () => {
    isWanted = true;
    if (!isRunning) void run();
  };
}
