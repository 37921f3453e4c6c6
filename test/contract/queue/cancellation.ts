import { expect } from 'chai';
import { createJob, getJob, holdTasks, readClock } from '#store';
import type { Stage } from './stage.ts';
import { LEASE_MS, refused } from './world.ts';

/** Ends that come from outside. */
export function cancellationCases(stage: Stage): void {
  describe('cancellation', () => {
    it('ends a task at once when nobody holds it', async () => {
      const task = await stage.world.addTask();
      await stage.world.cancelTask(task.id);
      expect((await stage.world.task(task.id)).state).to.equal('CANCELLED');
      expect((await getJob(stage.world.database, task.jobId))?.state).to.equal('cancelled');
      expect(await stage.world.claim(stage.worker)).to.equal(null);
      await stage.world.cancelTask(task.id);
    });

    it('ends a waiting task too', async () => {
      const task = await stage.world.addTask();
      await stage.world.database.transaction((trx) => holdTasks(trx, task.jobId));
      await stage.world.cancelTask(task.id);
      expect((await stage.world.task(task.id)).state).to.equal('CANCELLED');
    });

    const words = {
      start: () => stage.world.start,
      beat: () => stage.world.beat,
      resume: () => stage.world.resume,
    };
    for (const [word, statement] of Object.entries(words)) {
      it(`ends a held task at its holder’s ${word}, which says so, again and again`, async () => {
        const task = await stage.world.addTask();
        const claimed = await stage.world.take(stage.worker);
        await stage.world.cancelTask(task.id);
        expect((await stage.world.task(task.id)).state, 'not before its holder knows').to.equal('LEASED');
        const answer = await statement()(claimed);
        expect(answer.directive).to.equal('cancel');
        expect((await stage.world.task(task.id)).state).to.equal('CANCELLED');
        expect(await statement()(claimed)).to.deep.equal(answer);
        expect(await stage.world.seal(claimed)).to.deep.equal({ state: 'CANCELLED' });
        expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'CANCELLED' });
      });
    }

    it('ends a held task at its seal, its commit, its failure or its lease’s end', async () => {
      const ends = {
        seal: async () => {
          const claimed = await stage.world.take(stage.worker);
          await stage.world.cancelTask(claimed.taskId);
          expect(await stage.world.seal(claimed)).to.deep.equal({ state: 'CANCELLED' });
        },
        commit: async () => {
          const claimed = await stage.world.take(stage.worker);
          await stage.world.seal(claimed);
          await stage.world.cancelTask(claimed.taskId);
          expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'CANCELLED' });
        },
        fail: async () => {
          const claimed = await stage.world.take(stage.worker);
          await stage.world.cancelTask(claimed.taskId);
          expect(await stage.world.fail(claimed)).to.deep.equal({ state: 'CANCELLED' });
        },
        expiry: async () => {
          const claimed = await stage.world.take(stage.worker);
          await stage.world.cancelTask(claimed.taskId);
          await stage.world.advance(LEASE_MS + 1);
          await stage.world.queue.reap();
          await refused(stage.world.resume({ ...claimed, leaseToken: 'wrong' }), 'LEASE_TOKEN_INVALID');
        },
        'expiry when sealed': async () => {
          const claimed = await stage.world.take(stage.worker);
          await stage.world.seal(claimed);
          await stage.world.cancelTask(claimed.taskId);
          await stage.world.advance(LEASE_MS + 1);
          await stage.world.queue.reap();
          await stage.world.queue.close();
        },
      };
      for (const [end, act] of Object.entries(ends)) {
        const task = await stage.world.addTask();
        await act();
        expect((await stage.world.task(task.id)).state, end).to.equal('CANCELLED');
        expect(await stage.world.database.knex('result'), end).to.have.length(0);
      }
    });

    it('of a verification under way wins: the task does not succeed after the cancel was acknowledged', async () => {
      const task = await stage.world.addTask();
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed);
      stage.world.verify = () => stage.world.cancelTask(task.id);
      expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'CANCELLED' });
    });

    it('of a job ends it when the last of its tasks has ended', async () => {
      const job = await stage.world.database.transaction((trx) =>
        createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'p1', resource: null }),
      );
      const first = await stage.world.addTask({ jobId: job.id });
      await stage.world.addTask({ jobId: job.id });
      const claimed = await stage.world.take(stage.worker);
      expect(claimed.taskId).to.equal(first.id);
      expect(await stage.world.cancelJob(job.id)).to.include({ cancelAsked: true, finishedAt: null });
      expect((await stage.world.beat(claimed)).directive).to.equal('cancel');
      expect((await getJob(stage.world.database, job.id))?.state).to.equal('cancelled');
      await refused(stage.world.cancelJob(job.id), 'JOB_FINISHED');
      await refused(stage.world.cancelJob('job_unknown'), 'NOT_FOUND');
    });

    it('of a job without tasks ends it at once', async () => {
      const job = await stage.world.database.transaction((trx) =>
        createJob(trx, { kind: 'autopilot', userId: 'u1', projectId: 'p1', resource: null }),
      );
      expect((await stage.world.cancelJob(job.id)).state).to.equal('cancelled');
    });
  });

  describe('deadlines', () => {
    it('give up a task that nobody claimed, and it is not given out any more', async () => {
      const deadlineAt = (await readClock(stage.world.database)) + 1_000;
      const task = await stage.world.addTask({ deadlineAt });
      expect(await stage.world.queue.giveUpOverdue()).to.equal(0);
      await stage.world.advance(1_000);
      expect(await stage.world.claim(stage.worker)).to.equal(null);
      expect(await stage.world.queue.giveUpOverdue()).to.equal(1);
      expect((await stage.world.task(task.id)).problem?.code).to.equal('TASK_DEADLINE');
      expect((await getJob(stage.world.database, task.jobId))?.state).to.equal('failed');
    });

    it('leave a holder one more lease, then refuse it', async () => {
      const deadlineAt = (await readClock(stage.world.database)) + 1_000;
      const task = await stage.world.addTask({ deadlineAt });
      const claimed = await stage.world.take(stage.worker);
      await stage.world.advance(1_000 + LEASE_MS - 1);
      expect((await stage.world.beat(claimed)).remainingMs).to.equal(-LEASE_MS + 1);
      expect(await stage.world.queue.giveUpOverdue()).to.equal(0);
      await stage.world.advance(1);
      expect(await stage.world.queue.giveUpOverdue()).to.equal(1);
      expect((await stage.world.task(task.id)).state).to.equal('FAILED');
      await refused(stage.world.beat(claimed), 'TASK_FENCED');
      await refused(stage.world.seal(claimed), 'TASK_FENCED');
    });

    it('spare what is sealed', async () => {
      const deadlineAt = (await readClock(stage.world.database)) + 1_000;
      await stage.world.addTask({ deadlineAt });
      const claimed = await stage.world.take(stage.worker);
      await stage.world.seal(claimed);
      await stage.world.advance(10 * LEASE_MS);
      expect(await stage.world.queue.giveUpOverdue()).to.equal(0);
      expect(await stage.world.commit(claimed)).to.deep.equal({ state: 'SUCCEEDED' });
    });
  });
}
