import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, isAppError, ModelSignature, PACKAGE_FILES, parse } from '#contracts';
import type { Logger } from '#runtime';
import { checkManifest } from '../artifacts/artifact-cache.ts';
import type { AppServerClient } from '../feed/app-server-client.ts';
import type { FeedStore } from '../feed/feed-store.ts';
import { readPackage, type ReadPackage } from './read-package.ts';
import { checkSuccession, predecessorOf, type Predecessor } from './succession.ts';

/** How often the folder is looked at for a newer package, and how long one may take to be unpacked, milliseconds. */
const LOOK_MS = 1_000;
const UNPACKING_MS = 60_000;

/**
 * A package in the place of an app server: its feed is the news, its files are the artefact; nobody is reported to. A newer package
 * that is unpacked over it is taken up once all of it is there.
 *
 * @param store what was served from the same data folder
 * @throws PACKAGE_INVALID, PACKAGE_OUTDATED
 */
export async function openPackage(
  dir: string,
  store: Pick<FeedStore, 'read' | 'pinnedKey'>,
  logger: Logger,
): Promise<AppServerClient> {
  const stamp = stampOf(dir);
  const first = await followingPackage(dir, predecessorOf(store));
  tell(first, logger);
  const watch = watchFolder(dir, { opened: first, stamp }, logger);
  return {
    feed: async (after, waitSeconds, signal) => {
      const end = performance.now() + waitSeconds * 1000;
      for (;;) {
        const { feed } = await watch();
        if (feed.sequence > after) return feed;
        const restMs = end - performance.now();
        if (restMs <= 0 || signal.aborted) return null;
        await sleep(Math.min(LOOK_MS, restMs), undefined, { signal }).catch(() => undefined);
      }
    },
    artifact: async (wanted) => {
      const bytes = (file: string) => readFile(path.join(dir, file));
      const manifest = await bytes(PACKAGE_FILES.manifest);
      checkManifest(wanted, manifest);
      const json: unknown = JSON.parse(readFileSync(path.join(dir, PACKAGE_FILES.signature), 'utf8'));
      const signature = parse(ModelSignature, json, PACKAGE_FILES.signature, 'ARTIFACT_INVALID');
      return { manifest, blob: await bytes(PACKAGE_FILES.blob), signature };
    },
    report: () => Promise.resolve(),
    close: () => undefined,
  };
}

/** The package that is in force, and as what its folder was seen when it was read. */
interface Seen {
  readonly opened: ReadPackage;
  readonly stamp: string;
}

/** Gives the newest package that could be read. @throws PACKAGE_INVALID, PACKAGE_OUTDATED for one that cannot be taken */
function watchFolder(dir: string, first: Seen, logger: Logger): () => Promise<ReadPackage> {
  let seen = first;
  /** What could not be read, since when, and at last why. */
  let trouble: { readonly stamp: string; readonly sinceMs: number; readonly err: AppError | null } | null = null;
  return async () => {
    const stamp = stampOf(dir);
    if (stamp === seen.stamp) return seen.opened;
    if (trouble?.stamp !== stamp) trouble = { stamp, sinceMs: performance.now(), err: null };
    if (trouble.err !== null) throw trouble.err;
    const { contents, key } = seen.opened;
    try {
      seen = { opened: await followingPackage(dir, { key, ...contents }), stamp };
    } catch (err) {
      const isUnpacked = performance.now() - trouble.sinceMs > UNPACKING_MS;
      if (isAppError(err, 'PACKAGE_INVALID') && !isUnpacked) {
        logger.debug('package_incomplete', 'another package is not whole yet', { err });
        return seen.opened;
      }
      // Remembered, so that the same files are not hashed again and again.
      if (err instanceof AppError) trouble = { ...trouble, err };
      throw err;
    }
    trouble = null;
    tell(seen.opened, logger);
    return seen.opened;
  };
}

async function followingPackage(dir: string, before: Predecessor): Promise<ReadPackage> {
  const found = await readPackage(dir);
  checkSuccession(found, before);
  return found;
}

/** The fingerprint tells whose package it is: `openssl pkey -pubin -outform DER | sha256sum` of the app server’s public key. */
function tell({ contents, key }: ReadPackage, logger: Logger): void {
  const { deploymentId, modelId, feedSequence, programVersion } = contents;
  const signedBy = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  logger.info('package', 'every file of the package is what its app server signed', {
    deploymentId,
    modelId,
    feedSequence,
    programVersion,
    signedBy,
  });
}

/** Another one whenever the list of a package's files was written anew; archives give all files the same time. */
function stampOf(dir: string): string {
  const found = statSync(path.join(dir, PACKAGE_FILES.contents), { throwIfNoEntry: false });
  return found === undefined ? 'none' : `${found.ctimeMs}/${found.size}/${found.ino}`;
}
