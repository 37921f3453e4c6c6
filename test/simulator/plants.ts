import type SqliteDatabase from 'better-sqlite3';
import { currentRequest, type ServedRequest } from './app-server.ts';

type Row = Record<string, unknown>;

/** A fault that is put between the product and its database, to see whether the simulator finds it. */
export interface Plant {
  readonly name: string;
  /** What a careless change of the product would do. */
  readonly summary: string;
  /** Another text for a statement; its placeholders stay as many. */
  readonly rewrite: (sql: string) => string;
  /** Another row for one that a statement read; `request` is what the app server is answering, null in its duties. */
  readonly alter: (row: Row, sql: string, request: ServedRequest | null) => Row;
}

/** The statement by which the product reads the task that it has locked. */
const READS_TASK = /^select \* from `task` where `id` = \?$/;
/** The statement by which it changes that task, and the one that ends its attempt. */
const UPDATES_TASK = /^update `task` .* where `id` = \? and `fence` = \? and `state` = \?$/s;
const UPDATES_ATTEMPT = /^update `attempt` /;

const isCompletion = (request: ServedRequest | null): request is ServedRequest =>
  request !== null && (request.verb === 'seal' || request.verb === 'commit');

/** A guard that holds whatever the row says. */
const unguarded = (sql: string, guard: string): string => sql.replace(`and ${guard}`, `and (${guard} or 1 = 1)`);

const asHeldBy = (row: Row, { fence }: ServedRequest): Row => ({ ...row, fence });
const isHeld = ({ state }: Row): boolean => state === 'LEASED' || state === 'RUNNING' || state === 'COMMITTING';

const forgetsFence = (sql: string): string => {
  if (UPDATES_TASK.test(sql)) return unguarded(unguarded(sql, '`fence` = ?'), '`state` = ?');
  return UPDATES_ATTEMPT.test(sql) ? unguarded(sql, '`ended_at` is null') : sql;
};

export const PLANTS: readonly Plant[] = [
  {
    name: 'complete-by-id',
    summary: 'seal and commit look for the task by its id and forget the fence',
    rewrite: forgetsFence,
    alter: (row, sql, request) => (READS_TASK.test(sql) && isCompletion(request) ? asHeldBy(row, request) : row),
  },
  {
    name: 'complete-if-active',
    summary: 'seal and commit ask whether somebody holds the task, not who',
    rewrite: forgetsFence,
    alter: (row, sql, request) =>
      READS_TASK.test(sql) && isCompletion(request) && isHeld(row) ? asHeldBy(row, request) : row,
  },
  {
    name: 'reaper-expires-sealed',
    summary: 'the reaper gives sealed tasks out again instead of committing what was sealed',
    rewrite: (sql) => (UPDATES_TASK.test(sql) ? unguarded(sql, '`state` = ?') : sql),
    alter: (row, sql, request) =>
      request === null && row['state'] === 'COMMITTING' && (READS_TASK.test(sql) || sql.includes('lease_until <'))
        ? { ...row, state: 'RUNNING' }
        : row,
  },
  {
    name: 'beat-ignores-fence',
    summary: 'a beat renews the lease of whoever holds the task',
    rewrite: (sql) => (/^update task set\s+.*lease_until/s.test(sql) ? unguarded(sql, 'fence = ?') : sql),
    alter: (row) => row,
  },
  {
    name: 'checkpoint-ignores-fence',
    summary: 'a checkpoint of any attempt is taken down',
    rewrite: (sql) =>
      /^update task set\s+.*lease_until/s.test(sql)
        ? sql.replace('and fence = ?', "and (fence = ? or served_verb() = 'checkpoint')")
        : sql,
    alter: (row) => row,
  },
  {
    name: 'sweeper-forgets-results',
    summary: 'the object sweeper does not ask whether a folder holds a recorded result',
    rewrite: (sql) =>
      sql.replace('union select path from result where', 'union select path from result where 1 = 0 and'),
    alter: (row) => row,
  },
  {
    name: 'sweeper-forgets-checkpoints',
    summary: 'the object sweeper does not ask whether a checkpoint of an unfinished task lies in a folder',
    rewrite: (sql) => sql.replace('and task.checkpoint like', 'and 1 = 0 and task.checkpoint like'),
    alter: (row) => row,
  },
];

/** A database connection with a plant in front of it. */
export class PlantedDatabase {
  readonly #plant: Plant;
  #count = 0;

  constructor(plant: Plant) {
    this.#plant = plant;
  }

  /** Statements and rows that were altered: a plant that no longer fits the product's SQL proves nothing. */
  get alteredCount(): number {
    return this.#count;
  }

  /** Stands between the product and a connection from now on. */
  install(connection: SqliteDatabase.Database): void {
    connection.function('served_verb', () => currentRequest()?.verb ?? '');
    const prepare = connection.prepare.bind(connection);
    const planted = (sql: string) => {
      const rewritten = this.#plant.rewrite(sql);
      if (rewritten !== sql) this.#count += 1;
      const statement = prepare(rewritten);
      return {
        reader: statement.reader,
        run: (...bindings: unknown[]) => statement.run(...bindings),
        all: (...bindings: unknown[]) => statement.all(...bindings).map((row) => this.#alter(row as Row, sql)), // rows are objects
      };
    };
    connection.prepare = planted as unknown as typeof connection.prepare; // all that the store's client uses of a statement
  }

  #alter(row: Row, sql: string): Row {
    const altered = this.#plant.alter(row, sql, currentRequest());
    if (altered !== row) this.#count += 1;
    return altered;
  }
}
