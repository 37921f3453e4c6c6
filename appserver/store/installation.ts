import type { Transaction } from './database.ts';
import { insertOrIgnore, now } from './dialect.ts';
import { rowOf } from './records.ts';

/** What all app servers on one database agree on, once and for all. */
export type InstallationFact = 'signing-key-sha256' | 'installation-id';

/** Makes this transaction the only one that starts or migrates; others wait for its end. */
export async function lockInstallation(trx: Transaction): Promise<void> {
  if (trx.dialect.migrationLock !== null) await trx.knex.raw(trx.dialect.migrationLock);
}

/** A fact as the first app server took it down; null when none has. */
export async function recallFact(trx: Transaction, name: InstallationFact): Promise<string | null> {
  const row = await rowOf<{ value: string }>(trx.knex('installation').where({ name }).select('value'));
  return row?.value ?? null;
}

/** Takes a fact down; the first one stands. */
export async function recordFact(trx: Transaction, name: InstallationFact, value: string): Promise<void> {
  await insertOrIgnore(trx, 'installation', { name, value, created_at: now(trx) }, ['name']);
}
