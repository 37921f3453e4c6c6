import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openDatabase, type ClockSource } from '#store';
import { queueSuite } from './suite.ts';
import type { TestStore } from './world.ts';

async function openSqlite(file: string, clock: ClockSource = 'simulated'): Promise<TestStore> {
  const database = await openDatabase({
    client: 'sqlite',
    file,
    url: '',
    poolMax: 1,
    statementTimeoutMs: 10_000,
    clock,
  });
  return { database, close: () => database.close() };
}

queueSuite('sqlite, in memory', { open: () => openSqlite(':memory:'), walks: { seeds: 8, steps: 250 } });

queueSuite('sqlite, file', {
  open: async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-sqlite-'));
    const { database } = await openSqlite(path.join(folder, 'test.db'));
    return {
      database,
      close: async () => {
        await database.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
  walks: { seeds: 1, steps: 100 },
});
