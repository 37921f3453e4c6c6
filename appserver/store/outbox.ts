import type { Transaction } from './database.ts';
import { now, type Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

export interface OutboxEvent {
  /** Unique for ever: the same event is never recorded twice. */
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Records an event in the transaction of the change that it tells of. */
export async function appendEvent(trx: Transaction, event: OutboxEvent): Promise<void> {
  await trx.knex('outbox').insert({
    event_id: event.eventId,
    topic: event.topic,
    key: event.key,
    body: JSON.stringify(event.body),
    created_at: now(trx),
  });
}

/** Events after a sequence number, in order. */
export async function readEvents(
  db: Queryable,
  afterSequence: number,
  limit: number,
): Promise<(OutboxEvent & { readonly sequence: number })[]> {
  const rows = await rowsOf<{
    sequence: number;
    event_id: string;
    topic: string;
    key: string;
    body: string;
  }>(db.knex('outbox').where('sequence', '>', afterSequence).orderBy('sequence').limit(limit));
  return rows.map(({ sequence, event_id, topic, key, body }) => ({
    sequence,
    eventId: event_id,
    topic,
    key,
    body: JSON.parse(body) as Record<string, unknown>, // written by appendEvent
  }));
}

/** Deletes old events; returns how many. */
export async function trimOutbox(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  const old = db.knex('outbox').where('created_at', '<', now(db, -olderThanMs)).orderBy('sequence').limit(limit);
  return db.knex('outbox').whereIn('sequence', old.select('sequence')).delete();
}
