import { openDatabase } from '#store';
import { createDatabase } from '../../support/postgres.ts';
import { housekeepingSuite } from './suite.ts';

housekeepingSuite('postgres', async () => {
  const server = await createDatabase();
  const options = { client: 'postgres', file: '', url: server.url, poolMax: 4, statementTimeoutMs: 20_000 } as const;
  const database = await openDatabase({ ...options, clock: 'simulated' });
  return {
    database,
    close: async () => {
      await database.close();
      await server.close();
    },
  };
});
