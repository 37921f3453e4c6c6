import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import {
  ApiKeyGrant,
  AppError,
  DeploymentRecord,
  Id,
  nullable,
  parse,
  strict,
  Type,
  type Static,
  type TSchema,
} from '#contracts';
import { readIfThere, writeFileAtomically } from '../artifacts/atomic-file.ts';
import { publicKeyOf } from './signatures.ts';

const FEED_FILE = 'assignments.json';
const KEY_FILE = 'app-server.pub';
/** A file of its own: programs from before read the other one strictly. */
const RETIRED_FILE = 'retired.json';

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

/** Deployments that are not assigned any more, with the sequence of their last record: the oldest first. */
const Retired = Type.Array(strict({ deploymentId: Id, sequence: Type.Integer({ minimum: 1 }) }));
export type Retired = Static<typeof Retired>;

export type KeptAssignments = Static<typeof KeptAssignments> & { readonly retired: Retired };

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
  const retiredFile = path.join(dir, RETIRED_FILE);
  const pinnedKey = () => {
    const pem = readIfThere(keyFile);
    return pem === null ? null : publicKeyOf(pem, keyFile);
  };
  return {
    pinnedKey,
    read: () => {
      const kept = readJson(feedFile, KeptAssignments, onDamaged);
      return kept === null ? null : { ...kept, retired: readJson(retiredFile, Retired, onDamaged) ?? [] };
    },
    write: ({ retired, ...kept }) => {
      // Refuses more than the other file says, so it comes first.
      if (retired.length > 0 || existsSync(retiredFile)) writeFileAtomically(retiredFile, JSON.stringify(retired));
      writeFileAtomically(feedFile, JSON.stringify(kept));
    },
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

/** What a file holds; null where it is not there, or damaged, which is told. */
function readJson<T extends TSchema>(
  file: string,
  schema: T,
  onDamaged: (file: string, err: unknown) => void,
): Static<T> | null {
  const text = readIfThere(file);
  if (text === null) return null;
  try {
    return parse(schema, JSON.parse(text), file);
  } catch (err) {
    onDamaged(file, err);
    return null;
  }
}
