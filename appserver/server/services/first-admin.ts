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
  updateUser,
  type Database,
} from '#store';
import { makeApiKey } from '../auth/api-key.ts';

/** Shortest key that an operator may choose. */
export const ADMIN_KEY_CHARS_MIN = 8;
/** Ids of the first administrator and the key that configuration decides. */
export const FIRST_ADMIN_ID = 'user_admin';
const FIRST_KEY_ID = 'key_admin';

export interface FirstAdmin {
  /** Where a generated key is kept; null when the configuration names the key. */
  readonly keyFile: string | null;
  /** The key, when it was generated just now: to be shown this once. */
  readonly newKey: string | null;
}

/**
 * Makes sure that there is an administrator with the key of `server.adminApiKey`, or else of `<dataDir>/admin.key`,
 * which is generated with mode 600. Another key than last time replaces the old one.
 *
 * @throws CONFIG_INVALID for a key that is too short
 */
export async function ensureFirstAdmin(database: Database, config: Config): Promise<FirstAdmin> {
  const keyFile = path.join(config.dataDir, 'admin.key');
  const chosen = config.server.adminApiKey;
  const isNew = chosen === '' && !existsSync(keyFile);
  const key = chosen === '' ? readOrMakeSecret(keyFile, () => makeApiKey().key) : chosen;
  if (key.length < ADMIN_KEY_CHARS_MIN || /\s/.test(key)) {
    throw new AppError(
      'CONFIG_INVALID',
      `server.adminApiKey: expected at least ${ADMIN_KEY_CHARS_MIN} characters without spaces; found ${key.length} characters`,
    );
  }
  await database.transaction(async (trx) => {
    const admin = await findUser(trx, FIRST_ADMIN_ID);
    if (admin === undefined)
      await insertUser(trx, { id: FIRST_ADMIN_ID, name: 'admin', role: 'admin', passwordHash: null });
    else if (admin.role !== 'admin' || !admin.active)
      await updateUser(trx, FIRST_ADMIN_ID, { role: 'admin', active: true });
    const keySha256 = hashToken(key);
    const known = await findApiKey(trx, FIRST_KEY_ID);
    if (known?.keySha256 === keySha256) return;
    await deleteApiKey(trx, FIRST_KEY_ID);
    const name = 'key of the first administrator';
    await insertApiKey(trx, {
      id: FIRST_KEY_ID,
      keySha256,
      name,
      userId: FIRST_ADMIN_ID,
      scopes: SCOPES,
      expiresAt: null,
    });
    await bumpFeed(trx);
  });
  return { keyFile: chosen === '' ? keyFile : null, newKey: isNew ? key : null };
}
