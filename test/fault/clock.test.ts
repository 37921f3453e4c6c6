import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { Lab } from '../support/faults/lab.ts';
import { attemptCounts, expectSameModels, startRun, undisturbedHashes, uploadChurn } from '../support/faults/runs.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { rawRows } from '#store';

const HOUR_MS = 3_600_000;
const PRELOAD = path.join(REPOSITORY_ROOT, 'test/support/faults/shifted-clock.ts');

describe('faults: a worker whose clock is off by an hour', function () {
  this.timeout(180_000);
  let lab: Lab;
  let datasetId = '';
  before(async () => {
    await undisturbedHashes();
    lab = await Lab.open();
    const worker = lab.startWorker();
    datasetId = await uploadChurn(lab);
    await lab.stop(worker);
  });
  after(() => lab.close());

  for (const hours of [1, -1]) {
    it(`${hours > 0 ? '+' : ''}${hours} h: nothing changes`, async () => {
      const shiftMs = hours * HOUR_MS;
      const worker = lab.startWorker({ preload: PRELOAD, env: { CLOCK_SHIFT_MS: String(shiftMs) } });
      const run = await startRun(lab, datasetId);
      await expectSameModels(lab, run);
      expect(await attemptCounts(lab, run.job.id)).to.deep.equal([1, 1, 1, 1]);
      await lab.check();
      // Its clock was off, in the supervisor as well as in the task child.
      const time = String((await worker.line('a line with a time', (line) => line['time'] !== undefined))['time']);
      expect(new Date(time).getTime() - Date.now()).to.be.closeTo(shiftMs, HOUR_MS / 10);
      const models = await rawRows<{ artifact_path: string }>(
        lab.database,
        'select artifact_path from models where project_id = ?',
        [run.projectId],
      );
      for (const { artifact_path } of models) {
        const manifest = readFileSync(path.join(lab.objectsDir, artifact_path, 'manifest.json'), 'utf8');
        const { createdAt } = JSON.parse(manifest) as { createdAt: string }; // Manifest of the contract
        expect(new Date(createdAt).getTime() - Date.now()).to.be.closeTo(shiftMs, HOUR_MS / 10);
      }
      await lab.stopWorkers();
    });
  }
});
