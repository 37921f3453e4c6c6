import { rawRows, type Database } from '#store';

/** Rows that are watched. */
const RELATIONS = ['job', 'task', 'attempt', 'task_seal', 'result', 'yarn_application', 'yarn_container'] as const;
export type Relation = (typeof RELATIONS)[number];
const OPERATIONS = ['insert', 'update', 'delete'] as const;

/** Large columns that no invariant is about. */
const LEFT_OUT = ['spec', 'beat_digest', 'diagnostics'];

/** One change of one row, in the order in which it was made. */
export interface Change {
  readonly sequence: number;
  /** By the database's clock, milliseconds since 1970. */
  readonly atMs: number;
  readonly relation: Relation;
  readonly operation: (typeof OPERATIONS)[number];
  /** The row after the change; of a deletion the row before. */
  readonly row: Readonly<Record<string, unknown>>;
}

/**
 * Makes the database keep every change of the queue's and the pools' rows in a table of its own, in the transaction of the change: what
 * was rolled back leaves no trace, what was committed always does.
 */
export async function recordHistory(database: Database): Promise<void> {
  const statements = database.dialect.name === 'sqlite' ? await sqliteTriggers(database) : postgresTriggers();
  for (const statement of statements) await database.knex.raw(statement);
}

/** Everything that was recorded. */
export async function readHistory(database: Database): Promise<Change[]> {
  const rows = await rawRows<{
    sequence: number;
    at_ms: number;
    relation: Relation;
    operation: Change['operation'];
    content: string;
  }>(database, 'select sequence, at_ms, relation, operation, content from history order by sequence');
  return rows.map(({ sequence, at_ms, relation, operation, content }) => ({
    sequence,
    atMs: at_ms,
    relation,
    operation,
    row: JSON.parse(content) as Change['row'], // an object: the triggers write nothing else
  }));
}

async function sqliteTriggers(database: Database): Promise<string[]> {
  const statements = [
    'create table history (sequence integer primary key autoincrement, at_ms integer, relation text, operation text, content text)',
  ];
  for (const relation of RELATIONS) {
    const columns = await rawRows<{ name: string }>(database, `select name from pragma_table_info('${relation}')`);
    const names = columns.map(({ name }) => name).filter((name) => !LEFT_OUT.includes(name));
    for (const operation of OPERATIONS) {
      const side = operation === 'delete' ? 'old' : 'new';
      const content = names.map((name) => `'${name}', ${side}.${name}`).join(', ');
      statements.push(
        `create trigger history_${relation}_${operation} after ${operation} on ${relation} begin
           insert into history (at_ms, relation, operation, content)
           values (${database.dialect.now}, '${relation}', '${operation}', json_object(${content})); end`,
      );
    }
  }
  return statements;
}

function postgresTriggers(): string[] {
  const leftOut = LEFT_OUT.map((name) => ` - '${name}'`).join('');
  return [
    'create table history (sequence bigserial primary key, at_ms bigint, relation text, operation text, content text)',
    `create function note_history() returns trigger language plpgsql as $$
     begin
       insert into history (at_ms, relation, operation, content)
       values (floor(extract(epoch from clock_timestamp()) * 1000)::bigint, tg_table_name, lower(tg_op),
         ((case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end)${leftOut})::text);
       return null;
     end $$`,
    ...RELATIONS.map(
      (relation) =>
        `create trigger history_${relation} after insert or update or delete on ${relation}
         for each row execute function note_history()`,
    ),
  ];
}
