import { expect } from 'chai';
import type { ClaimedTask } from '#contracts';
import { addPoolSecret, listPools } from '#store';
import type { Stage } from './stage.ts';
import { LEASE_MS, POOL_SECRET, refused, REGISTER, World } from './world.ts';

/** Who may speak. */
export function tokensCases(stage: Stage): void {
  describe('pools and registration', () => {
    it('accept a secret of the very pool, and the versions of this protocol only', async () => {
      const { protocol, database } = stage.world;
      await addPoolSecret(database, 'second', 'of the second');
      await refused(protocol.register('wrong', REGISTER), 'POOL_SECRET_INVALID');
      await refused(protocol.register('of the second', REGISTER), 'POOL_SECRET_INVALID');
      await refused(protocol.register(POOL_SECRET, { ...REGISTER, pool: 'second' }), 'POOL_SECRET_INVALID');
      await refused(protocol.register(POOL_SECRET, { ...REGISTER, pool: 'none' }), 'POOL_SECRET_INVALID');
      await protocol.register('of the second', { ...REGISTER, pool: 'second' });
      for (const protocolVersion of [0, 3, 99]) {
        const answer = protocol.register(POOL_SECRET, { ...REGISTER, protocolVersion });
        await refused(answer, 'PROTOCOL_VERSION');
        expect(await answer.catch(String)).to.include('expected version 1, 2');
      }
      for (const protocolVersion of [1, 2]) await protocol.register(POOL_SECRET, { ...REGISTER, protocolVersion });
    });

    it('keep several secrets at once, each until its end by the database’s clock', async () => {
      const { world } = stage;
      await addPoolSecret(world.database, 'default', 'new');
      await world.protocol.register('new', REGISTER);
      await world.protocol.register(POOL_SECRET, REGISTER);
      await addPoolSecret(world.database, 'default', POOL_SECRET, 60_000);
      await world.advance(59_999);
      await addPoolSecret(world.database, 'default', POOL_SECRET, 60_000);
      await world.protocol.register(POOL_SECRET, REGISTER);
      await world.advance(1);
      await refused(world.protocol.register(POOL_SECRET, REGISTER), 'POOL_SECRET_INVALID');
      await world.protocol.register('new', REGISTER);
      const [pool] = await listPools(world.database, LEASE_MS);
      expect(pool).to.include({ name: 'default', secretCount: 1, archiveSha256: null });
    });

    it('of replicas with different key files accept the secrets of both', async () => {
      const second = await World.open(stage.store, {}, 'secret of the second replica');
      try {
        for (const { protocol } of [stage.world, second]) {
          for (const secret of [POOL_SECRET, 'secret of the second replica']) await protocol.register(secret, REGISTER);
        }
        await stage.world.addTask();
        const claimed = await second.take(stage.worker);
        expect((await stage.world.beat(claimed)).directive).to.equal('continue');
      } finally {
        await second.close();
      }
    });
  });

  describe('tokens', () => {
    const statements = (claimed: ClaimedTask): Readonly<Record<string, () => Promise<unknown>>> => {
      const { world } = stage;
      return {
        start: () => world.start(claimed),
        beat: () => world.beat(claimed),
        resume: () => world.resume(claimed),
        checkpoint: () => world.checkpoint(claimed, { name: 'c', sizeBytes: 1, sha256: '0'.repeat(64) }, 1),
        seal: () => world.seal(claimed, []),
        commit: () => world.commit(claimed),
        fail: () => world.fail(claimed),
      };
    };

    it('are good for their own task and fence only', async () => {
      const { world } = stage;
      await world.addTask();
      await world.addTask();
      const old = await world.take(stage.worker);
      await world.fail(old, 'worker');
      const mine = await world.take(stage.worker);
      const theirs = await world.take(stage.other);
      const foreign = {
        'another task’s token': { ...theirs, leaseToken: mine.leaseToken },
        'an older fence’s token': { ...theirs, leaseToken: old.leaseToken },
        'a fence to come': { ...mine, fence: mine.fence + 1 },
        'an unknown task': { ...mine, taskId: 'task_unknown' },
        'the worker’s token': { ...mine, leaseToken: stage.worker.token },
        'the pool’s secret': { ...mine, leaseToken: POOL_SECRET },
        'no token': { ...mine, leaseToken: '' },
      };
      const before = [await world.snapshot(mine.taskId), await world.snapshot(theirs.taskId)];
      for (const [what, claimed] of Object.entries(foreign)) {
        for (const [verb, statement] of Object.entries(statements(claimed))) {
          await refused(statement(), 'LEASE_TOKEN_INVALID').catch((err: unknown) => {
            throw new Error(`${what}: ${verb}`, { cause: err });
          });
        }
      }
      expect([await world.snapshot(mine.taskId), await world.snapshot(theirs.taskId)]).to.deep.equal(before);
    });

    it('say nothing new once their task has ended', async () => {
      const { world } = stage;
      const task = await world.addTask();
      const claimed = await world.take(stage.worker);
      await world.seal(claimed);
      await world.commit(claimed);
      const before = await world.snapshot(task.id);
      const { seal, commit, fail, ...others } = statements(claimed);
      for (const statement of Object.values(others)) await refused(statement(), 'TASK_FENCED');
      await refused(seal?.() ?? Promise.resolve(), 'CONFLICT');
      for (const repeat of [commit, fail]) expect(await repeat?.()).to.deep.equal({ state: 'SUCCEEDED' });
      expect(await world.snapshot(task.id)).to.deep.equal(before);
    });

    it('of workers are good for that worker only', async () => {
      const { world, worker, other } = stage;
      await world.addTask();
      await refused(world.claim({ id: worker.id, token: other.token }), 'UNAUTHENTICATED');
      await refused(world.claim({ id: 'worker_unknown', token: other.token }), 'UNAUTHENTICATED');
      await refused(world.claim({ id: worker.id, token: POOL_SECRET }), 'UNAUTHENTICATED');
      await refused(world.protocol.drain(other.token, worker.id, { reason: 'r' }), 'UNAUTHENTICATED');
      const claimed = await world.take(worker);
      await refused(world.claim({ id: worker.id, token: claimed.leaseToken }), 'UNAUTHENTICATED');
    });

    it('are nowhere in the database', async () => {
      const { world, worker } = stage;
      await world.addTask();
      const claimed = await world.take(worker);
      await world.start(claimed, { log: ['x'] });
      const tables = [
        'worker',
        'attempt',
        'task',
        'outbox',
        'pool',
        'pool_secret',
        'refusal',
        'audit_event',
        'task_log',
      ];
      for (const table of tables) {
        const text = JSON.stringify(await world.database.knex(table).select('*'));
        for (const secret of [claimed.leaseToken, worker.token, POOL_SECRET]) expect(text).not.to.include(secret);
      }
    });
  });
}
