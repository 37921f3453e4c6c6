import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { toProblem, AppError } from '#contracts';
import { drainWorker, getWorker, keepWorker, listPools, listWorkers, setPoolArchive } from '#store';
import {
  BeatAnswerV1,
  BeatRequestV1,
  ClaimedTaskV1,
  ClaimRequestV1,
  readV1,
  REGISTER_V1,
  RegisterAnswerV1,
  TransitionAnswerV1,
} from './frozen-v1.ts';
import { numberRule, type MemoryColumn } from '../../support/memory-table.ts';
import { planOf, trainTask } from '../../support/modelling-task.ts';
import type { Stage } from './stage.ts';
import { LEASE_MS, OUTCOME, POOL_SECRET, refused } from './world.ts';

const signal = new AbortController().signal;
const BEAT_V1 = { progress: { fraction: 0.5, phase: 'p', message: 'm', iteration: 3 }, memoryBytes: 5, log: ['line'] };

/** Workers of the version before, and workers that are to end. */
export function versionsCases(stage: Stage): void {
  describe('a worker of version 1', () => {
    const registerV1 = async () =>
      readV1(RegisterAnswerV1, await stage.world.protocol.register(POOL_SECRET, REGISTER_V1));
    const claimV1 = async (workerId: string, token: string, requestId: string) => {
      const request = readV1(ClaimRequestV1, { workerId, requestId, waitMs: 0, cachedDatasets: [] });
      const answer = await stage.world.protocol.claim(token, request, signal);
      return answer === null ? null : readV1(ClaimedTaskV1, answer);
    };

    it('takes a task from registration to its result and understands every answer', async () => {
      const { protocol, objects } = stage.world;
      const task = await stage.world.addTask();
      const { workerId, workerToken } = await registerV1();
      const claimed = await claimV1(workerId, workerToken, 'r1');
      if (claimed === null) throw new Error('expected a task; found none');
      expect(await claimV1(workerId, workerToken, 'r1'), 'the same again').to.deep.equal(claimed);
      const { taskId, fence, leaseToken, attemptPath } = claimed;
      const beat = readV1(BeatRequestV1, { fence, ...BEAT_V1 });
      for (const verb of ['start', 'beat', 'resume'] as const) {
        expect(readV1(BeatAnswerV1, await protocol[verb](leaseToken, taskId, beat)).directive).to.equal('continue');
      }
      const bytes = Buffer.from('a result');
      await objects.write(`${attemptPath}/manifest.json`, bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const files = [{ name: 'manifest.json', sizeBytes: bytes.length, sha256 }];
      const sealed = await protocol.seal(leaseToken, taskId, { fence, files, outcome: OUTCOME, log: [] });
      expect(readV1(TransitionAnswerV1, sealed).state).to.equal('COMMITTING');
      const committed = await protocol.commit(leaseToken, taskId, { fence });
      expect(readV1(TransitionAnswerV1, committed).state).to.equal('SUCCEEDED');
      expect((await stage.world.task(task.id)).state).to.equal('SUCCEEDED');
    });

    it('is told nothing of a checkpoint that the task has', async () => {
      const { world } = stage;
      await world.addTask();
      const first = await world.take(stage.worker);
      await world.checkpoint(first, await world.writeCheckpoint(first, 5), 5);
      await world.fail(first, 'worker');
      const { workerId, workerToken } = await registerV1();
      expect(await claimV1(workerId, workerToken, 'r1')).to.include({ taskId: first.taskId, fence: 2 });
    });

    it('is not asked to look for target leakage, which a worker of this version is', async () => {
      const { world } = stage;
      const columns: readonly MemoryColumn[] = ['a', 'y'].map((name, index) => ({
        ...{ name, parse: numberRule },
        cells: Array.from({ length: 60 }, (_, row) => String((row * (3 + index)) % (11 + index))),
      }));
      const plan = await planOf(columns, { target: 'y', targetType: 'regression' });
      const spec = trainTask(columns, plan, {
        blueprintId: 'baseline',
        findsLeakage: true,
        leakageSearch: { msMax: 9 },
      });
      await world.addTask({ spec });
      await world.addTask({ spec });
      const { findsLeakage: _, leakageSearch: __, ...known } = spec;
      const { workerId, workerToken } = await registerV1();
      expect((await claimV1(workerId, workerToken, 'r1'))?.spec).to.deep.equal(known);
      expect(await world.take(stage.worker))
        .to.have.property('spec')
        .that.deep.equals(spec);
    });

    it('profiles a table at once, and is given no part of a profile', async () => {
      const { world } = stage;
      const file = { path: '/t/a', sizeBytes: 9, modifiedAt: 1 };
      const ingest = {
        ...{ kind: 'ingest' as const, datasetId: 'ds_1', options: {} },
        input: { type: 'hdfs' as const, format: 'parquet' as const, files: [file] },
      };
      const spec = { ...ingest, parts: { cellsMin: 4, countMax: 8 } };
      const table = { rowCount: 9, columns: [], files: [] };
      const part = { index: 0, count: 2, tableRows: 18, rowsBefore: 0, from: 0, to: 9 };
      const state = { path: 'profiles/t/1-a/state.ndjson', sizeBytes: 1, sha256: '0'.repeat(64) };
      await world.addTask({ spec: { kind: 'profile-part', datasetId: 'ds_1', table, part } });
      const merge = { kind: 'profile-merge' as const, datasetId: 'ds_1', table, parts: [state, state] };
      await world.addTask({ spec: { ...merge, columnWarnings: [] } });
      await world.addTask({ spec });
      await world.addTask({ spec });
      const { workerId, workerToken } = await registerV1();
      expect((await claimV1(workerId, workerToken, 'r1'))?.spec).to.deep.equal(ingest);
      const given = [await world.take(stage.worker), await world.take(stage.worker), await world.take(stage.worker)];
      expect(given.map((task) => task.spec.kind)).to.have.members(['profile-part', 'profile-merge', 'ingest']);
      expect(given.find((task) => task.spec.kind === 'ingest')?.spec).to.deep.equal(spec);
      expect(await claimV1(workerId, workerToken, 'r2')).to.equal(null);
    });

    it('is never given a member of a group, nor told to wait', async () => {
      const { world } = stage;
      await world.addGroup(1);
      const { workerId, workerToken } = await registerV1();
      expect(await claimV1(workerId, workerToken, 'r1')).to.equal(null);
      expect(await world.take(stage.worker))
        .to.have.property('group')
        .that.includes({ size: 1, rank: 0 });
    });

    it('gets no task and no refusal while it is to end', async () => {
      const { world } = stage;
      await world.addTask();
      const { workerId, workerToken } = await registerV1();
      await drainWorker(world.database, workerId, 'test');
      expect(await claimV1(workerId, workerToken, 'r1')).to.equal(null);
    });

    it('reports a failure with a problem of its own version', async () => {
      const { world } = stage;
      const task = await world.addTask();
      const { workerId, workerToken } = await registerV1();
      const claimed = await claimV1(workerId, workerToken, 'r1');
      if (claimed === null) throw new Error('expected a task; found none');
      const { taskId, fence, leaseToken } = claimed;
      const problem = toProblem(new AppError('TASK_CHILD_DIED', 'it died'), null);
      const failed = await world.protocol.fail(leaseToken, taskId, { fence, blame: 'user', problem, log: [] });
      expect(readV1(TransitionAnswerV1, failed).state).to.equal('FAILED');
      expect((await world.task(task.id)).problem?.code).to.equal('TASK_CHILD_DIED');
    });
  });

  describe('a worker that is to end', () => {
    it('says so itself, again and again, finishes its task, and gets no other', async () => {
      const { world, worker } = stage;
      await world.addTask();
      await world.addTask();
      const claimed = await world.take(worker, 'r1');
      for (const reason of ['signal', 'signal', 'another']) {
        expect(await world.protocol.drain(worker.token, worker.id, { reason })).to.deep.equal({ draining: true });
      }
      expect((await getWorker(world.database, worker.id))?.drainReason).to.equal('signal');
      expect((await world.start(claimed)).directive).to.equal('drain');
      expect((await world.beat(claimed)).directive).to.equal('drain');
      expect(await world.take(worker, 'r1'), 'a claim whose answer was lost').to.deep.equal(claimed);
      await refused(world.claim(worker), 'WORKER_DRAINING');
      await world.seal(claimed);
      expect(await world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      await refused(world.claim(worker, { requestId: 'r1' }), 'WORKER_DRAINING');
      await world.take(stage.other);
    });

    it('is kept when the operator takes that back', async () => {
      const { world, worker } = stage;
      await world.addTask();
      expect(await drainWorker(world.database, worker.id, 'x'.repeat(500))).to.equal(true);
      expect((await getWorker(world.database, worker.id))?.drainReason).to.have.length(200);
      await refused(world.claim(worker), 'WORKER_DRAINING');
      expect(await keepWorker(world.database, worker.id)).to.equal(true);
      await world.take(worker);
      expect(await drainWorker(world.database, 'worker_unknown', 'x')).to.equal(false);
      expect(await keepWorker(world.database, 'worker_unknown')).to.equal(false);
    });

    it('runs from another archive than its pool wants', async () => {
      const { world } = stage;
      const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
      const ofA = await world.addWorker({ archiveSha256: a });
      await world.addTask();
      await world.addTask();
      const claimed = await world.take(ofA);
      expect(await setPoolArchive(world.database, 'default', b)).to.equal(true);
      expect((await world.beat(claimed)).directive).to.equal('drain');
      for (const one of [ofA, stage.worker, await world.addWorker({ archiveSha256: a })]) {
        await refused(world.claim(one), 'WORKER_DRAINING');
      }
      const ofB = await world.addWorker({ archiveSha256: b });
      await world.take(ofB);
      const [pool] = await listPools(world.database, LEASE_MS);
      expect(pool).to.include({ archiveSha256: b, liveCount: 5, drainingCount: 4 });
      await setPoolArchive(world.database, 'default', null);
      expect((await world.beat(claimed)).directive, 'taken back').to.equal('continue');
      expect(await setPoolArchive(world.database, 'none', b)).to.equal(false);
    });

    it('speaks a version that is not accepted any more', async () => {
      const { world, worker } = stage;
      await world.addTask();
      await world.addTask();
      const claimed = await world.take(worker);
      await world.database.knex('worker').where({ id: worker.id }).update({ protocol_version: 0 });
      expect((await world.beat(claimed)).directive).to.equal('drain');
      expect(await world.claim(worker), 'a version before the refusals').to.equal(null);
      const found = (await listWorkers(world.database, LEASE_MS, 10)).find(({ id }) => id === worker.id);
      expect(found?.drainReason).to.equal('protocol version not accepted');
      await world.seal(claimed);
      expect(await world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
    });
  });
}
