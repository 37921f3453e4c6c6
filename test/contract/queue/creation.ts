import { expect } from 'chai';
import { AppError } from '#contracts';
import { newId } from '#runtime';
import { createJob, createTask, getJob } from '#store';
import type { Stage } from './stage.ts';
import { refused } from './world.ts';

/** What tasks are made of. */
export function creationCases(stage: Stage): void {
  describe('creation', () => {
    it('makes one task of a repeated idempotency key', async () => {
      const first = await stage.world.addTask({ key: 'same' });
      const second = await stage.world.addTask({ key: 'same', jobId: first.jobId });
      expect(second.id).to.equal(first.id);
      expect(await stage.world.database.knex('task').count({ n: '*' })).to.deep.equal([{ n: 1 }]);
    });

    it('refuses tasks of a job that is finished or being cancelled', async () => {
      const task = await stage.world.addTask();
      await stage.world.cancelJob(task.jobId);
      await refused(stage.world.addTask({ jobId: task.jobId }), 'JOB_CANCELLED', 'JOB_FINISHED');
    });

    it('undoes job and task together when the transaction fails', async () => {
      const jobId = newId('job');
      const failing = stage.world.database.transaction(async (trx) => {
        await createJob(trx, { id: jobId, kind: 'ingest', userId: 'u1', projectId: null, resource: null });
        throw new AppError('CONFLICT', 'changed my mind');
      });
      await refused(failing, 'CONFLICT');
      expect(await getJob(stage.world.database, jobId)).to.equal(null);
    });

    it('refuses a spec that is none', async () => {
      const creating = stage.world.database.transaction(async (trx) => {
        const job = await createJob(trx, { kind: 'ingest', userId: 'u1', projectId: null, resource: null });
        const spec = { kind: 'ingest' } as never; // what a careless caller might pass
        await createTask(trx, { jobId: job.id, projectId: null, runAs: 'u1', idempotencyKey: 'k', spec });
      });
      await refused(creating, 'INTERNAL');
    });
  });
}
