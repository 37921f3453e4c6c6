import { availableParallelism } from 'node:os';
import { expect } from 'chai';
import { createDatabase } from '../support/postgres.ts';
import { replayCommand, runFleet } from './fleet.ts';
import { WORKER_STEPS } from './nemesis.ts';
import { PLANTS, type Plant } from './plants.ts';
import { REGRESSIONS } from './regressions.ts';
import { runSeed } from './run.ts';

const FIRST_SEED = 1_000;
const SEED_COUNT = 100;
const TASKS_PER_SEED = 100;
/** Within so many tasks a plant must be found. */
const PLANT_TASKS_MAX = 1_000;
const PROCESS_COUNT = Math.min(2, availableParallelism());
const POSTGRES_TASKS = 12;

describe('simulator', () => {
  it(`finds nothing in ${SEED_COUNT} seeds of ${TASKS_PER_SEED} tasks, with faults at all steps`, async function () {
    this.timeout(600_000);
    const kinds = new Set<string>();
    const totals = await runFleet({
      firstSeed: FIRST_SEED,
      seedCount: SEED_COUNT,
      taskCount: TASKS_PER_SEED,
      processCount: PROCESS_COUNT,
      onReport: ({ faults }) => {
        for (const kind of Object.keys(faults)) kinds.add(kind);
      },
    });
    expect(totals.violations.join('\n')).to.equal('');
    expect(totals.taskCount).to.be.at.least(SEED_COUNT * TASKS_PER_SEED * 0.99);
    for (const step of WORKER_STEPS) {
      for (const fault of ['crash', 'pause', 'lost', 'doubled']) expect([...kinds]).to.include(`${step} ${fault}`);
    }
  });

  it('does the same again for the same seed, and something else for another', async function () {
    this.timeout(60_000);
    const first = await runSeed({ seed: 77, taskCount: 40 });
    const again = await runSeed({ seed: 77, taskCount: 40 });
    const other = await runSeed({ seed: 78, taskCount: 40 });
    expect(again).to.deep.equal(first);
    expect(other.historyHash).to.not.equal(first.historyHash);
  });

  for (const plant of PLANTS) {
    it(`finds the planted fault ${plant.name} within ${PLANT_TASKS_MAX} tasks: ${plant.summary}`, async function () {
      this.timeout(120_000);
      expect(await findPlant(plant)).to.be.at.most(PLANT_TASKS_MAX);
    });
  }

  for (const { name, seed, taskCount, found } of REGRESSIONS) {
    it(`regression "${name}": ${found}`, async function () {
      this.timeout(60_000);
      const first = await runSeed({ seed, taskCount });
      const again = await runSeed({ seed, taskCount });
      expect(first.violations, replayCommand(seed, taskCount)).to.deep.equal([]);
      expect(again.historyHash).to.equal(first.historyHash);
    });
  }

  it('finds nothing on PostgreSQL', async function () {
    this.timeout(180_000);
    const { url } = await createDatabase();
    const { violations, ends } = await runSeed({
      seed: 3,
      taskCount: POSTGRES_TASKS,
      source: { client: 'postgres', url },
    });
    expect(violations).to.deep.equal([]);
    expect(ends['SUCCEEDED']).to.be.greaterThan(0);
  });
});

/** How many tasks it takes until a plant is found. */
async function findPlant(plant: Plant): Promise<number> {
  let taskCount = 0;
  for (let seed = FIRST_SEED; taskCount <= PLANT_TASKS_MAX; seed += 1) {
    const report = await runSeed({ seed, taskCount: TASKS_PER_SEED, plant });
    taskCount += report.taskCount;
    expect(report.alteredCount, 'statements and rows that the plant altered').to.be.greaterThan(0);
    if (report.violations.length > 0) return taskCount;
  }
  return Infinity;
}
