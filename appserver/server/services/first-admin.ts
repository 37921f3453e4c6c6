import path from 'node:path';
import { existsSync } from 'node:fs';
import { AppError, SCOPES } from '#contracts';
import { readOrMakeSecret, type Config } from '#runtime';
import {
  bumpFeed,
  deleteApiKey,
  findApiKey,
  findUser,
  hashToken,
  insertApiKey,
  insertUser,
  lockInstallation,
  updateUser,
  type Database,
  type Transaction,
} from '#store';
import { makeApiKey } from '../auth/api-key.ts';

/** Shortest key that an operator may choose. */
export const ADMIN_KEY_CHARS_MIN = 8;
/** Ids of the first administrator and the key that configuration decides. */
export const FIRST_ADMIN_ID = 'user_admin';
const FIRST_KEY_ID = 'key_admin';

export interface FirstAdmin {
  /** Where a generated key is kept; null when the configuration names the key, or another app server keeps it. */
  readonly keyFile: string | null;
  /** The key, when it was generated just now: to be shown this once. */
  readonly newKey: string | null;
}

/**
 * Makes sure that there is an administrator with the key of `server.adminApiKey`, or else of `<dataDir>/admin.key`.
 * Another key than last time replaces the old one. A key is generated, into that file of mode 600, only when the
 * database has none: of several app servers one makes it, also when each has a data folder of its own.
 *
 * @throws CONFIG_INVALID for a key that is too short
 */
export async function ensureFirstAdmin(database: Database, config: Config): Promise<FirstAdmin> {
  const keyFile = path.join(config.dataDir, 'admin.key');
  const chosen = config.server.adminApiKey;
  return database.transaction(async (trx) => {
    await lockInstallation(trx);
    await ensureAdministrator(trx);
    const known = await findApiKey(trx, FIRST_KEY_ID);
    if (chosen === '' && known !== undefined && !existsSync(keyFile)) return { keyFile: null, newKey: null };
    const key = checkedKey(chosen === '' ? readOrMakeSecret(keyFile, () => makeApiKey().key) : chosen);
    if (known?.keySha256 !== hashToken(key)) await replaceKey(trx, key);
    if (chosen !== '') return { keyFile: null, newKey: null };
    return { keyFile, newKey: known === undefined ? key : null };
  });
}

async function ensureAdministrator(trx: Transaction): Promise<void> {
  const admin = await findUser(trx, FIRST_ADMIN_ID);
  if (admin === undefined)
    await insertUser(trx, { id: FIRST_ADMIN_ID, name: 'admin', role: 'admin', passwordHash: null });
  else if (admin.role !== 'admin' || !admin.active)
    await updateUser(trx, FIRST_ADMIN_ID, { role: 'admin', active: true });
}

function checkedKey(key: string): string {
  if (key.length >= ADMIN_KEY_CHARS_MIN && !/\s/.test(key)) return key;
  throw new AppError(
    'CONFIG_INVALID',
    `server.adminApiKey: expected at least ${ADMIN_KEY_CHARS_MIN} characters without spaces; found ${key.length} characters`,
  );
}

async function replaceKey(trx: Transaction, key: string): Promise<void> {
  await deleteApiKey(trx, FIRST_KEY_ID);
  await insertApiKey(trx, {
    id: FIRST_KEY_ID,
    keySha256: hashToken(key),
    name: 'key of the first administrator',
    userId: FIRST_ADMIN_ID,
    scopes: SCOPES,
    deploymentIds: null,
    expiresAt: null,
  });
  await bumpFeed(trx);
}
