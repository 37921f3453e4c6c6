import { expect } from 'chai';
import { Lab, LEASE_MS } from '../support/faults/lab.ts';
import {
  attemptCounts,
  expectSameModels,
  inTraining,
  SLOW,
  startRun,
  undisturbedHashes,
  uploadChurn,
} from '../support/faults/runs.ts';
import { until } from '../support/processes.ts';

describe('faults: app server away for ten leases', function () {
  this.timeout(180_000);
  let lab: Lab;
  before(async () => {
    await undisturbedHashes(SLOW);
    lab = await Lab.open();
  });
  after(() => lab.close());

  it('two workers end their training meanwhile and commit later, each at its first attempt', async () => {
    lab.startWorker();
    lab.startWorker();
    const datasetId = await uploadChurn(lab, SLOW);
    const runs = [await startRun(lab, datasetId, SLOW), await startRun(lab, datasetId, SLOW)];
    await inTraining(lab);
    const { atMs } = await lab.server.program().kill();
    await until('ten leases', () => Date.now() > atMs + 10 * LEASE_MS);
    const backAtMs = Date.now();
    await lab.server.start();
    for (const run of runs) {
      await expectSameModels(lab, run, SLOW);
      expect(await attemptCounts(lab, run.job.id)).to.deep.equal([1, 1]);
    }
    await lab.recovered('app server away for ten leases (from its return)', backAtMs, 25_000);
    await lab.check();
  });
});
