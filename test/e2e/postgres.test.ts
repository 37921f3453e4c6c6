import { expect } from 'chai';
import { Api } from '../support/api.ts';
import {
  batchPredicted,
  batchRows,
  deployed,
  modelled,
  newProject,
  predict,
  startAutopilot,
} from '../support/modelling.ts';
import { startPlatform, type TestPlatform } from '../support/platform.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { isAlive, until } from '../support/processes.ts';
import { csvText, jsonRow, multiclassSample } from '../support/sample-data.ts';
import { Project } from '#contracts';

const FLAGS = ['--queue.leaseMs=3000', '--queue.beatMs=500', '--queue.backoffMs=200', '--up.workers=2'];

describe('the platform on PostgreSQL', function () {
  this.timeout(120_000);
  let database: TestDatabase | null = null;
  let platform: TestPlatform;
  let api: Api;
  const table = multiclassSample(300);
  const data = { fileName: 'kinds.csv', content: csvText(table) };

  before(async () => {
    database = await createDatabase();
    platform = await startPlatform({
      flags: FLAGS,
      env: { TRAINYARD_DATABASE_CLIENT: 'postgres', TRAINYARD_DATABASE_URL: database.url },
    });
    api = new Api(platform.url, platform.adminKey);
  });
  after(async () => {
    await platform.close();
    await database?.close();
  });

  it('does the whole job: upload, Autopilot, deployment, batch equal to HTTP', async () => {
    const run = await modelled(api, data, { target: 'kind', maxModels: 3, seed: 1 });
    expect(run.board.data.map(({ blueprintId }) => blueprintId)).to.include.members(['baseline', 'ensemble']);
    expect(run.board.data.length).to.be.at.least(5);
    expect(run.board.data.filter(({ recommended }) => recommended).map(({ modelId }) => modelId)).to.deep.equal([
      run.modelId,
    ]);
    const { predictionUrl } = await deployed(api, run.modelId);
    const { data: answers } = await predict(
      api,
      predictionUrl,
      table.rows.map((row) => jsonRow(table, row)),
    );
    const csv = await batchRows(
      api,
      await batchPredicted(api, { modelId: run.modelId, input: { datasetId: run.datasetId } }),
    );
    const labels = csv.text
      .trimEnd()
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(',')[0]);
    expect(labels).to.deep.equal(answers.map(({ prediction }) => String(prediction)));
  });

  it('gives the same models again after every worker was killed in the middle', async () => {
    const datasetId = await api.dataset(data);
    const calm = await modelled(api, { datasetId }, { target: 'kind', maxModels: 3, seed: 5 });
    const projectId = await newProject(api, datasetId, 'interrupted');
    const job = await startAutopilot(api, projectId, { target: 'kind', maxModels: 3, seed: 5 });
    const tasks = await until('a task process at work', () => {
      const found = platform.programs('task');
      return found.length > 0 ? found : null;
    });
    for (const worker of platform.programs('worker')) process.kill(worker.pid, 'SIGKILL');
    await until('the end of the task children', () => !tasks.some(isAlive));
    await api.succeeded(job);
    const hashes = async (id: string): Promise<(string | null)[]> => {
      const { json } = await api.request('GET', `/projects/${id}/leaderboard`);
      const { data: rows } = json as { data: { modelId: string }[] }; // Leaderboard of the contract
      const models = await Promise.all(rows.map(({ modelId }) => api.request('GET', `/models/${modelId}`)));
      return models.map((model) => (model.json as { contentHash: string | null }).contentHash).sort(); // Model of the contract
    };
    const project = await api.get(`/projects/${projectId}`, Project);
    expect(project.state).to.equal('ready');
    const [calmHashes, interrupted] = [await hashes(calm.projectId), await hashes(projectId)];
    expect(calmHashes.every((hash) => typeof hash === 'string' && hash.length === 64)).to.equal(true);
    expect(interrupted).to.deep.equal(calmHashes);
  });
});
