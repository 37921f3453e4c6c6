import { expect } from 'chai';
import type { ClaimedTask } from '#contracts';
import { getGroup, readClock } from '#store';
import type { Stage } from './stage.ts';
import { LEASE_MS, QUEUE_CONFIG, refused } from './world.ts';

/** Tasks that run at the same time or not at all. */
export function groupsCases(stage: Stage): void {
  describe('groups', () => {
    /** Claims so many members, each by a worker of its own. */
    const takeMembers = async (count: number): Promise<ClaimedTask[]> => {
      const members: ClaimedTask[] = [];
      for (let index = 0; index < count; index += 1) {
        members.push(await stage.world.take(await stage.world.addWorker()));
      }
      return members;
    };
    const startAll = async (members: readonly ClaimedTask[]) => {
      for (const member of members) await stage.world.start(member);
    };
    const member = (members: readonly ClaimedTask[], index: number): ClaimedTask => {
      const found = members[index];
      if (found === undefined) throw new Error(`there is no member ${index}`);
      return found;
    };
    const statesOf = async (tasks: readonly { id: string }[]) => {
      const states = [];
      for (const { id } of tasks) states.push((await stage.world.task(id)).state);
      return states;
    };
    const pastBackOff = () => stage.world.advance(600_000);
    const groupOf = async (id: string) => {
      const group = await getGroup(stage.world.database, id);
      if (group === null) throw new Error('the group is gone');
      return group;
    };

    it('begin when all members are held, and say where each one stands', async () => {
      const { world } = stage;
      const { groupId, tasks } = await world.addGroup(3);
      const members = await takeMembers(3);
      expect(members.map(({ group }) => group)).to.deep.equal([0, 1, 2].map((rank) => ({ groupId, size: 3, rank })));
      expect(await statesOf(tasks)).to.deep.equal(['LEASED', 'LEASED', 'LEASED']);
      for (const each of members) expect((await world.start(each)).directive).to.equal('continue');
      expect(await statesOf(tasks)).to.deep.equal(['RUNNING', 'RUNNING', 'RUNNING']);
      expect(await groupOf(groupId)).to.include({ epoch: 1, formingUntil: null, dissolved: 0 });
    });

    it('wait for the missing member: start, beat and resume say so, and nobody works', async () => {
      const { world } = stage;
      const { groupId, tasks } = await world.addGroup(3);
      const [first, second] = await takeMembers(2);
      if (first === undefined || second === undefined) throw new Error('two were claimed');
      for (const each of [first, second]) {
        for (const verb of [world.start, world.beat, world.resume, world.start]) {
          expect((await verb(each)).directive).to.equal('wait');
        }
        await refused(world.seal(each), 'CONFLICT');
      }
      expect(await statesOf(tasks)).to.deep.equal(['LEASED', 'LEASED', 'READY']);
      expect((await groupOf(groupId)).formedAt).to.equal(null);
      const [last] = await takeMembers(1);
      if (last === undefined) throw new Error('the last one was claimed');
      expect((await world.beat(first)).directive, 'a beat begins nothing').to.equal('wait');
      for (const each of [first, last, second]) expect((await world.start(each)).directive).to.equal('continue');
      expect((await groupOf(groupId)).epoch, 'once for all').to.equal(1);
    });

    it('are given back uncharged when a member is missing for too long, and back off together', async () => {
      const { world } = stage;
      const { groupId, tasks } = await world.addGroup(3);
      const held = await takeMembers(2);
      await world.advance(QUEUE_CONFIG.groupWaitMs - 1);
      await startAll(held);
      expect(await world.queue.dissolveGroups()).to.equal(0);
      await world.advance(1);
      expect(await world.queue.dissolveGroups()).to.equal(1);
      expect(await world.queue.dissolveGroups()).to.equal(0);
      expect(await statesOf(tasks)).to.deep.equal(['READY', 'READY', 'READY']);
      const now = await readClock(world.database);
      const waits = [];
      for (const { id } of tasks) {
        const task = await world.task(id);
        expect(task).to.include({ charged: 0, losses: 0 });
        waits.push(task.notBefore - now);
      }
      expect(new Set(waits).size, 'the same moment').to.equal(1);
      expect(waits[0]).to.be.within(500, 1_000);
      for (const each of held) {
        for (const verb of [world.start, world.beat, world.resume]) await refused(verb(each), 'TASK_FENCED');
        await refused(world.fail(each), 'TASK_FENCED');
      }
      expect(await world.claim(stage.worker)).to.equal(null);
      await world.advance(1_000);
      const again = await takeMembers(3);
      await startAll(again);
      expect(await groupOf(groupId)).to.include({ epoch: 1, dissolved: 1 });
    });

    it('do not each hold a half: another one begins only when the first is there', async () => {
      const { world, worker } = stage;
      const first = await world.addGroup(2, { project: 'a' });
      const second = await world.addGroup(2, { project: 'b' });
      const members = await takeMembers(2);
      const groups = members.map(({ group }) => group?.groupId);
      expect(new Set(groups).size, 'both of one group').to.equal(1);
      expect(await world.claim(worker), 'before the first has begun').to.equal(null);
      await startAll(members);
      const [other] = await takeMembers(1);
      expect(other?.group?.groupId).to.equal(groups[0] === first.groupId ? second.groupId : first.groupId);
    });

    const losses = {
      'whose lease expires': async (lost: ClaimedTask, rest: readonly ClaimedTask[]) => {
        await stage.world.advance(LEASE_MS);
        for (const each of rest) await stage.world.beat(each);
        await stage.world.advance(1);
        await stage.world.queue.reap();
        await refused(stage.world.resume(lost), 'TASK_FENCED');
      },
      'whose worker gives it back': (lost: ClaimedTask) => stage.world.fail(lost, 'worker'),
      'that fails by its own fault': (lost: ClaimedTask) => stage.world.fail(lost, 'task'),
    };
    for (const [what, lose] of Object.entries(losses)) {
      it(`are given back with a member ${what}, sealed or not, and begin anew`, async () => {
        const { world } = stage;
        const { groupId, tasks } = await world.addGroup(3);
        const members = await takeMembers(3);
        await startAll(members);
        await world.seal(member(members, 1));
        await lose(member(members, 2), members.slice(0, 2));
        expect(await statesOf(tasks)).to.deep.equal(['READY', 'READY', 'READY']);
        await refused(world.beat(member(members, 0)), 'TASK_FENCED');
        await refused(world.commit(member(members, 1)), 'TASK_FENCED');
        const [first, second, third] = [0, 1, 2].map((rank) => tasks[rank]?.id ?? '');
        expect((await world.task(first ?? '')).losses + (await world.task(second ?? '')).losses).to.equal(0);
        const lost = await world.task(third ?? '');
        expect(lost.charged + lost.losses).to.equal(1);
        await pastBackOff();
        const again = await takeMembers(3);
        await startAll(again);
        expect(await groupOf(groupId)).to.include({ epoch: 2, dissolved: 1 });
        for (const each of again) await world.seal(each);
        for (const each of again) expect(await world.commit(each)).to.deep.equal({ state: 'SUCCEEDED' });
      });
    }

    it('commit when all have sealed: until then a member is asked to come again', async () => {
      const { world } = stage;
      const { tasks } = await world.addGroup(2);
      const members = await takeMembers(2);
      await startAll(members);
      let verified = 0;
      world.verify = async () => void (verified += 1);
      await world.seal(member(members, 0));
      for (let time = 0; time < 2; time += 1) {
        expect(await world.commit(member(members, 0))).to.deep.equal({ state: 'COMMITTING' });
      }
      expect(verified, 'nothing is read in vain').to.equal(0);
      await world.seal(member(members, 1));
      for (const each of members) expect(await world.commit(each)).to.deep.equal({ state: 'SUCCEEDED' });
      expect(await statesOf(tasks)).to.deep.equal(['SUCCEEDED', 'SUCCEEDED']);
    });

    it('wait also for a sealed member whose worker has gone', async () => {
      const { world } = stage;
      const { tasks } = await world.addGroup(2);
      const members = await takeMembers(2);
      await startAll(members);
      await world.seal(member(members, 0));
      for (let lease = 0; lease < 3; lease += 1) {
        await world.advance(LEASE_MS);
        await world.beat(member(members, 1));
        await world.advance(1);
        await world.queue.reap();
        await world.queue.close();
      }
      expect(await statesOf(tasks)).to.deep.equal(['COMMITTING', 'RUNNING']);
      await world.seal(member(members, 1));
      await world.commit(member(members, 1));
      await world.advance(LEASE_MS + 1);
      await world.queue.reap();
      await world.queue.close();
      expect(await statesOf(tasks)).to.deep.equal(['SUCCEEDED', 'SUCCEEDED']);
    });

    it('keep what was sealed by all when one result does not verify; that member runs again', async () => {
      const { world } = stage;
      const { tasks } = await world.addGroup(3);
      const members = await takeMembers(3);
      await startAll(members);
      for (const [index, each] of members.entries()) {
        await (index === 2
          ? world.seal(each, [{ name: 'nothing', sizeBytes: 1, sha256: 'a'.repeat(64) }])
          : world.seal(each));
      }
      expect(await world.commit(member(members, 0))).to.deep.equal({ state: 'SUCCEEDED' });
      expect(await world.commit(member(members, 2))).to.deep.equal({ state: 'READY' });
      expect(await statesOf(tasks)).to.deep.equal(['SUCCEEDED', 'COMMITTING', 'READY']);
      expect(await world.commit(member(members, 1))).to.deep.equal({ state: 'SUCCEEDED' });
      await pastBackOff();
      const [again] = await takeMembers(1);
      if (again === undefined) throw new Error('the third was claimed');
      expect((await world.start(again)).directive).to.equal('continue');
      await world.seal(again);
      expect(await world.commit(again)).to.deep.equal({ state: 'SUCCEEDED' });
    });

    it('fail when a member has failed, with its reason in the others', async () => {
      const { world } = stage;
      const { jobId, tasks } = await world.addGroup(3);
      const needs = await world.addTask({ jobId, dependsOn: [tasks[2]?.id ?? ''] });
      const members = await takeMembers(2);
      await world.start(member(members, 0));
      expect(await world.fail(member(members, 1), 'user')).to.deep.equal({ state: 'FAILED' });
      expect(await statesOf([...tasks, needs])).to.deep.equal(['FAILED', 'FAILED', 'FAILED', 'FAILED']);
      const codes = [];
      for (const { id } of [...tasks, needs]) codes.push((await world.task(id)).problem?.code);
      expect(codes).to.deep.equal(['GROUP_FAILED', 'TASK_CHILD_DIED', 'GROUP_FAILED', 'DEPENDENCY_FAILED']);
      await refused(world.start(member(members, 0)), 'TASK_FENCED');
      await world.addGroup(1);
      expect((await world.take(stage.worker)).group?.size, 'nobody waits for the failed one').to.equal(1);
    });

    it('are cancelled together: those that are held at their holders’ next word', async () => {
      const { world } = stage;
      const { tasks } = await world.addGroup(3);
      const members = await takeMembers(2);
      await world.cancelTask(tasks[0]?.id ?? '');
      expect((await world.start(member(members, 0))).directive).to.equal('cancel');
      expect(await statesOf(tasks)).to.deep.equal(['CANCELLED', 'LEASED', 'CANCELLED']);
      expect((await world.beat(member(members, 1))).directive).to.equal('cancel');
      expect(await statesOf(tasks)).to.deep.equal(['CANCELLED', 'CANCELLED', 'CANCELLED']);
    });

    it('answer repeats as the first time', async () => {
      const { world } = stage;
      const { tasks } = await world.addGroup(2);
      const members = await takeMembers(2);
      const twice = async (statement: () => Promise<unknown>) => {
        const first = await statement();
        const after = await world.snapshot(tasks[0]?.id ?? '');
        expect(await statement()).to.deep.equal(first);
        expect(await world.snapshot(tasks[0]?.id ?? '')).to.deep.equal(after);
      };
      await twice(() => world.start(member(members, 0)));
      await world.start(member(members, 1));
      await twice(() => world.seal(member(members, 0)));
      await twice(() => world.commit(member(members, 0)));
      await world.seal(member(members, 1));
      await twice(() => world.commit(member(members, 0)));
      await world.commit(member(members, 1));
    });

    it('are made once, whole, and of a size that can be', async () => {
      const { world } = stage;
      const first = await world.addGroup(1, { key: 'same' });
      const again = await world.addGroup(1, { key: 'same', jobId: first.jobId });
      expect(again.groupId).to.equal(first.groupId);
      expect(again.tasks[0]?.id).to.equal(first.tasks[0]?.id);
      await refused(world.addGroup(0), 'INTERNAL');
      await refused(world.addGroup(257), 'INTERNAL');
    });
  });
}
