import { setTimeout as delay } from 'node:timers/promises';
import SqliteDatabase from 'better-sqlite3';
import { expect } from 'chai';
import { Client } from 'pg';
import { isAppError } from '#contracts';
import { createLogger } from '#runtime';
import { migrate, MIGRATIONS, openDatabase, rawRows, SCHEMA_VERSION, type Database } from '#store';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { OldProgram, type Send } from './old-program.ts';

const OLD = MIGRATIONS.slice(0, 2);
/** What a claim may wait at most while the schema is migrated. */
const CLAIM_MS_MAX = 2_000;
const PROGRAMS = 6;
/** Tasks of the history that the migration finds. */
const TASKS = 5_000;

const open = (client: 'sqlite' | 'postgres', place: string): Promise<Database> =>
  openDatabase({ client, file: place, url: place, poolMax: 4, statementTimeoutMs: 20_000 });

async function expectDone(database: Database, taskId: string): Promise<void> {
  const rows = await rawRows(
    database,
    `select task.state, task.fence, job.state as job_state, result.fence as result_fence
     from task join job on job.id = task.job_id left join result on result.task_id = task.id where task.id = ?`,
    [taskId],
  );
  expect(rows).to.deep.equal([{ state: 'SUCCEEDED', fence: 1, job_state: 'succeeded', result_fence: 1 }]);
}

describe('migrations: the program of schema version 2 on sqlite', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-migrations-'));
    file = path.join(folder, 'test.db');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const sendBy =
    (connection: SqliteDatabase.Database): Send =>
    (sql, bindings) => {
      const statement = connection.prepare(sql);
      if (statement.reader) return statement.all(...bindings);
      return Array.from({ length: statement.run(...bindings).changes }, () => ({}));
    };

  it('does whole tasks before, across and after the migration', async () => {
    const database = await open('sqlite', file);
    await migrate(database, OLD);
    const connection = new SqliteDatabase(file);
    const { steps } = new OldProgram('sqlite', 'none', sendBy(connection));
    expect(steps).to.deep.equal(['create', 'register', 'identify', 'claim', 'start', 'beat', 'seal', 'commit', 'reap']);
    const program = new OldProgram('sqlite', 'a', sendBy(connection));
    const across = await program.live(async (step) => {
      if (step === 'start') expect(await migrate(database)).to.deep.equal({ from: 2, to: SCHEMA_VERSION });
    });
    for (const id of [across, await program.live()]) await expectDone(database, `task-${id}`);
    connection.close();
    await database.close();
  });
});

describe('migrations: the program of schema version 2 on postgres', function () {
  this.timeout(60_000);
  let server: TestDatabase;
  let database: Database;
  const clients: Client[] = [];

  beforeEach(async () => {
    server = await createDatabase();
    database = await open('postgres', server.url);
    await migrate(database, OLD);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
    await database.close();
    await server.close();
  });

  const connect = async (): Promise<Client> => {
    const client = new Client({ connectionString: server.url, statement_timeout: 20_000 });
    clients.push(client);
    await client.connect();
    return client;
  };
  const sendBy =
    (client: Client): Send =>
    async (sql, bindings) => {
      const { rows, rowCount } = await client.query<Record<string, unknown>>(sql, [...bindings]);
      return rows.length > 0 ? rows : Array.from({ length: rowCount ?? 0 }, () => ({}));
    };
  const program = async (name: string): Promise<OldProgram> =>
    new OldProgram('postgres', name, sendBy(await connect()));

  it('does whole tasks before, across and after the migration', async () => {
    const old = await program('a');
    const across = await old.live(async (step) => {
      if (step === 'start') expect(await migrate(database)).to.deep.equal({ from: 2, to: SCHEMA_VERSION });
    });
    for (const id of [across, await old.live()]) await expectDone(database, `task-${id}`);
  });

  it('loses no statement and waits for no claim long while the schema is migrated under load', async () => {
    await fillQueue(database);
    let isMigrated = false;
    const programs = await Promise.all(Array.from({ length: PROGRAMS }, (_, index) => program(`p${index}`)));
    const done: string[] = [];
    const load = programs.map(async (old) => {
      // At least two lives on each side of the migration.
      for (let after = 0; after < 2; after += isMigrated ? 1 : 0) done.push(await old.live());
    });
    const migrated = (async () => {
      while (done.length < 2 * PROGRAMS) await delay(5);
      const started = performance.now();
      expect(await migrate(database)).to.deep.equal({ from: 2, to: SCHEMA_VERSION });
      isMigrated = true;
      return performance.now() - started;
    })();
    const [migrationMs] = await Promise.all([migrated, ...load]);
    for (const id of done) await expectDone(database, `task-${id}`);
    const longest = (step: string) => Math.max(...programs.map(({ longestMs }) => longestMs.get(step) ?? 0));
    for (const step of ['claim', 'start', 'beat', 'seal', 'commit'])
      expect(longest(step), `${step}, migration ${Math.round(migrationMs)} ms`).to.be.below(CLAIM_MS_MAX);
  });

  it('gives way to a transaction that holds a table, says so, and claims go on meanwhile', async () => {
    const holder = await connect();
    await holder.query('begin');
    await holder.query('lock table task in access share mode');
    const lines: string[] = [];
    const logger = createLogger({ program: 'test', write: (line) => lines.push(line) });
    const migrating = migrate(database, undefined, { logger });
    const old = await program('b');
    for (let life = 0; life < 3; life += 1) await expectDone(database, `task-${await old.live()}`);
    expect(old.longestMs.get('claim')).to.be.below(CLAIM_MS_MAX);
    while (lines.length === 0) await delay(5);
    expect(lines[0]).to.include('migration_wait').and.include('hold the tables that are to be changed');
    await holder.query('commit');
    expect(await migrating).to.deep.equal({ from: 2, to: SCHEMA_VERSION });
  });

  it('waits for an app server that migrates, says so once, and gives up after its limit', async () => {
    const holder = await connect();
    await holder.query('begin');
    await holder.query('select pg_advisory_xact_lock(7218410)');
    const lines: string[] = [];
    const logger = createLogger({ program: 'test', write: (line) => lines.push(line) });
    const err = await migrate(database, undefined, { logger, waitMs: 500 }).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(isAppError(err, 'TIMEOUT') && err.message).to.include('another app server is migrating');
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include('another app server is migrating');
    await holder.query('commit');
    expect(await migrate(database)).to.deep.equal({ from: 2, to: SCHEMA_VERSION });
  });
});

/** Finished tasks, so that the migration has rows to go through. */
async function fillQueue({ knex }: Database): Promise<void> {
  await knex.raw(
    `insert into job (id, kind, state, user_id, created_at, finished_at)
     select 'old-' || n, 'batch-predict', 'succeeded', 'u', n, n from generate_series(1, ${TASKS}) as n`,
  );
  await knex.raw(
    `insert into task (id, job_id, job_position, share_key, run_as, kind, spec, idempotency_key, priority, state, fence,
       not_before, created_at, finished_at)
     select 'old-' || n, 'old-' || n, 0, 'project-old', 'u', 'batch-predict', '{}', 'old-' || n, 0, 'SUCCEEDED', 1, n, n, n
     from generate_series(1, ${TASKS}) as n`,
  );
}
