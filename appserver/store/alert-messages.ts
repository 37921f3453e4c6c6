import type { AlertMessage } from '#contracts';
import type { StoredChannel } from './alerts.ts';
import { insertRows, now, type Queryable } from './dialect.ts';
import type { Transaction } from './database.ts';
import { fromJson, rowOf, rowsOf, toJson } from './records.ts';

/** A message that is due on a channel. */
export interface DueMessage {
  readonly id: string;
  readonly deploymentId: string;
  readonly channel: StoredChannel;
  readonly body: AlertMessage;
  /** Attempts that failed. */
  readonly attempts: number;
  /** Since it was put on its way, milliseconds. */
  readonly ageMs: number;
}

/** Puts a message on its way to channels, in the transaction of what it tells of. Its id on a channel is made of that of the message. */
export async function insertMessages(
  trx: Transaction,
  body: AlertMessage,
  channels: readonly StoredChannel[],
): Promise<void> {
  const rows = channels.map((channel, index) => ({
    ...{ id: `${body.id}-${index}`, deployment_id: body.deployment.id, channel: toJson(channel), body: toJson(body) },
    ...{ created_at: now(trx), attempts: 0, next_at: now(trx) },
  }));
  await insertRows(trx, 'alert_message', rows);
}

/** Messages whose time has come, the longest waiting first. */
export async function dueMessages({ knex, dialect }: Queryable, limit: number): Promise<DueMessage[]> {
  const query = knex('alert_message')
    .whereNotNull('next_at')
    .whereRaw(`next_at <= ${dialect.now}`)
    .orderBy(['next_at', 'id'])
    .limit(limit)
    .select('id', 'deployment_id', 'channel', 'body', 'attempts', knex.raw(`${dialect.now} - created_at as age_ms`));
  const rows = await rowsOf<{
    id: string;
    deployment_id: string;
    channel: string;
    body: string;
    attempts: number;
    age_ms: number | string;
  }>(query);
  return rows.map((row) => ({
    ...{ id: row.id, deploymentId: row.deployment_id, attempts: row.attempts, ageMs: Number(row.age_ms) },
    ...{ channel: fromJson<StoredChannel>(row.channel), body: fromJson<AlertMessage>(row.body) },
  }));
}

/** @param refused who did not take it, in words; null: all did */
export async function noteDelivered(db: Queryable, id: string, refused: string | null = null): Promise<void> {
  await db
    .knex('alert_message')
    .where({ id })
    .update({
      ...{ next_at: null, delivered_at: now(db) },
      ...{ error: refused, error_at: refused === null ? null : now(db) },
    });
}

/** @param retryMs null: it is given up */
export async function noteUndelivered(
  db: Queryable,
  id: string,
  { error, retryMs }: { readonly error: string; readonly retryMs: number | null },
): Promise<void> {
  await db
    .knex('alert_message')
    .where({ id })
    .update({ next_at: retryMs === null ? null : now(db, retryMs), error, error_at: now(db) })
    .increment('attempts', 1);
}

/** What became of a deployment's messages. */
export interface MessageTotals {
  readonly waiting: number;
  readonly failed: number;
  readonly deliveredAt: number | null;
  readonly lastError: { readonly channel: StoredChannel; readonly message: string; readonly at: number } | null;
}

export async function messageTotals({ knex }: Queryable, deploymentId: string): Promise<MessageTotals> {
  const of = () => knex('alert_message').where({ deployment_id: deploymentId });
  const totals = await rowOf<{ waiting: number | string | null; failed: number | string | null; last: number | null }>(
    of().select(
      knex.raw('sum(case when next_at is not null then 1 else 0 end) as waiting'),
      knex.raw('sum(case when next_at is null and delivered_at is null then 1 else 0 end) as failed'),
      knex.raw('max(delivered_at) as last'),
    ),
  );
  const error = await rowOf<{ channel: string; error: string; error_at: number }>(
    of().whereNotNull('error_at').orderBy('error_at', 'desc').select('channel', 'error', 'error_at'),
  );
  return {
    waiting: Number(totals?.waiting ?? 0),
    failed: Number(totals?.failed ?? 0),
    deliveredAt: totals?.last ?? null,
    lastError:
      error === undefined
        ? null
        : { channel: fromJson<StoredChannel>(error.channel), message: error.error, at: error.error_at },
  };
}
