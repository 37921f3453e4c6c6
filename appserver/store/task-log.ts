import type { Transaction } from './database.ts';
import { insertRows, now, rawRows, type Queryable } from './dialect.ts';
import { rowsOf } from './records.ts';

/** Lines kept per task: the last ones. */
export const LOG_LINES_MAX = 1_000;
/** Longest line that is kept. */
export const LOG_LINE_CHARS_MAX = 2_000;

export interface TaskLogLine {
  readonly sequence: number;
  readonly fence: number;
  readonly loggedAt: number;
  readonly line: string;
}

/** The task's row, which the caller has locked or just changed, orders the writers. */
async function appendTaskLog(trx: Transaction, taskId: string, fence: number, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  const rows = await rawRows(trx, 'select coalesce(max(sequence), 0) as last from task_log where task_id = ?', [
    taskId,
  ]);
  const last = Number(rows[0]?.['last']);
  await insertRows(
    trx,
    'task_log',
    lines.slice(-LOG_LINES_MAX).map((line, index) => ({
      task_id: taskId,
      sequence: last + 1 + index,
      fence,
      logged_at: now(trx),
      // PostgreSQL's text cannot hold the character of code 0.
      line: line.slice(0, LOG_LINE_CHARS_MAX).replaceAll('\0', '\u{FFFD}'),
    })),
  );
  const oldest = last + Math.min(lines.length, LOG_LINES_MAX) - LOG_LINES_MAX;
  if (oldest > 0) await trx.knex('task_log').where({ task_id: taskId }).where('sequence', '<=', oldest).delete();
}

/** Lines that an attempt tells, and the number of the first one among all of them, unless its worker does not count. */
export interface ToldLines {
  readonly log: readonly string[];
  readonly logFrom?: number;
}

/**
 * Adds lines that an attempt tells, but none a second time. The caller has locked or just changed the task's row, or
 * knows that an uncounted statement is no repeat.
 */
export async function appendToldLines(
  trx: Transaction,
  { taskId, fence }: { readonly taskId: string; readonly fence: number },
  { log, logFrom }: ToldLines,
): Promise<void> {
  if (log.length === 0) return;
  if (logFrom === undefined) return appendTaskLog(trx, taskId, fence, log);
  const attempt = trx.knex('attempt').where({ task_id: taskId, fence });
  const rows = await rowsOf<{ log_count: number }>(attempt.clone().select('log_count'));
  const known = rows[0]?.log_count ?? 0;
  const until = logFrom + log.length;
  if (until <= known) return;
  await attempt.update({ log_count: until });
  await appendTaskLog(trx, taskId, fence, log.slice(Math.max(0, known - logFrom)));
}

/** The last lines of a task's log over all its attempts, oldest first. */
export async function readTaskLog(db: Queryable, taskId: string, limit = LOG_LINES_MAX): Promise<TaskLogLine[]> {
  const rows = await rowsOf<{
    sequence: number;
    fence: number;
    logged_at: number;
    line: string;
  }>(db.knex('task_log').where({ task_id: taskId }).orderBy('sequence', 'desc').limit(limit));
  return rows.map(({ sequence, fence, logged_at, line }) => ({ sequence, fence, loggedAt: logged_at, line })).reverse();
}

/** Deletes old lines; returns how many. */
export async function trimTaskLogs(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  const rows = await rawRows(
    db,
    `delete from task_log where (task_id, sequence) in (
       select task_id, sequence from task_log where logged_at < ${db.dialect.now} - ? order by logged_at limit ?)
     returning sequence`,
    [olderThanMs, limit],
  );
  return rows.length;
}
