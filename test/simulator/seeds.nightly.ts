import { availableParallelism } from 'node:os';
import { expect } from 'chai';
import { runFleet } from './fleet.ts';
import { sentenceOf } from './totals.ts';

const SEED_COUNT = 10_000;
const TASKS_PER_SEED = 25;
/** A night's seeds are others than the day's and than last night's; the first one is printed. */
const DAY_MS = 86_400_000;
const PRINT_EVERY = 500;

describe('simulator, nightly', () => {
  it(`finds nothing in ${SEED_COUNT} seeds of ${TASKS_PER_SEED} tasks`, async function () {
    this.timeout(6 * 3_600_000);
    const firstSeed = Math.floor(Date.now() / DAY_MS) * SEED_COUNT;
    let count = 0;
    const totals = await runFleet({
      firstSeed,
      seedCount: SEED_COUNT,
      taskCount: TASKS_PER_SEED,
      processCount: availableParallelism(),
      onReport: ({ seed, violations }) => {
        // At once: what hours have found is not lost if the run is stopped.
        for (const violation of violations) process.stdout.write(`seed ${seed}: ${violation}\n`);
        count += 1;
        if (count % PRINT_EVERY === 0) process.stdout.write(`${count} seeds from ${firstSeed} on\n`);
      },
    });
    process.stdout.write(`${sentenceOf(totals)}, ${Math.round(totals.cpuMs / 1_000)} s of processor time\n`);
    // The first lines name the seeds and how to run them again.
    expect(totals.violations.slice(0, 20).join('\n')).to.equal('');
  });
});
