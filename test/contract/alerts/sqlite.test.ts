import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { migrate, openDatabase } from '#store';
import { alertsSuite } from './suite.ts';

alertsSuite('sqlite', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-sqlite-'));
  const file = path.join(folder, 'test.db');
  const database = await openDatabase({ client: 'sqlite', file, url: '', poolMax: 1, statementTimeoutMs: 10_000 });
  await migrate(database);
  await database.knex.raw('pragma foreign_keys = off');
  return {
    database,
    close: async () => {
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
