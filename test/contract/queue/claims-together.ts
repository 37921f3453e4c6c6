import { expect } from 'chai';
import { ERROR_TABLE } from '#contracts';
import { getJob, type Claim, type Transaction } from '#store';
import { ClaimDesk, type ClaimDeskOptions } from '../../../appserver/server/queue/claim-desk.ts';
import { claimTogether, compareWithModel, wish } from './claims-model.ts';
import type { Stage } from './stage.ts';
import { QUEUE_CONFIG, refused, SILENT_LOGGER } from './world.ts';

/** Claims that are served together. */
export function claimsTogetherCases(stage: Stage): void {
  const desks: ClaimDesk[] = [];
  const newDesk = (more: Pick<ClaimDeskOptions, 'mayRun' | 'heldClaimsMax'> = {}) => {
    const { database, queue } = stage.world;
    const desk = new ClaimDesk({ database, queue, config: QUEUE_CONFIG, logger: SILENT_LOGGER, ...more });
    desks.push(desk);
    return desk;
  };
  const forever = new AbortController().signal;
  const projectsOf = async (claims: readonly (Claim | null)[]) =>
    Map.groupBy(
      claims.flatMap((claim) => claim?.task ?? []),
      ({ projectId }) => projectId,
    );
  const cost = (taskId: string, value: number) =>
    stage.world.database.knex('task').where({ id: taskId }).update({ cost: value });

  describe('claims together', () => {
    afterEach(async () => {
      for (const desk of desks.splice(0)) await desk.close();
    });

    it('share by what the held tasks cost, not by their number', async () => {
      const { world } = stage;
      const tasks = [];
      for (const project of ['a', 'a', 'b', 'b', 'b', 'b', 'b']) {
        const { id } = await world.addTask({ project });
        if (project === 'a') await cost(id, 4);
        tasks.push(id);
        await world.advance(1);
      }
      const [a1, a2, b1, b2, b3, b4, b5] = tasks;
      const first = await claimTogether(world, [wish(), wish(), wish(), wish(), wish()]);
      expect(first).to.deep.equal([a1, b1, b2, b3, b4]);
      expect(await claimTogether(world, [wish(), wish()]), 'equal costs: the older one first').to.deep.equal([a2, b5]);
    });

    it('get tasks where their data are, whoever waited longer', async () => {
      const { world } = stage;
      const tasks = [];
      for (const datasetId of ['d1', 'd2', 'd3']) {
        tasks.push((await world.addTask({ datasetId })).id);
        await world.advance(1);
      }
      const [t1, t2, t3] = tasks;
      const wishes = [wish(), wish({ cachedDatasets: ['d1', 'd3'] }), wish({ cachedDatasets: ['d2'] })];
      expect(await claimTogether(world, wishes)).to.deep.equal([t3, t1, t2]);
      const urgent = await world.addTask({ datasetId: 'd4', priority: 1 });
      const cached = await world.addTask({ datasetId: 'd5' });
      const next = await claimTogether(world, [wish({ cachedDatasets: ['d5'] })]);
      expect(next, 'priority goes before the cache').to.deep.equal([urgent.id]);
      expect(await claimTogether(world, [wish(), wish()])).to.deep.equal([cached.id, null]);
    });

    it('that are held get the task whose data they have, else the longest waiting does', async () => {
      const desk = newDesk();
      const first = desk.claim(wish({ waitMs: 30_000 }), forever);
      const second = desk.claim(wish({ waitMs: 30_000, cachedDatasets: ['d2'] }), forever);
      const third = desk.claim(wish({ waitMs: 30_000 }), forever);
      // Answered after a look at the queue with all three: from now on they wait together.
      expect(await desk.claim(wish(), forever)).to.equal(null);
      const cached = await stage.world.addTask({ datasetId: 'd2' });
      expect((await second)?.task.id).to.equal(cached.id);
      const other = await stage.world.addTask({ datasetId: 'd9' });
      expect((await first)?.task.id).to.equal(other.id);
      await desk.close();
      expect(await third).to.equal(null);
    });

    it('beyond the most that are held are told to come back, and only those', async () => {
      const desk = newDesk({ heldClaimsMax: 2 });
      const held = [desk.claim(wish({ waitMs: 30_000 }), forever), desk.claim(wish({ waitMs: 30_000 }), forever)];
      const code = await refused(desk.claim(wish({ waitMs: 30_000 }), forever), 'RATE_LIMITED');
      expect(ERROR_TABLE[code].status).to.equal(429);
      for (let index = 0; index < 3; index += 1) await stage.world.addTask();
      expect((await Promise.all(held)).map((claim) => claim !== null)).to.deep.equal([true, true]);
      expect(await desk.claim(wish(), forever), 'there is room again').not.to.equal(null);
    });

    it('get one task per request, on one replica and on two', async () => {
      for (let index = 0; index < 6; index += 1) await stage.world.addTask();
      const desk = newDesk();
      const same = wish();
      const claims = await Promise.all([desk, desk, newDesk(), newDesk()].map((each) => each.claim(same, forever)));
      expect(new Set(claims.map((claim) => claim?.task.id)).size).to.equal(1);
      expect(new Set(claims.map((claim) => claim?.leaseToken)).size).to.equal(1);
      expect(claims[0]).not.to.equal(null);
      expect(await stage.world.database.knex('attempt')).to.have.length(1);
    });

    it('leave the task of a client that has gone', async () => {
      for (let index = 0; index < 3; index += 1) await stage.world.addTask();
      const desk = newDesk();
      const gone = new AbortController();
      const claims = [desk.claim(wish(), forever), desk.claim(wish(), gone.signal), desk.claim(wish(), forever)];
      gone.abort();
      const taken = (await Promise.all(claims)).map((claim) => claim !== null);
      expect(taken).to.deep.equal([true, false, true]);
      expect(await stage.world.database.knex('task').where({ state: 'READY' })).to.have.length(1);
    });

    it('ask for each user once, and give up all that may not run', async () => {
      const refusals = [];
      for (let index = 0; index < 5; index += 1)
        refusals.push(await stage.world.addTask({ user: 'left', priority: 1 }));
      for (let index = 0; index < 5; index += 1) await stage.world.addTask({ user: 'here', project: 'p2' });
      const asked: [Transaction, string][] = [];
      const mayRun = async (trx: Transaction, userId: string) => {
        asked.push([trx, userId]);
        return userId !== 'left';
      };
      const desk = newDesk({ mayRun });
      const claims = await Promise.all(Array.from({ length: 5 }, () => desk.claim(wish(), forever)));
      expect(claims.map((claim) => claim?.task.runAs)).to.deep.equal(Array(5).fill('here'));
      for (const [index, [trx, userId]] of asked.entries()) {
        expect(asked.findIndex(([earlier, user]) => earlier === trx && user === userId)).to.equal(index);
      }
      for (const { id, jobId } of refusals) {
        expect(await stage.world.task(id)).to.include({ state: 'FAILED', charged: 0 });
        expect((await getJob(stage.world.database, jobId))?.error?.code).to.equal('FORBIDDEN');
      }
    });

    it('are told of a fault that only one of them has each for themselves', async () => {
      for (let index = 0; index < 4; index += 1) await stage.world.addTask();
      const desk = newDesk();
      const faulty = wish({
        tokenOf: () => {
          throw new Error('no token for this one');
        },
      });
      const claims = await Promise.allSettled(
        [wish(), wish(), faulty, wish()].map((each) => desk.claim(each, forever)),
      );
      const told = claims.map((claim) => (claim.status === 'fulfilled' ? claim.value !== null : String(claim.reason)));
      expect(told).to.deep.equal([true, true, 'Error: no token for this one', true]);
    });

    it('never get a task twice: 200 at once on two replicas', async () => {
      for (let index = 0; index < 150; index += 1) await stage.world.addTask({ project: `p${index % 5}` });
      const pair = [newDesk(), newDesk()];
      const wishes = Array.from({ length: 200 }, () => wish());
      const claims = await Promise.all(wishes.flatMap((each, index) => pair[index % 2]?.claim(each, forever) ?? []));
      const taken = claims.flatMap((claim) => claim?.task.id ?? []);
      expect(new Set(taken).size).to.equal(150);
      expect(taken).to.have.length(150);
    });

    it('share fairly on two replicas too, but for what they have in hand', async () => {
      const counts = { a: 60, b: 30, c: 30, d: 30 };
      for (const [project, count] of Object.entries(counts)) {
        for (let index = 0; index < count; index += 1) await stage.world.addTask({ project });
      }
      const pair = [newDesk(), newDesk()];
      const wishes = Array.from({ length: 80 }, () => wish());
      const claims = await Promise.all(wishes.flatMap((each, index) => pair[index % 2]?.claim(each, forever) ?? []));
      const sizes = [...(await projectsOf(claims)).values()].map((tasks) => tasks.length);
      expect(sizes).to.have.length(4);
      // A batch deals out evenly what it sees; it does not see the one batch that the other replica has in hand.
      expect(Math.max(...sizes) - Math.min(...sizes)).to.be.at.most(4);
    });

    it('agree with the rule, whatever was there before', async () => {
      for (let seed = 1; seed <= 4; seed += 1) await compareWithModel(stage.world, seed);
    });
  });
}
