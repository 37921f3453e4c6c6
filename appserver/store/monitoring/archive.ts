import type { Transaction } from '../database.ts';
import { insertOrIgnore, now, type Queryable } from '../dialect.ts';
import { fromJson, rowOf, rowsOf, toJson } from '../records.ts';
import type { NumberRange } from './epochs.ts';

/** A segment some of whose events are counted, and not in the archive yet. */
export interface WaitingSegmentRow {
  /** Rises with each segment. */
  readonly id: number;
  readonly epoch: string;
  readonly sealed: Buffer;
  /** Numbers that this segment was the first to bring. */
  readonly ranges: readonly NumberRange[];
}

/** A file of the archive. */
export interface ArchivedFile {
  readonly path: string;
  readonly deploymentId: string;
  /** `YYYY-MM-DD`, UTC */
  readonly day: string;
  readonly eventCount: number;
  readonly sizeBytes: number;
}

/** Segments that a batch takes at most. */
const BATCH_SEGMENTS_MAX = 1_000;

/** Keeps the counted events of a segment for the archive, in the transaction that counts them. */
export async function addWaitingSegment(
  trx: Transaction,
  { epoch, sealed, ranges }: Omit<WaitingSegmentRow, 'id'>,
  { eventCount, plainBytes }: { readonly eventCount: number; readonly plainBytes: number },
): Promise<void> {
  await trx.knex('archive_segment').insert({
    epoch,
    sealed,
    ranges: toJson(ranges),
    event_count: eventCount,
    plain_bytes: plainBytes,
    size_bytes: sealed.length,
    kept_at: now(trx),
  });
}

/** What waits for the archive. */
export interface WaitingTotals {
  readonly segments: number;
  /** As they are kept, and without compression. */
  readonly sizeBytes: number;
  readonly plainBytes: number;
  /** Of the oldest that is in no batch, milliseconds; 0 where there is none. */
  readonly ageMs: number;
}

export async function waitingTotals(db: Queryable): Promise<WaitingTotals> {
  const { knex } = db;
  const row = await rowOf<Record<'segments' | 'size' | 'plain' | 'age', number | string | null>>(
    knex('archive_segment')
      .count({ segments: '*' })
      .sum({ size: 'size_bytes', plain: 'plain_bytes' })
      .select(knex.raw('max(case when batch is null then ? - kept_at end) as age', [now(db)])),
  );
  return {
    segments: Number(row?.segments ?? 0),
    sizeBytes: Number(row?.size ?? 0),
    plainBytes: Number(row?.plain ?? 0),
    ageMs: Number(row?.age ?? 0),
  };
}

/**
 * Puts the oldest segments that are in no batch into one. What a batch holds never changes, so that whoever writes its files writes the same.
 *
 * @param plainBytesMax of all of them, not compressed; the first one is taken whatever its size
 * @returns how many there are
 */
export async function fillBatch(trx: Transaction, batch: string, plainBytesMax: number): Promise<number> {
  const { knex, dialect } = trx;
  const query = knex('archive_segment')
    .whereNull('batch')
    .orderBy('id')
    .limit(BATCH_SEGMENTS_MAX)
    .select('id', 'plain_bytes');
  const rows = await rowsOf<{ id: number; plain_bytes: number }>(
    dialect.forUpdate === '' ? query : query.forUpdate().skipLocked(),
  );
  const ids: number[] = [];
  let bytes = 0;
  for (const { id, plain_bytes } of rows) {
    bytes += plain_bytes;
    if (ids.length > 0 && bytes > plainBytesMax) break;
    ids.push(id);
  }
  if (ids.length > 0) await knex('archive_segment').whereIn('id', ids).update({ batch });
  return ids.length;
}

/** Batches whose files are not known to be written, oldest first. */
export async function openBatches({ knex }: Queryable): Promise<string[]> {
  const query = knex('archive_segment').whereNotNull('batch').distinct('batch').orderBy('batch');
  return (await rowsOf<{ batch: string }>(query)).map(({ batch }) => batch);
}

/** The segments of a batch in their order. */
export async function readBatch({ knex }: Queryable, batch: string): Promise<WaitingSegmentRow[]> {
  const query = knex('archive_segment').where({ batch }).orderBy('id').select('id', 'epoch', 'sealed', 'ranges');
  const rows = await rowsOf<{ id: number; epoch: string; sealed: Buffer; ranges: string }>(query);
  return rows.map(({ ranges, ...row }) => ({ ...row, ranges: fromJson<NumberRange[]>(ranges) }));
}

/** All files of a batch are written: its segments are forgotten. */
export async function finishBatch(trx: Transaction, batch: string, files: readonly ArchivedFile[]): Promise<void> {
  for (const { path, deploymentId, day, eventCount, sizeBytes } of files) {
    const row = { path, deployment_id: deploymentId, day, event_count: eventCount, size_bytes: sizeBytes };
    await insertOrIgnore(trx, 'archive_file', row, ['path']);
  }
  await trx.knex('archive_segment').where({ batch }).delete();
}

/** Files of days before one, the oldest first. */
export async function archivedBefore({ knex }: Queryable, day: string, limit: number): Promise<string[]> {
  const query = knex('archive_file').where('day', '<', day).orderBy(['day', 'path']).limit(limit).select('path');
  return (await rowsOf<{ path: string }>(query)).map(({ path }) => path);
}

export async function forgetArchived({ knex }: Queryable, path: string): Promise<void> {
  await knex('archive_file').where({ path }).delete();
}

/** Events of a deployment that are in the archive. */
export async function archivedEvents({ knex }: Queryable, deploymentId: string): Promise<number> {
  const query = knex('archive_file').where({ deployment_id: deploymentId }).sum({ events: 'event_count' });
  return Number((await rowOf<{ events: number | string | null }>(query))?.events ?? 0);
}
