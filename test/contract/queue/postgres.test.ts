import { openDatabase, type Database } from '#store';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { queueSuite } from './suite.ts';

/** Every row that a test of the queue can have made hangs on these. */
const ROOTS = ['job', 'worker', 'outbox', 'leader', 'wake_up', 'pool', 'refusal', 'audit_event', 'note'];

let server: TestDatabase | undefined;
let database: Database | undefined;

/** One database for the suite, emptied before each test: making one takes longer than a test. */
async function emptyDatabase(): Promise<Database> {
  server ??= await createDatabase();
  if (database === undefined) {
    database = await openDatabase({
      client: 'postgres',
      file: '',
      url: server.url,
      poolMax: 8,
      statementTimeoutMs: 20_000,
      clock: 'simulated',
    });
    return database;
  }
  for (const table of ROOTS) await database.knex(table).delete();
  await database.knex('schema_version').where({ name: 'future' }).delete();
  return database;
}

after(async () => {
  await database?.close();
  await server?.close();
});

queueSuite('postgres', {
  open: async () => ({ database: await emptyDatabase(), close: async () => undefined }),
  walks: { seeds: 3, steps: 150 },
});
