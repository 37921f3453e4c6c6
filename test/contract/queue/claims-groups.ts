import { expect } from 'chai';
import type { EnsembleTask, InsightTask } from '#contracts';
import { claimTogether, wish } from './claims-model.ts';
import type { Stage } from './stage.ts';
import { QUEUE_CONFIG } from './world.ts';

const ENSEMBLE: EnsembleTask = {
  kind: 'ensemble',
  modelId: 'm1',
  projectId: 'p1',
  datasetId: 'd1',
  table: { rowCount: 0, columns: [], files: [] },
  target: { name: 'y', targetType: 'regression', classes: [], positiveClass: null },
  features: [{ name: 'x', type: 'numeric', uniqueCount: 1 }],
  metric: 'rmse',
  members: [
    {
      modelId: 'm0',
      blueprintId: 'linear',
      artifactPath: 'models/m0/1-a',
      manifestSha256: '0'.repeat(64),
      weight: null,
    },
  ],
  membersMax: 1,
  stepsMax: 1,
  refitOf: null,
  seed: 0,
};

const INSIGHT: InsightTask = {
  kind: 'insight',
  insight: 'feature-impact',
  modelId: 'm0',
  projectId: 'p1',
  datasetId: 'd1',
  table: ENSEMBLE.table,
  target: ENSEMBLE.target,
  metric: 'rmse',
  artifactPath: 'models/m0/1-a',
  manifestSha256: '0'.repeat(64),
  seed: 0,
};

/** Claims of tasks that run at the same time or not at all. */
export function claimsGroupsCases(stage: Stage): void {
  const idsOf = (tasks: readonly { readonly id: string }[]) => tasks.map(({ id }) => id);
  const formingOf = async (groupId: string): Promise<number | null> => {
    const [row] = (await stage.world.database.knex('task_group').where({ id: groupId }).select('forming_until')) as [
      { forming_until: number | null },
    ];
    return row.forming_until;
  };

  describe('claims of groups', () => {
    it('begin a group with its first member, and no other one while it is forming', async () => {
      const { world } = stage;
      const one = await world.addGroup(3, { project: 'a' });
      await world.advance(1);
      const two = await world.addGroup(2, { project: 'b' });
      const [first, second] = await claimTogether(world, [wish(), wish()]);
      expect([first, second]).to.deep.equal(idsOf(one.tasks).slice(0, 2));
      expect(await formingOf(one.groupId)).not.to.equal(null);
      expect(await formingOf(two.groupId)).to.equal(null);
      expect(await claimTogether(world, [wish(), wish()])).to.deep.equal([one.tasks[2]?.id, null]);
    });

    it('put the members of the forming group first in their project, in their time', async () => {
      const { world } = stage;
      const { tasks } = await world.addGroup(2, { project: 'a' });
      await claimTogether(world, [wish()]);
      const urgent = await world.addTask({ project: 'a', priority: 9 });
      const other = await world.addTask({ project: 'b' });
      expect(await claimTogether(world, [wish()]), 'the share still rules').to.deep.equal([other.id]);
      expect(await claimTogether(world, [wish()])).to.deep.equal([tasks[1]?.id]);
      expect(await claimTogether(world, [wish()])).to.deep.equal([urgent.id]);
      const late = await world.addGroup(2, { project: 'c' });
      await world.database.knex('task_group').whereNot({ id: late.groupId }).update({ formed_at: 1 });
      await claimTogether(world, [wish()]);
      await world.advance(QUEUE_CONFIG.groupWaitMs);
      expect(await claimTogether(world, [wish()]), 'past its time it is to be dissolved').to.deep.equal([null]);
    });

    it('wait for a group’s back-off and for members that wait for something else', async () => {
      const { world } = stage;
      const { groupId, jobId, tasks } = await world.addGroup(2);
      const groups = world.database.knex('task_group').where({ id: groupId });
      const [row] = (await groups.clone().select('not_before')) as [{ not_before: number }];
      await groups.clone().update({ not_before: row.not_before + 1_000 });
      expect(await claimTogether(world, [wish()])).to.deep.equal([null]);
      await world.advance(1_000);
      const last = world.database.knex('task').where({ job_id: jobId, group_rank: 1 });
      await last.clone().update({ state: 'WAITING' });
      expect(await claimTogether(world, [wish()])).to.deep.equal([null]);
      await last.clone().update({ state: 'READY' });
      expect(await claimTogether(world, [wish(), wish()])).to.deep.equal(idsOf(tasks));
    });

    it('give members to workers that know groups only', async () => {
      const { world } = stage;
      const { tasks } = await world.addGroup(2, { priority: 1 });
      const single = await world.addTask();
      const old = wish({ joinsGroups: false });
      expect(await claimTogether(world, [old, wish(), wish()])).to.deep.equal([single.id, ...idsOf(tasks)]);
    });

    it('give insights to workers of version 2 only', async () => {
      const { world } = stage;
      const { id } = await world.addTask({ spec: INSIGHT });
      expect(await claimTogether(world, [wish({ joinsGroups: false }), wish()])).to.deep.equal([null, id]);
    });

    it('give ensembles to workers of version 2 only', async () => {
      const { world } = stage;
      const ensemble = await world.addTask({ priority: 1, spec: ENSEMBLE });
      const single = await world.addTask();
      const old = wish({ joinsGroups: false });
      expect(await claimTogether(world, [old, old])).to.deep.equal([single.id, null]);
      expect(await claimTogether(world, [wish()])).to.deep.equal([ensemble.id]);
    });

    it('go past more groups than are looked at, to the tasks behind them', async () => {
      const { world } = stage;
      const { tasks } = await world.addGroup(2, { priority: 1 });
      await world.advance(1);
      for (let index = 0; index < 12; index += 1) await world.addGroup(2, { priority: 1 });
      const single = await world.addTask();
      const taken = await claimTogether(world, [wish(), wish(), wish()]);
      expect(taken).to.deep.equal([...idsOf(tasks), single.id]);
    });

    it('begin one group at a time on two replicas', async () => {
      const { world } = stage;
      for (const project of ['a', 'b', 'c', 'd']) await world.addGroup(2, { project });
      await Promise.all(Array.from({ length: 6 }, () => claimTogether(world, [wish()])));
      const forming = await world.database.knex('task_group').whereNotNull('forming_until');
      expect(forming).to.have.length(1);
    });
  });
}
