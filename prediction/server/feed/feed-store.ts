import type { KeyObject } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ApiKeyGrant, AppError, DeploymentRecord, nullable, parse, strict, Type, type Static } from '#contracts';
import { readIfThere, writeFileAtomically } from '../artifacts/atomic-file.ts';
import { publicKeyOf } from './signatures.ts';

const FEED_FILE = 'assignments.json';
const KEY_FILE = 'app-server.pub';

/** What this server knew when it last wrote it down: the accepted feed, and for each deployment what really answers. */
export const KeptAssignments = strict({
  sequence: Type.Integer({ minimum: 0 }),
  apiKeys: Type.Array(ApiKeyGrant),
  deployments: Type.Array(
    strict({
      assigned: DeploymentRecord,
      served: nullable(DeploymentRecord),
    }),
  ),
});
export type KeptAssignments = Static<typeof KeptAssignments>;

/** All that a start without the app server needs, beside the artefacts. */
export interface FeedStore {
  /** Null when nothing was kept, or what was kept is damaged. */
  read(): KeptAssignments | null;
  write(kept: KeptAssignments): void;
  /** The pinned public key; null before the first feed. @throws ARTIFACT_SIGNATURE when its file is damaged */
  pinnedKey(): KeyObject | null;
  /**
   * Pins the app server's public key when there is none yet.
   * @throws ARTIFACT_SIGNATURE when another one is pinned
   */
  pin(pem: string): KeyObject;
}

/** @param dir the cache folder; made when it is not there */
export function openFeedStore(dir: string, onDamaged: (file: string, err: unknown) => void): FeedStore {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(dir)) if (name.endsWith('.tmp')) rmSync(path.join(dir, name), { force: true });
  const feedFile = path.join(dir, FEED_FILE);
  const keyFile = path.join(dir, KEY_FILE);
  const pinnedKey = () => {
    const pem = readIfThere(keyFile);
    return pem === null ? null : publicKeyOf(pem, keyFile);
  };
  return {
    pinnedKey,
    read: () => {
      const text = readIfThere(feedFile);
      if (text === null) return null;
      try {
        return parse(KeptAssignments, JSON.parse(text), feedFile);
      } catch (err) {
        onDamaged(feedFile, err);
        return null;
      }
    },
    write: (kept) => writeFileAtomically(feedFile, JSON.stringify(kept)),
    pin: (pem) => {
      const key = publicKeyOf(pem, 'the assignment feed');
      const pinned = pinnedKey();
      if (pinned === null) writeFileAtomically(keyFile, pem);
      else if (!pinned.equals(key)) {
        throw new AppError(
          'ARTIFACT_SIGNATURE',
          `the app server’s public key changed; if that is right, delete ${keyFile} and start again`,
        );
      }
      return key;
    },
  };
}
