import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { openDatabase } from '#store';
import { dutiesSuite } from './suite.ts';

dutiesSuite('sqlite', async (clock) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-sqlite-'));
  const file = path.join(folder, 'test.db');
  const open = () => openDatabase({ client: 'sqlite', file, url: '', poolMax: 1, statementTimeoutMs: 10_000, clock });
  const [first, second] = [await open(), await open()];
  return {
    first: { database: first, close: () => first.close() },
    second: {
      database: second,
      close: async () => {
        await second.close();
        await rm(folder, { recursive: true, force: true });
      },
    },
  };
});
