import { rawRows, type Database } from '#store';

/** A statement that was sent, and how the database would do it. */
export interface StatementPlan {
  readonly sql: string;
  readonly plan: string;
}

/** Plans of all statements that some work sends, tables taken to be large. */
export async function plansOf(database: Database, work: () => Promise<unknown>): Promise<StatementPlan[]> {
  const sent = new Map<string, readonly (string | number | null)[]>();
  const note = ({ sql, bindings }: { sql: string; bindings?: (string | number | null)[] }) =>
    void sent.set(sql.replaceAll(/\$\d+/g, '?'), bindings ?? []);
  database.knex.on('query', note);
  try {
    await work();
  } finally {
    database.knex.removeListener('query', note);
  }
  const plans: StatementPlan[] = [];
  for (const [sql, bindings] of sent) {
    if (!/^\s*(select|update|delete|insert|with)/i.test(sql)) continue;
    plans.push({ sql, plan: await planOf(database, sql, bindings) });
  }
  return plans;
}

async function planOf(database: Database, sql: string, bindings: readonly (string | number | null)[]): Promise<string> {
  if (database.dialect.name === 'sqlite') {
    const rows = await rawRows<{ detail: string }>(database, `explain query plan ${sql}`, bindings);
    return rows.map(({ detail }) => detail).join('\n');
  }
  return database.transaction(async (trx) => {
    // The tables of a test are small: without this their plans say nothing about large ones.
    await trx.knex.raw('set local enable_seqscan = off');
    const rows = await rawRows<{ 'QUERY PLAN': string }>(trx, `explain ${sql}`, bindings);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  });
}

/** Tables that hold a few rows however long an installation lives. */
const SMALL = ['simulated_clock', 'leader', 'folder'];
/** Partial indexes of what goes on: a plan may read them as a whole. */
const OPEN = ['task_lease', 'task_held'];

/** Large tables that a plan reads as a whole; what a part of it gave, with its limit, is none. */
export function scansOf({ dialect }: Database, plan: string): string[] {
  const pattern =
    dialect.name === 'sqlite' ? /^SCAN ([a-z]\w*)(?: USING (?:COVERING )?INDEX (\w+))?$/gm : /Seq Scan on (\w+)/g;
  const parts = [...plan.matchAll(/^CO-ROUTINE (\w+)/gm)].map(([, part]) => part);
  return [...plan.matchAll(pattern)]
    .filter(([, table = '', index = '']) => !SMALL.includes(table) && !parts.includes(table) && !OPEN.includes(index))
    .map(([, table = '']) => table);
}
