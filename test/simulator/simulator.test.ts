import { availableParallelism } from 'node:os';
import { expect } from 'chai';
import { createDatabase } from '../support/postgres.ts';
import { replayCommand, runFleet } from './fleet.ts';
import { STEP_FAULTS, WORKER_STEPS } from './nemesis.ts';
import { PLANTS, type Plant } from './plants.ts';
import { REGRESSIONS } from './regressions.ts';
import { runSeed } from './run.ts';
import { addReport, newTotals, sentenceOf, type Totals } from './totals.ts';

const FIRST_SEED = 1_000;
const SEED_COUNT = 100;
const TASKS_PER_SEED = 100;
/** Within so many tasks a plant must be found. */
const PLANT_TASKS_MAX = 1_000;
const PROCESS_COUNT = Math.min(2, availableParallelism());
/** On PostgreSQL: some seeds, and more until every step has met every fault, which no seed fixes there. */
const POSTGRES = { firstSeed: 5, seedsMin: 3, seedsMax: 10, taskCount: 10 };

describe('simulator', () => {
  it(`finds nothing in ${SEED_COUNT} seeds of ${TASKS_PER_SEED} tasks, with faults at all steps`, async function () {
    this.timeout(600_000);
    const totals = await runFleet({
      firstSeed: FIRST_SEED,
      seedCount: SEED_COUNT,
      taskCount: TASKS_PER_SEED,
      processCount: PROCESS_COUNT,
    });
    print(`${sentenceOf(totals)}; ${Math.round(totals.cpuMs / 1_000)} s of processor time`);
    expect(totals.violations.join('\n')).to.equal('');
    expect(totals.taskCount).to.be.at.least(SEED_COUNT * TASKS_PER_SEED * 0.99);
    expect(missingStepFaults(totals), 'faults that were never met').to.deep.equal([]);
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

  it('finds nothing on PostgreSQL, with every fault at every step', async function () {
    this.timeout(180_000);
    const totals = newTotals();
    const rotation = new Map<string, number>();
    const isEnough = () => totals.seedCount >= POSTGRES.seedsMin && missingStepFaults(totals).length === 0;
    for (let index = 0; index < POSTGRES.seedsMax && !isEnough(); index += 1) {
      const seed = POSTGRES.firstSeed + index;
      const database = await createDatabase();
      const source = { client: 'postgres', url: database.url } as const;
      const report = await runSeed({ seed, taskCount: POSTGRES.taskCount, source, rotation });
      await database.close();
      expect(report.violations, `seed ${seed}`).to.deep.equal([]);
      addReport(totals, report);
    }
    print(`${sentenceOf(totals)}, on PostgreSQL`);
    expect(missingStepFaults(totals), 'faults that were never met').to.deep.equal([]);
  });
});

/** A figure of the suite, below its test's line. */
const print = (text: string): void => console.log(`      ${text}`);

const missingStepFaults = ({ kinds }: Totals): string[] =>
  WORKER_STEPS.flatMap((step) => STEP_FAULTS.map((fault) => `${step} ${fault}`)).filter((kind) => !kinds.has(kind));

/** How many tasks it takes until a plant is found. */
async function findPlant(plant: Plant): Promise<number> {
  let taskCount = 0;
  for (let seed = FIRST_SEED; taskCount <= PLANT_TASKS_MAX; seed += 1) {
    const report = await runSeed({ seed, taskCount: TASKS_PER_SEED, plant });
    taskCount += report.taskCount;
    expect(report.alteredCount, 'statements and rows that the plant altered').to.be.greaterThan(0);
    const [finding] = report.violations;
    if (finding === undefined) continue;
    print(`seed ${seed}, after ${taskCount} tasks: ${finding}`);
    return taskCount;
  }
  return Infinity;
}
