import { openDatabase } from '#store';
import { createDatabase } from '../../support/postgres.ts';
import { dutiesSuite } from './suite.ts';

dutiesSuite('postgres', async (clock) => {
  const server = await createDatabase();
  const { url } = server;
  const open = () => openDatabase({ client: 'postgres', file: '', url, poolMax: 4, statementTimeoutMs: 20_000, clock });
  const [first, second] = [await open(), await open()];
  return {
    first: { database: first, close: () => first.close() },
    second: {
      database: second,
      close: async () => {
        await second.close();
        await server.close();
      },
    },
  };
});
