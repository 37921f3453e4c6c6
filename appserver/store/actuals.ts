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

/** An outcome with when it was handed in. */
export interface ReceivedActual extends Pick<Actual, 'key' | 'actual'> {
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
}

/**
 * Outcomes that were handed in from `from` on and before `to`, in that order, `limit` at a time.
 * @param after the last one of the page before
 */
export async function readActualsReceived(
  { knex }: Queryable,
  deploymentId: string,
  { from, to }: { readonly from: number; readonly to: number },
  { after, limit }: { readonly after: ReceivedActual | null; readonly limit: number },
): Promise<ReceivedActual[]> {
  const query = knex('actuals')
    .where({ deployment_id: deploymentId })
    .where('received_at', '>=', after?.receivedAt ?? from)
    .where('received_at', '<', to)
    .orderBy(['received_at', 'association_sha256'])
    .limit(limit)
    .select('association_sha256 as key', 'actual', 'received_at as receivedAt');
  if (after !== null)
    void query.where((part) => {
      void part.where('received_at', '>', after.receivedAt).orWhere('association_sha256', '>', after.key);
    });
  return rowsOf<ReceivedActual>(query);
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
