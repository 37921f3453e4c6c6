import { rawRows, type Queryable } from './dialect.ts';
import type { Transaction } from './database.ts';

/** Statements of one kind about one subject that were refused for one reason. */
export interface Refusal {
  /** `claim`, `commit` and so on. */
  readonly statement: string;
  readonly code: string;
  /** Id of the task or worker that was spoken of; '' for none. Kept only when it exists. */
  readonly subject: string;
  readonly count: number;
  /** Why, without any text of the refused request. */
  readonly detail: string;
}

/** Subjects that are told apart within one minute; the rest are counted together. */
export const REFUSAL_SUBJECTS_MAX = 100;
/** Stands for the subjects beyond. */
export const OTHER_SUBJECTS = 'other';

const keyOf = ({ statement, code, subject }: Refusal): string => `${statement} ${code} ${subject}`;

const minuteOf = ({ dialect }: Queryable): string => `(${dialect.now} / 60000)`;

/** Adds refusals to the counts of this minute. */
export async function countRefusals(trx: Transaction, refusals: readonly Refusal[]): Promise<void> {
  const subjectOf = await subjectsOf(trx, refusals);
  // One order for all replicas: two that write the same counts wait for each other only one way.
  const inOrder = refusals.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  for (const { statement, code, subject, count, detail } of inOrder) {
    await trx.knex.raw(
      `insert into refusal (minute, statement, code, subject, count, detail, first_at)
       values (${minuteOf(trx)}, ?, ?, ?, ?, ?, ${trx.dialect.now})
       on conflict (minute, statement, code, subject) do update set
         count = refusal.count + excluded.count, detail = excluded.detail`,
      [statement, code, subjectOf.get(subject) ?? '', count, detail],
    );
  }
}

/** Under which name each subject is counted: its own, `other`, or none when there is no such task or worker. */
async function subjectsOf(db: Queryable, refusals: readonly Refusal[]): Promise<Map<string, string>> {
  const asked = [...new Set(refusals.map(({ subject }) => subject))].filter((subject) => subject !== '');
  if (asked.length === 0) return new Map();
  const places = asked.map(() => '?').join(', ');
  const existing = await rawRows<{ id: string }>(
    db,
    `select id from task where id in (${places}) union select id from worker where id in (${places})`,
    [...asked, ...asked],
  );
  const counted = await rawRows<{ subject: string }>(
    db,
    `select distinct subject from refusal where minute = ${minuteOf(db)} and subject not in ('', ?)`,
    [OTHER_SUBJECTS],
  );
  const named = new Set(counted.map(({ subject }) => subject));
  const names = new Map([[OTHER_SUBJECTS, OTHER_SUBJECTS]]);
  for (const { id } of existing) {
    if (named.size < REFUSAL_SUBJECTS_MAX) named.add(id);
    names.set(id, named.has(id) ? id : OTHER_SUBJECTS);
  }
  return names;
}

/** Forgets old refusals; returns how many rows. */
export async function trimRefusals(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  const key = 'minute, statement, code, subject';
  const rows = await rawRows(
    db,
    `delete from refusal where (${key}) in (
       select ${key} from refusal where first_at < ${db.dialect.now} - ? order by first_at limit ?)
     returning minute`,
    [olderThanMs, limit],
  );
  return rows.length;
}
