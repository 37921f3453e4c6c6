import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { AppError, type ClaimedTask, type TrainTask } from '#contracts';
import { createGroup, getGroup } from '#store';
import { churnTask } from '../../integration/worker/support.ts';
import type { Stage } from './stage.ts';
import { LEASE_MS, newTask, refused } from './world.ts';

/** How the ranks of a group find each other, and how those that fit a model together end. */
export function groupRanksCases(stage: Stage): void {
  describe('ranks of a group', () => {
    const address = (rank: number) => ({ host: '10.0.0.7', port: 4_000 + rank });
    const begun = async (claim: () => Promise<ClaimedTask>, size: number): Promise<ClaimedTask[]> => {
      const members: ClaimedTask[] = [];
      for (let rank = 0; rank < size; rank += 1) members.push(await claim());
      for (const member of members) expect((await stage.world.start(member)).directive).to.equal('continue');
      return members.sort((a, b) => (a.group?.rank ?? 0) - (b.group?.rank ?? 0));
    };
    const claimByNew = async () => stage.world.take(await stage.world.addWorker());

    it('meet: each is told who it is, and where all listen once all have said so', async () => {
      const { world } = stage;
      const { groupId } = await world.addGroup(3);
      const members = await begun(claimByNew, 3);
      const answers = [];
      for (const member of members) answers.push(await world.meet(member, null));
      expect(new Set(answers.map(({ certificate }) => certificate.authority)).size, 'authorities').to.equal(1);
      for (const [rank, { epoch, addresses, certificate }] of answers.entries()) {
        expect([epoch, addresses]).to.deep.equal([1, null]);
        const name = `URI:urn:trainyard:group:${groupId}:rank:${rank}`;
        expect(new X509Certificate(certificate.certificate).subjectAltName).to.equal(name);
      }
      for (const [rank, member] of members.entries()) {
        const { addresses, certificate } = await world.meet(member, address(rank));
        expect(certificate).to.deep.equal(answers[rank]?.certificate);
        expect(addresses).to.deep.equal(rank < 2 ? null : [0, 1, 2].map(address));
      }
      const keys = (await world.database.knex('group_rank').pluck('secret')) as string[]; // the column asked for
      expect(keys.join(), 'what is kept').to.not.include('PRIVATE KEY').and.not.include('LS0t');
    });

    it('meet anew with other certificates when the group begins again; who was lost is told nothing', async () => {
      const { world } = stage;
      await world.addGroup(2);
      const [first, second] = await begun(claimByNew, 2);
      if (first === undefined || second === undefined) throw new Error('two were claimed');
      const before = await world.meet(first, address(0));
      await world.fail(second, 'worker');
      await refused(world.meet(first, address(0)), 'TASK_FENCED');
      await refused(world.meet(second, address(1)), 'TASK_FENCED');
      await refused(world.meet({ ...first, leaseToken: second.leaseToken }, null), 'LEASE_TOKEN_INVALID');
      expect(await world.database.knex('group_rank').select('rank'), 'keys that are kept').to.deep.equal([]);
      await world.advance(600_000);
      const [again] = await begun(claimByNew, 2);
      if (again === undefined) throw new Error('two were claimed');
      const after = await world.meet(again, null);
      expect([after.epoch, after.addresses]).to.deep.equal([2, null]);
      expect(after.certificate.authority).to.not.equal(before.certificate.authority);
    });

    it('are told nothing before the group has begun, nor is a task of no group', async () => {
      const { world, worker } = stage;
      await world.addGroup(2);
      await refused(world.meet(await world.take(worker), null), 'TASK_FENCED');
      await world.advance(600_000);
      await world.queue.dissolveGroups();
      await world.advance(LEASE_MS);
      const alone = await world.addTask({ project: 'p2', priority: 9 });
      const claimed = await world.take(await world.addWorker());
      expect(claimed.taskId).to.equal(alone.id);
      await world.start(claimed);
      await refused(world.meet(claimed, null), 'CONFLICT');
    });

    /** A model that two tasks fit, both held and begun. */
    const fitOfTwo = async () => {
      const { world } = stage;
      const train: TrainTask = churnTask({ rowCount: 0, columns: [], files: [] }, 'lightgbm-default', { ranks: 2 });
      const jobId = await world.addJob();
      const part = { kind: 'train-part', datasetId: train.datasetId, train } as const;
      const { tasks } = await world.database.transaction((trx) =>
        createGroup(trx, jobId, [newTask({}), newTask({ spec: part })]),
      );
      const [model, other] = await begun(claimByNew, 2);
      if (model === undefined || other === undefined) throw new Error('two were claimed');
      return { model, other, tasks };
    };

    it('back off anew once they have got on', async () => {
      const { world } = stage;
      const { groupId } = await world.addGroup(2);
      const dissolved = async () => (await getGroup(world.database, groupId))?.dissolved;
      for (const expected of [1, 2]) {
        const [, second] = await begun(claimByNew, 2);
        if (second === undefined) throw new Error('two were claimed');
        await world.fail(second, 'worker');
        expect(await dissolved()).to.equal(expected);
        await world.advance(600_000);
      }
      const [first] = await begun(claimByNew, 2);
      if (first === undefined) throw new Error('two were claimed');
      await world.checkpoint(first, await world.writeCheckpoint(first, 1), 1);
      expect(await dissolved()).to.equal(0);
    });

    it('end with the model that they fitted: a part is not recorded before', async () => {
      const { world } = stage;
      const { model, other, tasks } = await fitOfTwo();
      world.committed = world.commitParts;
      await world.sealPart(other);
      await world.seal(model);
      expect(await world.commit(other)).to.deep.equal({ state: 'COMMITTING' });
      expect(await world.commit(model)).to.deep.equal({ state: 'SUCCEEDED' });
      expect(await world.commit(other)).to.deep.equal({ state: 'SUCCEEDED' });
      for (const { id } of tasks) expect((await world.task(id)).state).to.equal('SUCCEEDED');
    });

    it('begin again together where the model does not verify, from the checkpoint of the first', async () => {
      const { world } = stage;
      const { model, other, tasks } = await fitOfTwo();
      await world.checkpoint(model, await world.writeCheckpoint(model, 20), 20);
      await world.sealPart(other);
      await world.seal(model);
      world.verify = async () => {
        throw new AppError('RESULT_MISMATCH', 'it is another one');
      };
      expect(await world.commit(model)).to.deep.equal({ state: 'READY' });
      for (const { id } of tasks) expect((await world.task(id)).state).to.equal('READY');
      await refused(world.commit(other), 'TASK_FENCED');
      world.verify = async () => undefined;
      world.committed = world.commitParts;
      await world.advance(600_000);
      const [again, otherAgain] = await begun(claimByNew, 2);
      if (again === undefined || otherAgain === undefined) throw new Error('two were claimed');
      expect([again, otherAgain].map(({ checkpoint }) => checkpoint?.position)).to.deep.equal([20, 20]);
      await world.seal(again);
      expect(await world.commit(again), 'before the other has sealed').to.deep.equal({ state: 'COMMITTING' });
      await world.sealPart(otherAgain);
      expect(await world.commit(again)).to.deep.equal({ state: 'SUCCEEDED' });
    });
  });
}
