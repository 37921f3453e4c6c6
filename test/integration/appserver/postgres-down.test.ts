import { expect } from 'chai';
import { isAppError } from '#contracts';
import { migrate, openDatabase, readClock } from '#store';
import { startPostgres } from '../../support/postgres.ts';

const OPTIONS = { client: 'postgres', file: '', poolMax: 3, statementTimeoutMs: 1_000 } as const;

describe('store: PostgreSQL that is not there', function () {
  this.timeout(60_000);

  it('answers DATABASE_UNAVAILABLE when it dies, and ends slow statements', async () => {
    const server = await startPostgres();
    const database = await openDatabase({ ...OPTIONS, url: server.url });
    try {
      await migrate(database);
      const slow = await database.knex.raw('select pg_sleep(30)').then(
        () => null,
        (err: unknown) => err,
      );
      expect(isAppError(slow, 'TIMEOUT')).to.equal(true);
      expect(await readClock(database)).to.be.a('number');
      const inside = database.transaction(async (trx) => {
        await readClock(trx);
        process.kill(server.pid, 'SIGKILL');
        for (;;) await readClock(trx);
      });
      expect(isAppError(await inside.catch((err: unknown) => err), 'DATABASE_UNAVAILABLE')).to.equal(true);
      const after = await readClock(database).catch((err: unknown) => err);
      expect(isAppError(after, 'DATABASE_UNAVAILABLE')).to.equal(true);
    } finally {
      await database.close();
      await server.close();
    }
  });

  it('says what is wrong with the credentials', async () => {
    const server = await startPostgres();
    try {
      const wrong = new URL(server.url);
      wrong.password = 'wrong';
      const refused = await openDatabase({ ...OPTIONS, url: wrong.href }).catch((err: unknown) => err);
      expect(isAppError(refused, 'CONFIG_INVALID')).to.equal(true);
      expect(String(refused)).not.to.include('wrong');
    } finally {
      await server.close();
    }
  });
});
