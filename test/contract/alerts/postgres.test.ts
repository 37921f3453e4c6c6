import { migrate, openDatabase } from '#store';
import { createDatabase } from '../../support/postgres.ts';
import { alertsSuite } from './suite.ts';

alertsSuite('postgres', async () => {
  const server = await createDatabase();
  const { url } = server;
  const database = await openDatabase({ client: 'postgres', file: '', url, poolMax: 1, statementTimeoutMs: 20_000 });
  await migrate(database);
  // One connection: what it does not check, nobody does.
  await database.knex.raw('set session_replication_role = replica');
  return {
    database,
    close: async () => {
      await database.close();
      await server.close();
    },
  };
});
