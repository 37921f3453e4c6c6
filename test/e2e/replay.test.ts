import { expect } from 'chai';
import { AutopilotRun, Job, Project, RecommendedModel } from '#contracts';
import { adultDataset } from '../support/budget.ts';
import { newProject, startAutopilot } from '../support/modelling.ts';
import { Api } from '../support/api.ts';
import { sharedPlatform, type SharedPlatform } from '../support/platform.ts';

const BUDGET_SECONDS = 20;

describe('replay of a run with a time budget, for real', function () {
  this.timeout(300_000);
  let platform: SharedPlatform;

  before(async () => {
    platform = await sharedPlatform();
  });

  it(`makes every model of a run of ${BUDGET_SECONDS} s again, byte for byte`, async () => {
    const api = new Api(platform.url, platform.adminKey);
    const datasetId = await adultDataset(platform);
    const projectId = await newProject(api, datasetId, 'timed');
    const replayPath = `/projects/${projectId}/autopilot/replay`;
    await api.refused('POST', replayPath, { status: 404, code: 'NOT_FOUND', says: [/never started/] }, { json: {} });
    const request = { target: 'income', timeBudgetSeconds: BUDGET_SECONDS };
    const job = await startAutopilot(api, projectId, request);
    const early = { status: 409, code: 'CONFLICT', says: [/is running/] } as const;
    await api.refused('POST', replayPath, early, { json: {} });
    await api.succeeded(job);
    const { modelId } = await api.get(`/projects/${projectId}/recommended-model`, RecommendedModel);
    const replay = await api.succeeded(await api.call('POST', replayPath, 202, Job, { json: {} }));
    const run = await api.get((replay.resource ?? '').replace('/api/v1', ''), AutopilotRun);
    const { models = [], ...report } = run.replay ?? {};
    const stopped = run.plan.replay?.models.filter(({ stops }) => Object.keys(stops).length > 0) ?? [];
    console.log(`      ${models.length} models, ${stopped.length} of them stopped by a deadline`);
    expect(models.filter(({ isEqual }) => isEqual !== true)).to.deep.equal([]);
    expect(report).to.deep.include({ ofProjectId: projectId, isEqual: true });
    expect(models.length).to.be.at.least(3);
    const { leakage } = await api.get(`/projects/${projectId}/autopilot`, AutopilotRun);
    expect(leakage).to.not.equal(null);
    expect(run.leakage, 'the search for leakage ended where it had').to.deep.equal(leakage);
    const recommended = models.find(({ isRecommended }) => isRecommended);
    expect(recommended?.of.modelId).to.equal(modelId);
    expect(recommended?.modelId).to.equal(run.recommendedModelId);
    const project = await api.get(`/projects/${run.projectId}`, Project);
    expect(project).to.include({ name: 'Replay of timed', datasetId, recommendedModelId: run.recommendedModelId });
  });
});
