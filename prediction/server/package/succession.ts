import type { KeyObject } from 'node:crypto';
import { AppError, type PackageContents } from '#contracts';
import type { FeedStore } from '../feed/feed-store.ts';
import type { ReadPackage } from './read-package.ts';

/** What was served before; a package must follow it. Null: nothing is known of that. */
export interface Predecessor {
  readonly key: KeyObject | null;
  readonly deploymentId: string | null;
  readonly feedSequence: number;
}

/** What a data folder has served. */
export function predecessorOf(store: Pick<FeedStore, 'read' | 'pinnedKey'>): Predecessor {
  const kept = store.read();
  return {
    key: store.pinnedKey(),
    deploymentId: kept?.deployments[0]?.assigned.deploymentId ?? null,
    feedSequence: kept?.sequence ?? 0,
  };
}

/**
 * A package takes the place of what was served when it is of the same app server and deployment and not older: an old model cannot be
 * put back by an old file, nor a revoked key.
 *
 * @throws PACKAGE_OUTDATED
 */
export function checkSuccession(
  {
    contents,
    key,
  }: Pick<ReadPackage, 'key'> & { readonly contents: Pick<PackageContents, 'deploymentId' | 'feedSequence'> },
  before: Predecessor,
): void {
  const { deploymentId, feedSequence } = contents;
  if (before.key !== null && !before.key.equals(key))
    throw outdated('it is of another app server than what was served before');
  if (before.deploymentId !== null && before.deploymentId !== deploymentId)
    throw outdated(`it is of deployment ${deploymentId}; ${before.deploymentId} was served before`);
  if (feedSequence < before.feedSequence)
    throw outdated(`its sequence is ${feedSequence}; ${before.feedSequence} was served before, which is newer`);
}

const outdated = (why: string): AppError =>
  new AppError(
    'PACKAGE_OUTDATED',
    `the package is refused: ${why}. What was served stays; another data folder begins anew`,
  );
