import { expect } from 'chai';
import { AutopilotRun, Job, Leaderboard, Project, RecommendedModel } from '#contracts';
import type { Api } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { testEngine } from '../../support/boosting-engine.ts';
import { mixedTable } from '../../support/mixed-table.ts';
import { newProject, startAutopilot } from '../../support/modelling.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

const COLUMNS = mixedTable(400).filter(({ name }) => ['x', 'y', 'colour', 'binary'].includes(name));
const REQUEST = {
  target: 'binary',
  blueprints: ['ensemble', 'baseline', 'linear', 'lightgbm-fast', 'lightgbm-slow'],
  seed: 7,
};

describe('app server: replay of a run', function () {
  this.timeout(120_000);
  let world: TestAppServer;
  let worker: ProtocolWorker;
  let api: Api;
  let datasetId = '';
  let projectId = '';

  before(async () => {
    world = await startTestAppServer();
    const options = { protocolVersion: 2, engine: testEngine() };
    worker = new ProtocolWorker(world.server.url, world.config, world.store, COLUMNS, options);
    api = (await world.user('ann')).api;
    const answer = await api.upload({ content: 'x,y,colour,binary\n1,2,red,yes\n', fileName: 'data.csv' });
    await worker.workAll();
    const job = await api.get(`/jobs/${(answer.json as Job).id}`, Job);
    datasetId = job.resource?.split('/').at(-1) ?? '';
    projectId = await newProject(api, datasetId, 'first');
    await startAutopilot(api, projectId, REQUEST);
    await worker.workAll();
  });
  after(async () => {
    worker.close();
    await world.close();
  });

  const replayPath = (id = projectId): string => `/projects/${id}/autopilot/replay`;
  const replayed = async (json: object = {}): Promise<AutopilotRun> => {
    const job = await api.call('POST', replayPath(), 202, Job, { json });
    const path = (job.resource ?? '').replace('/api/v1', '');
    const open = await api.get(path, AutopilotRun);
    expect(open.replay).to.include({ isEqual: null, ofProjectId: projectId });
    await worker.workAll();
    return api.get(path, AutopilotRun);
  };

  it('makes the same models in a project of its own, the ensemble and refits included', async () => {
    const board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    const { modelId } = await api.get(`/projects/${projectId}/recommended-model`, RecommendedModel);
    const run = await replayed({ name: 'again' });
    expect(run.state).to.equal('succeeded');
    expect(run.replay?.isEqual).to.equal(true);
    const models = run.replay?.models ?? [];
    expect(models.map(({ of }) => of.modelId)).to.have.members(board.data.map((row) => row.modelId));
    expect(models.filter(({ of, contentHash }) => of.contentHash !== contentHash)).to.deep.equal([]);
    expect(models.map(({ key }) => key)).to.include.members(['ensemble']);
    expect(models.find(({ isRecommended }) => isRecommended)).to.deep.include({ modelId: run.recommendedModelId });
    expect(models.find(({ of }) => of.modelId === modelId)?.isRecommended).to.equal(true);
    const project = await api.get(`/projects/${run.projectId}`, Project);
    expect(project).to.include({ name: 'again', recommendedModelId: run.recommendedModelId, datasetId });
    const own = await api.get(`/projects/${run.projectId}/leaderboard`, Leaderboard);
    expect(own.data.map(({ scores }) => scores)).to.deep.equal(board.data.map(({ scores }) => scores));
    const untouched = await api.get(`/projects/${projectId}/recommended-model`, RecommendedModel);
    expect(untouched.modelId).to.equal(modelId);
  });

  it('can be replayed itself', async () => {
    const first = await replayed();
    const job = await api.call('POST', replayPath(first.projectId), 202, Job, { json: {} });
    await worker.workAll();
    const second = await api.get((job.resource ?? '').replace('/api/v1', ''), AutopilotRun);
    expect(second.replay).to.include({ isEqual: true, ofRunId: first.id, ofProjectId: first.projectId });
  });

  it('says which models differ from what was recorded', async () => {
    const { knex } = world.server.database;
    const query = knex('models').where({ project_id: projectId, position: 1 }).select('id', 'content_hash');
    const [row] = (await query) as { id: string; content_hash: string }[];
    const { id, content_hash: hash } = row ?? expect.fail('no such model');
    await knex('models')
      .where({ id })
      .update({ content_hash: 'f'.repeat(64) });
    const run = await replayed();
    await knex('models').where({ id }).update({ content_hash: hash });
    expect(run.replay?.isEqual).to.equal(false);
    const differing = (run.replay?.models ?? []).filter(({ isEqual }) => isEqual !== true);
    expect(differing.map(({ of, contentHash }) => [of, contentHash])).to.deep.equal([
      [{ modelId: id, contentHash: 'f'.repeat(64) }, hash],
    ]);
  });

  it('refuses what cannot be made again, and what is not the caller’s', async () => {
    const empty = await newProject(api, datasetId, 'empty');
    const never = { status: 404, code: 'NOT_FOUND', says: [/never started/] } as const;
    await api.refused('POST', replayPath(empty), never, { json: {} });
    await startAutopilot(api, empty, REQUEST);
    const running = { status: 409, code: 'CONFLICT', says: [/is running/] } as const;
    await api.refused('POST', replayPath(empty), running, { json: {} });
    await worker.workAll();
    const field = { status: 422, code: 'VALIDATION_FAILED', says: [/timeBudgetSeconds/] } as const;
    await api.refused('POST', replayPath(), field, { json: { timeBudgetSeconds: 60 } });
    const { api: other } = await world.user('bob');
    await other.refused('POST', replayPath(), { status: 404, code: 'NOT_FOUND', says: [/project/] }, { json: {} });
  });
});
