import { expect } from 'chai';
import { LEASE_MS, refused } from './world.ts';
import type { Stage } from './stage.ts';

/** How an attempt goes on where another one stopped. */
export function checkpointsCases(stage: Stage): void {
  describe('a checkpoint', () => {
    it('reaches the next attempt, and only ever rises', async () => {
      const { world, worker, other } = stage;
      const task = await world.addTask();
      const first = await world.take(worker);
      expect(first.checkpoint).to.equal(null);
      await world.start(first);
      const at20 = await world.writeCheckpoint(first, 20);
      const answer = await world.checkpoint(first, at20, 20);
      expect(answer).to.deep.equal({ directive: 'continue', leaseMs: LEASE_MS, remainingMs: null });
      const expected = { path: `${first.attemptPath}/checkpoint-20`, ...at20, position: 20 };
      const { name: _name, ...checkpoint } = expected;
      expect((await world.task(task.id)).checkpoint).to.deep.equal(checkpoint);
      await world.checkpoint(first, await world.writeCheckpoint(first, 10), 10);
      await world.checkpoint(first, await world.writeCheckpoint(first, 21), 20);
      expect((await world.task(task.id)).checkpoint).to.deep.equal(checkpoint);
      await world.fail(first, 'worker');
      const second = await world.take(other);
      expect(second.checkpoint).to.deep.equal(checkpoint);
      const at30 = await world.writeCheckpoint(second, 30);
      await world.checkpoint(second, at30, 30);
      await world.fail(second, 'worker');
      await world.advance(60_000);
      expect((await world.take(worker)).checkpoint?.position).to.equal(30);
    });

    it('counts as a beat, and changes nothing the second time', async () => {
      const { world, worker } = stage;
      const task = await world.addTask();
      const claimed = await world.take(worker);
      await world.start(claimed);
      await world.beat(claimed, { log: ['once'] });
      const file = await world.writeCheckpoint(claimed, 1);
      await world.advance(LEASE_MS - 1);
      const first = await world.checkpoint(claimed, file, 1);
      const after = await world.snapshot(task.id);
      expect(await world.checkpoint(claimed, file, 1)).to.deep.equal(first);
      expect(await world.snapshot(task.id)).to.deep.equal(after);
      await world.beat(claimed, { log: ['once'] });
      expect(await world.snapshot(task.id), 'nor does the beat before it').to.deep.equal(after);
      await world.advance(LEASE_MS - 1);
      expect(await world.queue.reap()).to.equal(0);
    });

    const lies = {
      'a file that is not there': (file: object) => ({ ...file, name: 'nothing' }),
      'another size': (file: { sizeBytes: number }) => ({ ...file, sizeBytes: file.sizeBytes + 1 }),
      'another hash': (file: object) => ({ ...file, sha256: 'a'.repeat(64) }),
      'a large file that is small': (file: object) => ({ ...file, sizeBytes: 2 ** 40 }),
    };
    for (const [what, lie] of Object.entries(lies)) {
      it(`is refused for ${what}, and the task goes on`, async () => {
        const { world, worker } = stage;
        const task = await world.addTask();
        const claimed = await world.take(worker);
        const file = await world.writeCheckpoint(claimed, 3);
        const before = await world.snapshot(task.id);
        await refused(world.checkpoint(claimed, { ...file, ...lie(file) }, 3), 'VALIDATION_FAILED');
        expect(await world.snapshot(task.id)).to.deep.equal(before);
        await world.checkpoint(claimed, file, 3);
      });
    }

    it('of a holder that has lost the task changes nothing, whatever lies in the store', async () => {
      const { world, worker, other } = stage;
      const task = await world.addTask();
      const stale = await world.take(worker);
      const file = await world.writeCheckpoint(stale, 3);
      await world.advance(LEASE_MS + 1);
      await world.queue.reap();
      await refused(world.checkpoint(stale, file, 3), 'TASK_FENCED');
      await world.take(other);
      const before = await world.snapshot(task.id);
      await refused(world.checkpoint(stale, file, 3), 'TASK_FENCED');
      await refused(world.checkpoint(stale, { ...file, name: 'nothing' }, 3), 'TASK_FENCED');
      expect(await world.snapshot(task.id)).to.deep.equal(before);
    });

    it('is answered with the cancellation, and forgotten when the task ends', async () => {
      const { world, worker } = stage;
      const task = await world.addTask();
      const claimed = await world.take(worker);
      const file = await world.writeCheckpoint(claimed, 3);
      await world.checkpoint(claimed, file, 3);
      await world.cancelTask(task.id);
      expect((await world.checkpoint(claimed, file, 3)).directive).to.equal('cancel');
      expect(await world.task(task.id)).to.include({ state: 'CANCELLED', checkpoint: null });
      expect((await world.checkpoint(claimed, file, 3)).directive).to.equal('cancel');
    });
  });
}
