import type { Transaction } from './database.ts';
import { now, type Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

/** A true outcome: text of a class label, or of a number. */
export interface Actual {
  /** Of the association id. */
  readonly key: string;
  readonly associationId: string;
  readonly actual: string;
  /** When it was so, milliseconds since 1970: of two outcomes of an id the later one holds. */
  readonly atMs: number;
}

/** Ids that are asked for at a time. */
const KEYS_AT_ONCE = 500;

/** Outcomes by key, as far as there are any. */
export async function findActuals(
  { knex }: Queryable,
  deploymentId: string,
  keys: readonly string[],
): Promise<Map<string, Pick<Actual, 'actual' | 'atMs'>>> {
  const found = new Map<string, Pick<Actual, 'actual' | 'atMs'>>();
  for (let from = 0; from < keys.length; from += KEYS_AT_ONCE) {
    const rows = await rowsOf<{ association_sha256: string; actual: string; at: number }>(
      knex('actuals')
        .where({ deployment_id: deploymentId })
        .whereIn('association_sha256', keys.slice(from, from + KEYS_AT_ONCE))
        .select('association_sha256', 'actual', 'at'),
    );
    for (const { association_sha256: key, actual, at } of rows) found.set(key, { actual, atMs: at });
  }
  return found;
}

/** Keeps outcomes, one of each id at most; one that is there and of a later time stays. */
export async function saveActuals(trx: Transaction, deploymentId: string, actuals: readonly Actual[]): Promise<void> {
  const { knex, dialect } = trx;
  const rows = actuals
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, associationId, actual, atMs }) => ({
      ...{ deployment_id: deploymentId, association_sha256: key, association_id: associationId, actual, at: atMs },
      received_at: now(trx),
    }));
  for (let from = 0; from < rows.length; from += dialect.insertRowsMax)
    await knex('actuals')
      .insert(rows.slice(from, from + dialect.insertRowsMax))
      .onConflict(['deployment_id', 'association_sha256'])
      .merge(['actual', 'at', 'received_at'])
      .whereRaw('excluded.at >= actuals.at');
}
