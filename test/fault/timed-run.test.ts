import { expect } from 'chai';
import { Leaderboard, Model, RecommendedModel } from '#contracts';
import { BUDGET_TOLERANCE_SECONDS } from '../support/budget.ts';
import { Lab } from '../support/faults/lab.ts';
import { noteRecovery } from '../support/faults/recovery.ts';
import { inTraining, SLOW, startRun, undisturbedHashes, uploadChurn, type RunKind } from '../support/faults/runs.ts';

const BUDGET_SECONDS = 20;
/** All candidates of the timed run, without a budget. */
const WHOLE: RunKind = {
  ...SLOW,
  request: { ...SLOW.request, maxModels: 3, blueprints: ['baseline', 'lightgbm-fast', 'lightgbm-default'] },
};
const { maxModels: _maxModels, ...open } = WHOLE.request;
const TIMED: RunKind = { ...WHOLE, request: { ...open, timeBudgetSeconds: BUDGET_SECONDS } };

describe('faults: a run with a time budget', function () {
  this.timeout(180_000);

  it('app server and worker killed in the middle: models of the undisturbed plan only, one recommended in time', async () => {
    const whole = await undisturbedHashes(WHOLE);
    const lab = await Lab.open();
    try {
      const victim = lab.startWorker();
      const datasetId = await uploadChurn(lab, TIMED);
      const acceptedAtMs = Date.now();
      const run = await startRun(lab, datasetId, TIMED);
      await inTraining(lab);
      const { atMs } = await victim.kill();
      lab.startWorker();
      await lab.server.program().kill();
      await lab.server.start();
      await lab.succeeded(run.job.id);
      const { modelId } = await lab.api.get(`/projects/${run.projectId}/recommended-model`, RecommendedModel);
      const seconds = (Date.now() - acceptedAtMs) / 1000;
      noteRecovery(`app server and worker killed in a run of ${BUDGET_SECONDS} s`, Date.now() - atMs, {
        what: `a model is recommended, ${seconds.toFixed(1)} s after the start`,
        limitMs: 40_000,
      });
      expect(seconds).to.be.lessThan(BUDGET_SECONDS + BUDGET_TOLERANCE_SECONDS);
      const { data } = await lab.api.get(`/projects/${run.projectId}/leaderboard`, Leaderboard);
      const models = await Promise.all(data.map((entry) => lab.api.get(`/models/${entry.modelId}`, Model)));
      const searched = models.filter(({ refitOf, ensemble }) => refitOf === null && ensemble === null);
      expect(searched.length).to.be.greaterThan(0);
      for (const { contentHash } of searched) expect(whole).to.include(contentHash);
      expect(models.map(({ id }) => id)).to.include(modelId);
      await lab.check();
    } finally {
      await lab.close();
    }
  });
});
