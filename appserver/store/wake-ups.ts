import type { Knex } from 'knex';
import type { Transaction } from './database.ts';
import { now, type Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

/** Somebody wants to be called at a time. */
export interface WakeUp {
  /** Whose handler is called. */
  readonly topic: string;
  /** What it is called with: an id. */
  readonly key: string;
}

/**
 * Sets, moves or (null) takes back the one wake-up of a topic and key. `dueAt` is database time: a number, or an
 * expression of `now`.
 */
export async function setWakeUp(db: Queryable, { topic, key }: WakeUp, dueAt: number | Knex.Raw | null): Promise<void> {
  if (dueAt === null) {
    await db.knex('wake_up').where({ topic, key }).delete();
    return;
  }
  await db
    .knex('wake_up')
    .insert({ topic, key, due_at: typeof dueAt === 'number' ? Math.ceil(dueAt) : dueAt })
    .onConflict(['topic', 'key'])
    .merge();
}

/** Wake-ups whose time has come, the oldest first. */
export async function dueWakeUps(db: Queryable, topics: readonly string[], limit: number): Promise<WakeUp[]> {
  return await rowsOf<WakeUp>(
    db
      .knex('wake_up')
      .whereIn('topic', [...topics])
      .where('due_at', '<=', now(db))
      .orderBy(['due_at', 'topic', 'key'])
      .limit(limit)
      .select('topic', 'key'),
  );
}

/** Takes a due wake-up; false when it was taken or moved meanwhile. The handler runs in the same transaction. */
export async function takeWakeUp(trx: Transaction, { topic, key }: WakeUp): Promise<boolean> {
  return (await trx.knex('wake_up').where({ topic, key }).where('due_at', '<=', now(trx)).delete()) === 1;
}
