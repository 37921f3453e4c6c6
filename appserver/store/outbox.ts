import type { Database, Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';
import { fromJson, rowOf, rowsOf } from './records.ts';

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

/** Events that get their numbers by one call. */
const NUMBERED_MAX = 1_000;

/**
 * Events after a position, in order. No event ever appears before a position that was read: the numbers of rows follow
 * the statements that inserted them, and PostgreSQL may commit the later one first; so events get their positions here,
 * once they are committed, by one reader at a time.
 */
export async function readEvents(
  database: Database,
  afterPosition: number,
  limit: number,
): Promise<(OutboxEvent & { readonly position: number })[]> {
  const isUnnumbered = await rowOf(database.knex('outbox').whereNull('position').select('sequence'));
  if (isUnnumbered !== undefined) await database.transaction(numberEvents);
  const rows = await rowsOf<{
    position: number;
    event_id: string;
    topic: string;
    key: string;
    body: string;
  }>(database.knex('outbox').where('position', '>', afterPosition).orderBy('position').limit(limit));
  return rows.map(({ position, event_id, topic, key, body }) => ({
    position,
    eventId: event_id,
    topic,
    key,
    body: fromJson<Record<string, unknown>>(body),
  }));
}

async function numberEvents(trx: Transaction): Promise<void> {
  // The row is locked until the commit: positions become visible in their order.
  const counter = await rawRows<{ value: number }>(
    trx,
    `update counter set value = value where name = 'outbox' returning value`,
  );
  const last = counter[0]?.value ?? 0;
  const numbered = await rawRows(
    trx,
    `update outbox set position = next.position from (
       select sequence, ? + row_number() over (order by sequence) as position
       from outbox where position is null order by sequence limit ?) as next
     where next.sequence = outbox.sequence returning outbox.sequence`,
    [last, NUMBERED_MAX],
  );
  await trx.knex('counter').where({ name: 'outbox' }).increment('value', numbered.length);
}

/** Deletes old events; returns how many. */
export async function trimOutbox(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  const old = db.knex('outbox').where('created_at', '<', now(db, -olderThanMs)).orderBy('created_at').limit(limit);
  return db.knex('outbox').whereIn('sequence', old.select('sequence')).delete();
}
