import type { Transaction } from './database.ts';
import { rowsOf } from './records.ts';

/** Tables whose rows others come to depend on without a foreign key to tell. */
type KeptTable = 'projects' | 'datasets' | 'deployments';

/** Keeps a row from being deleted until the transaction ends; false when it is gone. Any number may keep it. */
export async function keepRow({ knex, dialect }: Transaction, table: KeptTable, id: string): Promise<boolean> {
  const query = knex(table).where({ id }).select('id');
  return (await rowsOf<unknown>(dialect.name === 'postgres' ? query.forKeyShare() : query)).length === 1;
}

/**
 * Waits for those who keep a row, and lets nobody keep it until the transaction ends: what it reads afterwards is all
 * that depends on the row. False when it is gone.
 */
export async function seizeRow({ knex, dialect }: Transaction, table: KeptTable, id: string): Promise<boolean> {
  const query = knex(table).where({ id }).select('id');
  return (await rowsOf<unknown>(dialect.name === 'postgres' ? query.forUpdate() : query)).length === 1;
}
