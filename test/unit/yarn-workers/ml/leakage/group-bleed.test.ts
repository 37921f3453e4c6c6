import { expect } from 'chai';
import type { LeakageFacts } from '#contracts';
import { fitModel, groupColumnsOf, leakagePlan, leakageSearchOf, type AutopilotRequest } from '#ml';
import { createRandom, type Random } from '#statistics';
import { testEngine } from '../../../../support/boosting-engine.ts';
import {
  dateRule,
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../support/memory-table.ts';
import { freeIo, planOf, profileOf, trainTask } from '../../../../support/modelling-task.ts';

type TargetType = 'binary' | 'multiclass' | 'regression';

const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());

/** Patients of five rows each, whose target is mostly their own. `isPermuted`: rows are given another patient's id. */
function patients(seed: number, targetType: TargetType, isPermuted: boolean, rowCount = 1_500): MemoryColumn[] {
  const random = createRandom(seed);
  const own = Array.from({ length: rowCount / 5 }, () => normal(random));
  const ids = Array.from({ length: rowCount }, (_, row) => Math.floor(row / 5));
  const rows = ids.map((id) => {
    const level = (own[id] ?? 0) + normal(random);
    return { x: normal(random) + 0.3 * level, level };
  });
  if (isPermuted)
    for (let last = ids.length - 1; last > 0; last -= 1) {
      const other = random.below(last + 1);
      [ids[last], ids[other]] = [ids[other] ?? 0, ids[last] ?? 0];
    }
  const label = (level: number): string =>
    targetType === 'regression'
      ? level.toFixed(3)
      : targetType === 'binary'
        ? level > 0
          ? 'ill'
          : 'well'
        : level > 0.6
          ? 'high'
          : level < -0.6
            ? 'low'
            : 'middle';
  return [
    { name: 'patient_id', parse: numberRule, cells: ids.map(String) },
    { name: 'x', parse: numberRule, cells: rows.map(({ x }) => x.toFixed(3)) },
    { name: 'day', parse: dateRule, cells: rows.map((_, row) => `2024-01-${String(1 + (row % 28)).padStart(2, '0')}`) },
    {
      name: 'y',
      parse: targetType === 'regression' ? numberRule : textRule,
      cells: rows.map(({ level }) => label(level)),
    },
  ];
}

async function leakageOf(
  columns: readonly MemoryColumn[],
  request: Partial<AutopilotRequest> = {},
): Promise<LeakageFacts> {
  const plan = await planOf(columns, { target: 'y', ...request });
  const groups = groupColumnsOf(plan, { profile: await profileOf(columns), table: storedTable(columns) });
  const leakageSearch = leakageSearchOf({ ...plan, leakage: leakagePlan(plan, groups) });
  const task = trainTask(columns, plan, { blueprintId: 'baseline', findsLeakage: true, leakageSearch });
  const { leakage } = await fitModel(task, memorySource(columns, 400), testEngine(), freeIo());
  return leakage ?? expect.fail('nothing was looked for');
}

const flagged = ({ groups = [] }: LeakageFacts): string[] => groups.map(({ column }) => column);

describe('ml leakage: groups that bleed over partitions', function () {
  this.timeout(60_000);

  for (const targetType of ['binary', 'multiclass', 'regression'] as const)
    it(`patients are found, and not where their ids are permuted: ${targetType}`, async () => {
      const found = await leakageOf(patients(1, targetType, false));
      expect(flagged(found)).to.deep.equal(['patient_id']);
      const [finding] = found.groups ?? [];
      expect(finding?.score).to.be.within(0.1, 0.9);
      expect(finding?.seenShare).to.be.above(0.9);
      expect(finding?.groupCount).to.be.within(270, 300);
      expect(Math.abs(finding?.chance ?? 1)).to.be.below(0.06);
      const permuted = await leakageOf(patients(1, targetType, true));
      expect([permuted.groupColumnCount, flagged(permuted)]).to.deep.equal([1, []]);
    });

  it('no false alarm in 40 tables of permuted patients', async () => {
    let alarms = 0;
    for (let seed = 0; seed < 40; seed += 1)
      alarms += flagged(await leakageOf(patients(1_000 + seed, 'binary', true, 500))).length;
    expect(alarms).to.equal(0);
  });

  it('is silent where rows are parted by the group, or by date', async () => {
    const columns = patients(2, 'regression', false);
    expect(
      flagged(await leakageOf(columns, { partitioning: { method: 'group', column: 'patient_id' } })),
    ).to.deep.equal([]);
    const twice = [...columns, { ...(columns[0] ?? expect.fail('no ids')), name: 'case_id' }];
    const nested = await leakageOf(twice, { partitioning: { method: 'group', column: 'patient_id' } });
    expect([nested.groupColumnCount, flagged(nested)]).to.deep.equal([1, []]);
    const byDate = await leakageOf(columns, { partitioning: { method: 'date', column: 'day' } });
    expect([byDate.groupColumnCount, flagged(byDate)]).to.deep.equal([0, []]);
  });

  it('looks at columns that may name groups, features or not', async () => {
    const rowCount = 600;
    const column = (name: string, parse: MemoryColumn['parse'], cellOf: (row: number) => string): MemoryColumn => ({
      ...{ name, parse },
      cells: Array.from({ length: rowCount }, (_, row) => cellOf(row)),
    });
    const columns = [
      column('subject#', numberRule, (row) => String(row % 20)),
      column('postcode', textRule, (row) => `p${row % 150}`),
      column('serialNo', textRule, (row) => `s${row}`),
      column('colour', textRule, (row) => `c${row % 7}`),
      column('customer_age', numberRule, (row) => String(row % 60)),
      column('y', numberRule, (row) => String((row * 7) % 2)),
    ];
    const plan = await planOf(columns, { target: 'y' });
    const facts = { profile: await profileOf(columns), table: storedTable(columns) };
    expect(groupColumnsOf(plan, facts)).to.deep.equal([
      { name: 'subject#', levelCount: 20 },
      { name: 'postcode', levelCount: 150 },
    ]);
  });

  it('measures whole groups of large tables', async () => {
    const columns = patients(3, 'binary', false, 40_000);
    const found = await leakageOf(columns);
    const [finding] = found.groups ?? [];
    expect(finding?.rowCount).to.be.within(12_000, 20_000);
    expect(finding?.groupCount).to.be.within(3_000, 5_000);
    expect(finding?.score).to.be.closeTo(
      (await leakageOf(patients(4, 'binary', false, 15_000))).groups?.[0]?.score ?? 0,
      0.05,
    );
  });
});
