import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { DeploymentRecord } from '#contracts';
import type { Logger } from '#runtime';
import { openArtifactCache, type ArtifactCache } from './artifacts/artifact-cache.ts';
import { createChallengerModels, type ChallengerModels } from './challengers/challenger-models.ts';
import { createDeploymentTable, type DeploymentTable } from './deployments.ts';
import { openFeedStore, type FeedStore } from './feed/feed-store.ts';

/** Where verified artefacts lie in the cache folder. */
export const artifactsDir = (cacheDir: string): string => path.join(cacheDir, 'artifacts');

/** What a server keeps on its disk, and what of it is in force. */
export interface State {
  readonly store: FeedStore;
  readonly cache: ArtifactCache;
  readonly table: DeploymentTable;
  readonly challengers: ChallengerModels;
  readonly logger: Logger;
}

/** What the last feed assigned and this disk holds; the app server is not asked. */
export function openState(cacheDir: string, logger: Logger): State {
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const store = openFeedStore(cacheDir, (file, err) => {
    logger.error('feed_damaged', `${file} cannot be read; deployments are known again when the app server answers`, {
      err,
    });
  });
  const cache = openArtifactCache(artifactsDir(cacheDir), (manifestSha256, err) => {
    logger.error('artifact_damaged', 'a cached artefact does not verify and was removed', { manifestSha256, err });
  });
  const table = createDeploymentTable(logger);
  const key = store.pinnedKey();
  const kept = store.read();
  if (key !== null && kept !== null) table.restore(kept, key, (record) => cache.load(record, key));
  const challengers = createChallengerModels();
  if (key !== null) challengers.follow(recordsOf(table), (wanted) => cache.load(wanted, key));
  return { store, cache, table, challengers, logger };
}

/** What is assigned, whether it is served yet or not. */
export const recordsOf = (table: DeploymentTable): readonly DeploymentRecord[] =>
  table.list().map(({ record }) => record);

/** Writes down what is in force, then removes artefacts that nothing needs. A full disk must not stop what is served. */
export function keepState({ store, cache, table, challengers, logger }: State): void {
  const kept = table.kept();
  try {
    store.write(kept);
    const used = kept.deployments.flatMap(({ assigned, served }) => [
      assigned.manifestSha256,
      ...(served === null ? [] : [served.manifestSha256]),
    ]);
    cache.retain(new Set([...used, ...challengers.hashes()]));
  } catch (err) {
    logger.error('feed_not_kept', 'what is served could not be written down; a restart would serve what was before', {
      err,
    });
  }
}
