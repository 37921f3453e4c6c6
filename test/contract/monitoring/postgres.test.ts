import { openDatabase } from '#store';
import { createDatabase } from '../../support/postgres.ts';
import { monitoringSuite } from './suite.ts';

monitoringSuite('postgres', async () => {
  const server = await createDatabase();
  const { url } = server;
  const open = () => openDatabase({ client: 'postgres', file: '', url, poolMax: 4, statementTimeoutMs: 20_000 });
  const [first, second] = [await open(), await open()];
  return {
    first,
    second,
    close: async () => {
      await Promise.all([first.close(), second.close()]);
      await server.close();
    },
  };
});
