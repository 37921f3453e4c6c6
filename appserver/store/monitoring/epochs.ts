import type { Transaction } from '../database.ts';
import { insertOrIgnore, insertRows, now, type Queryable } from '../dialect.ts';
import { rowOf, rowsOf } from '../records.ts';

/** Numbers from `from`, inclusive, to `end`, exclusive. */
export interface NumberRange {
  readonly from: number;
  readonly end: number;
}

/** What has been heard of an epoch: all numbers below `end`, without the gaps. */
export interface EpochNumbers {
  readonly end: number;
  /** Ascending, apart from each other, all below `end`. */
  readonly gaps: readonly NumberRange[];
}

/** What a monitor adds to an epoch. */
export interface EpochNews {
  readonly numbers: EpochNumbers;
  /** Where the epoch ended, when it said so. */
  readonly finalNumber: number | null;
  readonly eventCount: number;
  readonly duplicateCount: number;
  readonly losses: ReadonlyMap<string, number>;
}

const gapsOf = async ({ knex }: Queryable, epoch: string): Promise<NumberRange[]> => {
  const query = knex('telemetry_gap').where({ epoch }).orderBy('from_number').select('from_number', 'end_number');
  const rows = await rowsOf<{ from_number: number; end_number: number }>(query);
  return rows.map((gap) => ({ from: gap.from_number, end: gap.end_number }));
};

/** Whether all numbers of a range were heard of: counted, or told as lost. */
export async function isHeard(db: Queryable, epoch: string, { from, end }: NumberRange): Promise<boolean> {
  const row = await rowOf<{ end_number: number }>(db.knex('telemetry_epoch').where({ epoch }).select('end_number'));
  if (row === undefined || row.end_number < end) return false;
  return (await gapsOf(db, epoch)).every((gap) => gap.end <= from || gap.from >= end);
}

/** The numbers of an epoch, which nobody else changes until this transaction ends. */
export async function lockEpoch(trx: Transaction, epoch: string, serverId: string): Promise<EpochNumbers> {
  const { knex, dialect } = trx;
  const counts = { end_number: 0, event_count: 0, duplicate_count: 0, seen_at: now(trx) };
  await insertOrIgnore(trx, 'telemetry_epoch', { epoch, server_id: serverId, ...counts }, ['epoch']);
  const query = knex('telemetry_epoch').where({ epoch }).select('end_number');
  const row = await rowOf<{ end_number: number }>(dialect.forUpdate === '' ? query : query.forUpdate());
  return { end: row?.end_number ?? 0, gaps: await gapsOf(trx, epoch) };
}

/** Writes down what was added to a locked epoch. */
export async function saveEpoch(trx: Transaction, epoch: string, before: EpochNumbers, news: EpochNews): Promise<void> {
  const { knex } = trx;
  const { numbers, finalNumber, eventCount, duplicateCount, losses } = news;
  await knex('telemetry_epoch')
    .where({ epoch })
    .update({
      end_number: numbers.end,
      event_count: knex.raw('event_count + ?', [eventCount]),
      duplicate_count: knex.raw('duplicate_count + ?', [duplicateCount]),
      seen_at: now(trx),
      ...(finalNumber === null ? {} : { final_number: finalNumber }),
    });
  if (before.gaps.length > 0) await knex('telemetry_gap').where({ epoch }).delete();
  await insertRows(
    trx,
    'telemetry_gap',
    numbers.gaps.map(({ from, end }) => ({ epoch, from_number: from, end_number: end })),
  );
  for (const [reason, count] of losses) {
    await insertOrIgnore(trx, 'telemetry_loss', { epoch, reason, event_count: 0 }, ['epoch', 'reason']);
    await knex('telemetry_loss').where({ epoch, reason }).increment('event_count', count);
  }
}

/** Counts a segment that was not believed. */
export async function countRefusal(trx: Transaction, code: string): Promise<void> {
  await insertOrIgnore(trx, 'telemetry_refusal', { code, segment_count: 0 }, ['code']);
  await trx.knex('telemetry_refusal').where({ code }).increment('segment_count', 1);
}

/** PostgreSQL adds integers up to a `numeric`, which comes as text. */
type Sum = number | string | null;

/** What all servers have told, over all epochs. */
export interface TelemetryTotals {
  /** Counted once. */
  readonly events: number;
  /** Heard again, and not counted. */
  readonly duplicates: number;
  /** By reason. */
  readonly lost: Readonly<Record<string, number>>;
  /** Numbers below those that were heard of, of which nothing was heard. */
  readonly missing: number;
  /** Segments by the code of their refusal. */
  readonly refused: Readonly<Record<string, number>>;
}

export async function telemetryTotals({ knex }: Queryable): Promise<TelemetryTotals> {
  const epochs = await rowOf<{ events: Sum; duplicates: Sum }>(
    knex('telemetry_epoch').sum({ events: 'event_count', duplicates: 'duplicate_count' }),
  );
  const gaps = await rowOf<{ missing: Sum }>(
    knex('telemetry_gap').select(knex.raw('sum(end_number - from_number) as missing')),
  );
  const losses = await rowsOf<{ reason: string; count: Sum }>(
    knex('telemetry_loss').groupBy('reason').select('reason').sum({ count: 'event_count' }),
  );
  const refusals = await rowsOf<{ code: string; segment_count: number }>(knex('telemetry_refusal').select('*'));
  return {
    events: Number(epochs?.events ?? 0),
    duplicates: Number(epochs?.duplicates ?? 0),
    lost: Object.fromEntries(losses.map(({ reason, count }) => [reason, Number(count)])),
    missing: Number(gaps?.missing ?? 0),
    refused: Object.fromEntries(refusals.map(({ code, segment_count }) => [code, segment_count])),
  };
}
