import { expect } from 'chai';
import type { Stage } from './stage.ts';
import { LEASE_MS, refused } from './world.ts';

/** Holders that are not. */
export function staleFencesCases(stage: Stage): void {
  describe('a stale fence', () => {
    const laterStates = {
      'claimed by another': () => stage.world.take(stage.other),
      'running elsewhere': async () => stage.world.start(await stage.world.take(stage.other)),
      'sealed elsewhere': async () => stage.world.seal(await stage.world.take(stage.other)),
      'committed elsewhere': async () => {
        const claimed = await stage.world.take(stage.other);
        await stage.world.seal(claimed);
        await stage.world.commit(claimed);
      },
      'failed elsewhere': async () => stage.world.fail(await stage.world.take(stage.other), 'user'),
      'cancelled while held elsewhere': async () => {
        const claimed = await stage.world.take(stage.other);
        await stage.world.cancelTask(claimed.taskId);
        await stage.world.beat(claimed);
      },
    };
    for (const [later, arrange] of Object.entries(laterStates)) {
      it(`changes nothing by any statement: ${later}`, async () => {
        const task = await stage.world.addTask();
        const stale = await stage.world.take(stage.worker);
        const files = await stage.world.writeFiles(stale);
        const state = await stage.world.writeCheckpoint(stale, 1);
        await stage.world.start(stale);
        await stage.world.advance(LEASE_MS + 1);
        await stage.world.queue.reap();
        await arrange();
        const before = await stage.world.snapshot(task.id);
        const statements = [
          () => stage.world.start(stale, { log: ['stale'] }),
          () => stage.world.beat(stale, { log: ['stale'] }),
          () => stage.world.resume(stale, { log: ['stale'] }),
          () => stage.world.checkpoint(stale, state, 1),
          () => stage.world.seal(stale, files),
          () => stage.world.commit(stale),
          () => stage.world.fail(stale, 'task', ['stale']),
        ];
        for (const statement of statements) {
          await refused(statement(), 'TASK_FENCED');
          expect(await stage.world.snapshot(task.id)).to.deep.equal(before);
        }
      });
    }
  });
}
