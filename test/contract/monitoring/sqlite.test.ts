import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openDatabase } from '#store';
import { monitoringSuite } from './suite.ts';

monitoringSuite('sqlite', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-monitoring-'));
  const file = path.join(folder, 'monitoring.db');
  const open = () => openDatabase({ client: 'sqlite', file, url: '', poolMax: 4, statementTimeoutMs: 20_000 });
  const [first, second] = [await open(), await open()];
  return {
    first,
    second,
    close: async () => {
      await Promise.all([first.close(), second.close()]);
      rmSync(folder, { recursive: true });
    },
  };
});
