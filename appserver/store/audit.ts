import { newId } from '#runtime';
import { decodeCursor, encodeCursor, type Page, type PageOptions } from './cursor.ts';
import type { Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';

/** What was refused or changed by somebody. */
export interface AuditRecord {
  /** Database time: of the first of `count`. */
  readonly at: number;
  readonly event: string;
  /** The statement that was refused; null for other events. */
  readonly statement: string | null;
  readonly code: string | null;
  /** Id of what it is about; null when that is nothing known. */
  readonly subject: string | null;
  /** How often within one minute. */
  readonly count: number;
  readonly detail: string;
}

/** Event of statements of workers that were refused. */
export const REFUSED_EVENT = 'worker.refused';

/** Takes down, in the transaction of a change, who made it. */
export async function appendAuditEvent(
  trx: Transaction,
  { event, subject, detail }: Pick<AuditRecord, 'event' | 'detail'> & { readonly subject: string },
): Promise<void> {
  await trx.knex('audit_event').insert({ id: newId('audit'), at: now(trx), event, subject, detail });
}

interface AuditRow {
  id: string;
  at: number;
  event: string;
  statement: string | null;
  code: string | null;
  subject: string;
  count: number;
  detail: string;
}

const ENTRIES = `select first_at as at, '${REFUSED_EVENT}' as event, statement, code, subject, count, detail,
    cast(minute as varchar(20)) || ':' || statement || ':' || code || ':' || subject as id from refusal
  union all select at, event, null, null, subject, 1, detail, id from audit_event`;

/** Refusals and events in one list; the newest first. */
export async function listAudit(db: Queryable, { limit, cursor }: PageOptions): Promise<Page<AuditRecord>> {
  const after = cursor === undefined || cursor === null ? null : decodeCursor(cursor, ['number', 'string']);
  const rows = await rawRows<AuditRow>(
    db,
    `select * from (${ENTRIES}) as entry ${after === null ? '' : 'where (at, id) < (?, ?)'}
     order by at desc, id desc limit ?`,
    [...(after ?? []), limit + 1],
  );
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const next = rows.length > limit && last !== undefined ? encodeCursor([last.at, last.id]) : null;
  return { items: items.map(recordOf), next };
}

const recordOf = ({ at, event, statement, code, subject, count, detail }: AuditRow): AuditRecord => ({
  at,
  event,
  statement,
  code,
  subject: subject === '' ? null : subject,
  count,
  detail,
});

/** Forgets old events; returns how many. */
export async function trimAuditEvents(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  const rows = await rawRows(
    db,
    `delete from audit_event where id in (
       select id from audit_event where at < ${db.dialect.now} - ? order by at limit ?) returning id`,
    [olderThanMs, limit],
  );
  return rows.length;
}
