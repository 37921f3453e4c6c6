import { insertOrIgnore, now, rawRows, type Queryable } from './dialect.ts';
import { rowOf } from './records.ts';

/** How long a key is remembered. */
export const IDEMPOTENCY_LIFE_MS = 24 * 3600 * 1000;

export interface IdempotencyRecord {
  readonly requestSha256: string;
  /** Null only inside of the transaction that made the row. */
  readonly sealedAnswer: string | null;
}

/**
 * Takes a key for this transaction, or gives the record of an earlier request. While another transaction holds the key
 * this waits for its end.
 *
 * @returns null when the key is this transaction's now
 */
export async function takeIdempotencyKey(
  db: Queryable,
  key: { userId: string; keyText: string; requestSha256: string },
): Promise<IdempotencyRecord | null> {
  const where = { user_id: key.userId, key_text: key.keyText };
  await db.knex('idempotency_keys').where(where).where('created_at', '<', now(db, -IDEMPOTENCY_LIFE_MS)).delete();
  const inserted = await insertOrIgnore(
    db,
    'idempotency_keys',
    { ...where, request_sha256: key.requestSha256, created_at: now(db) },
    ['user_id', 'key_text'],
  );
  if (inserted) return null;
  const row = await rowOf<{ request_sha256: string; sealed_answer: string | null }>(
    db.knex('idempotency_keys').where(where),
  );
  return row === undefined ? null : { requestSha256: row.request_sha256, sealedAnswer: row.sealed_answer };
}

/** Records the answer that repeats of the request get. */
export async function recordAnswer(
  db: Queryable,
  key: { userId: string; keyText: string },
  status: number,
  sealedAnswer: string,
): Promise<void> {
  await db
    .knex('idempotency_keys')
    .where({ user_id: key.userId, key_text: key.keyText })
    .update({ status, sealed_answer: sealedAnswer });
}

/** Deletes keys whose life is over; returns how many. */
export async function trimIdempotencyKeys(db: Queryable, limit: number): Promise<number> {
  const rows = await rawRows(
    db,
    `delete from idempotency_keys where (user_id, key_text) in (
       select user_id, key_text from idempotency_keys where created_at < ${db.dialect.now} - ?
       order by created_at limit ?)
     returning key_text`,
    [IDEMPOTENCY_LIFE_MS, limit],
  );
  return rows.length;
}
