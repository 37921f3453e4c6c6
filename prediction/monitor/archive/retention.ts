import { setTimeout as sleep } from 'node:timers/promises';
import { FEED_KNOWS_HEADER, Id, parse, Type } from '#contracts';
import type { ObjectStore } from '#object-store';
import { failpoint, type Config, type HttpClient, type Logger } from '#runtime';
import {
  archivedBefore,
  forgetArchived,
  forgetBefore,
  forgetDeployment,
  monitoredDeployments,
  readClock,
  type Database,
} from '#store';
import { archiveFolder } from './write-batch.ts';

const DAY_MS = 86_400_000;
/** Files that are deleted between two looks at the signal. */
const FILES_AT_A_TIME = 100;

export interface RetentionOptions {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly http: Pick<HttpClient, 'request'>;
  readonly config: Pick<Config['monitor'], 'archiveDays' | 'countDays' | 'deletedMs' | 'retentionMs'>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Forgets until the signal aborts, at the start and then every `retentionMs`. What fails is tried the next time. */
export async function followRetention(options: RetentionOptions): Promise<void> {
  const { config, logger, signal } = options;
  const missing = new Map<string, number>();
  while (!signal.aborted) {
    try {
      await forgetAll(options, missing);
    } catch (err) {
      if (signal.aborted) return;
      logger.warn('retention_trouble', 'what is too old is not forgotten yet', { err });
    }
    await sleep(config.retentionMs, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * Forgets what is too old, and all of deployments that were deleted. Objects go before the rows that name them, so that one who dies on
 * the way leaves rows that are looked at again.
 *
 * @param missing deployments that the app server did not know, with the time of the first look at which it did not
 */
async function forgetAll(options: RetentionOptions, missing: Map<string, number>): Promise<void> {
  const { database, store, config, logger, signal } = options;
  const today = await readClock(database);
  const firstDay = new Date(today - config.archiveDays * DAY_MS).toISOString().slice(0, 10);
  let files = 0;
  for (;;) {
    const paths = await archivedBefore(database, firstDay, FILES_AT_A_TIME);
    if (paths.length === 0 || signal.aborted) break;
    for (const path of paths) {
      await store.delete(path, { signal });
      await failpoint('monitor.retention.afterFile');
      await forgetArchived(database, path);
    }
    files += paths.length;
  }
  const rows = await forgetBefore(database, config.countDays * DAY_MS);
  if (files + rows > 0) logger.info('forgotten', 'events and counts that are too old are deleted', { files, rows });
  await forgetDeleted(options, missing);
}

/** An app server that was restored from a backup, or is another one, may not know for some time what it is to know again. */
async function forgetDeleted(
  { database, store, http, config, logger, signal }: RetentionOptions,
  missing: Map<string, number>,
): Promise<void> {
  // In this order: a deployment that is made meanwhile is not among the known ones.
  const known = await monitoredDeployments(database);
  if (known.length === 0) return;
  const there = await existingDeployments(http, signal);
  const now = performance.now();
  for (const deploymentId of known) {
    if (there.has(deploymentId)) {
      missing.delete(deploymentId);
      continue;
    }
    const since = missing.get(deploymentId) ?? now;
    missing.set(deploymentId, since);
    if (now - since < config.deletedMs) continue;
    await store.deleteTree(archiveFolder(deploymentId), { signal });
    await forgetDeployment(database, deploymentId);
    missing.delete(deploymentId);
    logger.info('forgotten', 'what a deleted deployment had predicted is deleted', { deploymentId });
  }
}

const Deployments = Type.Object({ deployments: Type.Array(Type.Object({ deploymentId: Id })) });

/** @throws SERVER_UNAVAILABLE, TIMEOUT: then nothing is known to be deleted */
async function existingDeployments(
  http: Pick<HttpClient, 'request'>,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const path = '/internal/v1/assignments?after=-1';
  const { json } = await http.request({ method: 'GET', path, headers: { [FEED_KNOWS_HEADER]: '' }, signal });
  const { deployments } = parse(Deployments, json, 'assignment feed', 'SERVER_UNAVAILABLE');
  return new Set(deployments.map(({ deploymentId }) => deploymentId));
}
