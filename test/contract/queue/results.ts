import { expect } from 'chai';
import { AppError } from '#contracts';
import { createJob, createTask, getJob, listQueue, readTaskLog } from '#store';
import type { Stage } from './stage.ts';
import { LEASE_MS, refused } from './world.ts';

/** How a result comes to be recorded. */
export function resultsCases(stage: Stage): void {
  describe('the way to a result', () => {
    it('goes through start, beat, seal and commit; the job follows', async () => {
      const task = await stage.world.addTask();
      const job = () => getJob(stage.world.database, task.jobId);
      expect((await job())?.state).to.equal('queued');
      const claimed = await stage.world.take(stage.worker);
      expect((await stage.world.task(task.id)).state).to.equal('LEASED');
      await stage.world.start(claimed);
      expect((await stage.world.task(task.id)).state).to.equal('RUNNING');
      expect((await job())?.state).to.equal('running');
      const progress = { fraction: 0.5, phase: 'half', message: 'way', iteration: 7 };
      await stage.world.advance(LEASE_MS - 1);
      const answer = await stage.world.beat(claimed, { progress, memoryBytes: 5, log: ['one', 'two'] });
      expect(answer).to.deep.equal({ directive: 'continue', leaseMs: LEASE_MS, remainingMs: null });
      expect((await job())?.progress).to.deep.equal({ fraction: 0.5, phase: 'half', message: 'way' });
      expect(await stage.world.seal(claimed)).to.deep.equal({ state: 'COMMITTING' });
      expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      expect(await job()).to.deep.include({ state: 'succeeded', error: null });
      expect((await job())?.progress.fraction).to.equal(1);
      const rows = await stage.world.database.knex('result');
      const [file] = await stage.world.writeFiles(claimed);
      expect(rows).to.have.length(1);
      expect(rows[0]).to.deep.include({ task_id: task.id, path: claimed.attemptPath, manifest_sha256: file?.sha256 });
      expect((await stage.world.notes()).get(task.id)).to.deep.equal(['SUCCEEDED']);
      const lines = (await readTaskLog(stage.world.database, task.id)).map(({ line }) => line);
      expect(lines).to.deep.equal(['one', 'two', 'sealing']);
    });

    it('answers repeats of every statement as the first time, and records nothing twice', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      const twice = async (statement: () => Promise<unknown>) => {
        const first = await statement();
        const after = await stage.world.snapshot(task.id);
        expect(await statement()).to.deep.equal(first);
        expect(await stage.world.snapshot(task.id)).to.deep.equal(after);
      };
      await twice(() => stage.world.start(claimed));
      await twice(() => stage.world.beat(claimed, { log: ['once'], memoryBytes: 3 }));
      await twice(() => stage.world.resume(claimed, { memoryBytes: 4 }));
      await twice(() => stage.world.seal(claimed));
      await twice(() => stage.world.commit(claimed));
      expect(await stage.world.seal(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
      expect(await stage.world.fail(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
    });

    it('answers a repeated fail as the first time, also when the task is elsewhere', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      expect(await stage.world.fail(claimed, 'worker', ['last words'])).to.deep.equal({ state: 'READY' });
      const next = await stage.world.take(stage.other);
      const before = await stage.world.snapshot(task.id);
      expect(await stage.world.fail(claimed, 'worker', ['last words'])).to.deep.equal({ state: 'READY' });
      expect(await stage.world.snapshot(task.id)).to.deep.equal(before);
      await stage.world.start(next);
    });

    it('refuses another content under the same fence, and a commit of nothing', async () => {
      await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await refused(stage.world.commit(claimed), 'CONFLICT');
      const files = await stage.world.writeFiles(claimed);
      await stage.world.seal(claimed, files);
      await refused(stage.world.seal(claimed, []), 'CONFLICT');
      expect(await stage.world.seal(claimed, files)).to.deep.equal({ state: 'COMMITTING' });
      await stage.world.commit(claimed);
    });

    it('refuses an outcome of another kind and a file named twice', async () => {
      await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      const [file] = await stage.world.writeFiles(claimed);
      if (file === undefined) throw new Error('one file was written');
      await refused(stage.world.seal(claimed, [file, file]), 'VALIDATION_FAILED');
      const outcome = { kind: 'ingest' } as never; // only the kind matters
      const { leaseToken, taskId, fence } = claimed;
      await refused(
        stage.world.protocol.seal(leaseToken, taskId, { fence, files: [], outcome, log: [] }),
        'VALIDATION_FAILED',
      );
    });

    it('rolls everything back when the follow-up fails, and succeeds later', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed);
      const before = await stage.world.snapshot(task.id);
      stage.world.committed = async () => {
        throw new AppError('DATABASE_UNAVAILABLE', 'just now');
      };
      await refused(stage.world.commit(claimed), 'DATABASE_UNAVAILABLE');
      expect(await stage.world.snapshot(task.id)).to.deep.equal(before);
      stage.world.committed = async () => undefined;
      expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
    });

    it('lets a follow-up make the next tasks in the same transaction', async () => {
      const task = await stage.world.addTask({ project: 'a' });
      const job = await stage.world.database.transaction((trx) =>
        createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'a', resource: null }),
      );
      stage.world.committed = async (trx) => {
        await createTask(trx, {
          jobId: job.id,
          projectId: 'a',
          runAs: 'u1',
          idempotencyKey: 'next',
          spec: task.spec,
        });
        stage.world.committed = async () => undefined;
      };
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed);
      await stage.world.commit(claimed);
      expect((await listQueue(stage.world.database, { limit: 10 })).items.map((next) => next.jobId)).to.deep.equal([
        job.id,
      ]);
    });
  });

  describe('verification', () => {
    const damages = {
      'a missing file': (size: number, sha256: string) => ({ name: 'other', sizeBytes: size, sha256 }),
      'another size': (size: number, sha256: string) => ({ name: 'manifest.json', sizeBytes: size + 1, sha256 }),
      'another hash': (size: number) => ({ name: 'manifest.json', sizeBytes: size, sha256: 'a'.repeat(64) }),
    };
    for (const [what, damage] of Object.entries(damages)) {
      it(`charges the attempt for ${what}`, async () => {
        const task = await stage.world.addTask();
        const claimed = await stage.world.take(stage.worker);
        const [file] = await stage.world.writeFiles(claimed);
        if (file === undefined) throw new Error('one file was written');
        await stage.world.seal(claimed, [damage(file.sizeBytes, file.sha256)]);
        expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'READY' });
        expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'READY' });
        const after = await stage.world.task(task.id);
        expect(after).to.include({ state: 'READY', charged: 1 });
        expect(after.problem?.code).to.equal('RESULT_MISMATCH');
        expect(await stage.world.database.knex('result')).to.have.length(0);
      });
    }

    it('charges what the follow-up finds invalid, and leaves sealed what nobody could read', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed);
      stage.world.verify = async () => {
        throw new AppError('STORE_UNAVAILABLE', 'not now');
      };
      await refused(stage.world.commit(claimed), 'STORE_UNAVAILABLE');
      expect(await stage.world.task(task.id)).to.include({ state: 'COMMITTING', charged: 0 });
      stage.world.verify = async () => {
        throw new AppError('ARTIFACT_INVALID', 'a tree has no root');
      };
      expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'READY' });
      expect(await stage.world.task(task.id)).to.include({ state: 'READY', charged: 1 });
    });

    it('is done once for commits that come at the same time', async () => {
      await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed);
      let count = 0;
      stage.world.verify = async () => void (count += 1);
      const answers = await Promise.all([
        stage.world.commit(claimed),
        stage.world.commit(claimed),
        stage.world.commit(claimed),
      ]);
      expect(answers).to.deep.equal([{ state: 'SUCCEEDED' }, { state: 'SUCCEEDED' }, { state: 'SUCCEEDED' }]);
      expect(count).to.equal(1);
    });
  });
}
