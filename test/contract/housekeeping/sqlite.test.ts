import { openDatabase } from '#store';
import { housekeepingSuite } from './suite.ts';

housekeepingSuite('sqlite', async () => {
  const options = { client: 'sqlite', file: ':memory:', url: '', poolMax: 1, statementTimeoutMs: 10_000 } as const;
  const database = await openDatabase({ ...options, clock: 'simulated' });
  return { database, close: () => database.close() };
});
