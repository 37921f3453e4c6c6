import { expect } from 'chai';
import { AutopilotDryRun, AutopilotRun, Job, Project, pageOf, type AutopilotRequest } from '#contracts';
import { Api } from '../support/api.ts';
import { deployed, modelled, newProject, predict, startAutopilot, type Modelled } from '../support/modelling.ts';
import { sharedPlatform } from '../support/platform.ts';
import { csvText } from '../support/sample-data.ts';
import { dateCell, regularTimes } from '../support/series-table.ts';

const DAYS = 140;

/** Sales of two shops, a row a day each, with a weekly season. */
function sales(): string {
  const rows = regularTimes(DAYS).flatMap((time, day) =>
    ['north', 'south'].map((shop, index) => [
      dateCell(time).slice(0, 10),
      shop,
      String((day * 7) % 13),
      String(100 * (index + 1) + 30 * Number(day % 7 > 4) + ((day * 7) % 13)),
    ]),
  );
  return csvText({ columns: ['day', 'shop', 'weather', 'sales'], rows });
}

describe('main job over HTTP: partitions by date', function () {
  this.timeout(120_000);
  let api: Api;
  let datasetId = '';
  let run: Modelled;
  const request: AutopilotRequest = {
    target: 'sales',
    targetType: 'regression',
    metric: 'rmse',
    maxModels: 5,
    partitioning: { method: 'date', column: 'day', backtests: 2, gap: 'P7D', seriesColumn: 'shop' },
  };

  before(async () => {
    const platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
    datasetId = await api.dataset({ content: sales() });
  });

  it('shows the plan with its dates and row counts before anything runs', async () => {
    const projectId = await newProject(api, datasetId);
    const { plan } = await api.call('POST', `/projects/${projectId}/autopilot?dryRun=true`, 200, AutopilotDryRun, {
      json: request,
    });
    expect(plan.partitioning).to.deep.include({ method: 'date', validation: 'cv', folds: 2, column: 'day' });
    expect(plan.partitioning.dates).to.deep.equal({
      gapSeconds: 604_800,
      window: 'expanding',
      backtests: [
        {
          training: { from: '2024-01-01', until: '2024-01-29', rowCount: 56 },
          validation: { from: '2024-02-05', until: '2024-03-11', rowCount: 70 },
        },
        {
          training: { from: '2024-01-01', until: '2024-03-04', rowCount: 126 },
          validation: { from: '2024-03-11', until: '2024-04-15', rowCount: 70 },
        },
      ],
      holdout: { from: '2024-04-22', until: null, rowCount: 56 },
      series: { column: 'shop', season: 'weekday' },
      unusedRowCount: 14,
    });
    expect((await api.get(`/jobs?projectId=${projectId}`, pageOf(Job))).data).to.deep.equal([]);
  });

  it('ranks models by the mean of their backtests, naive forecasts among them', async () => {
    run = await modelled(api, { datasetId }, request);
    const searched = run.board.data.filter(
      ({ refitOf, blueprintId }) => refitOf === null && blueprintId !== 'ensemble',
    );
    expect(searched.map(({ blueprintId }) => blueprintId)).to.have.members([
      ...['baseline', 'naive-last', 'naive-seasonal', 'lightgbm-fast', 'linear-history'],
    ]);
    for (const { scores, name } of run.board.data) {
      const values = scores.backtests?.map((one) => one['rmse'] ?? NaN) ?? [];
      expect(values, name).to.have.length(2);
      expect(scores.crossValidation?.['rmse'], name).to.equal(values.reduce((sum, value) => sum + value, 0) / 2);
      expect(scores.validation, name).to.deep.equal(scores.backtests?.[1]);
      expect(scores.holdout, name).to.equal(null);
    }
    expect(run.reason)
      .to.contain('mean of 2 backtests')
      .and.contain(`refitted on all ${2 * DAYS} rows`);
    const project = await api.get(`/projects/${run.projectId}`, Project);
    expect(project.partitioning?.dates?.backtests).to.have.length(2);
  });

  it('reports of each model when it trained on what, and that a series ages', async () => {
    for (const { modelId, blueprintId, scores } of run.board.data) {
      const { status, text } = await api.request('GET', `/models/${modelId}/compliance-report`);
      expect(status, text.slice(0, 500)).to.equal(200);
      expect(text, blueprintId).to.include('2024-01-01 to 2024-03-04');
      expect(text, blueprintId).to.match(
        /<td>backtest 2<\/td><td class="number">70<\/td><td class="number">[\d.,]+<\/td>/,
      );
      expect(text.includes('The model ages'), blueprintId).to.equal(/^naive-|history$/.test(blueprintId));
      expect(text, blueprintId).to.not.match(/undefined|NaN|\[object/);
      expect(scores.holdout).to.equal(null);
    }
  });

  it('answers with what the recommended model has learned from all rows', async () => {
    const { predictionUrl } = await deployed(api, run.modelId);
    const rows = [{ day: '2024-05-21', shop: 'south', weather: '3' }];
    const { data } = await predict(api, predictionUrl, rows);
    expect(data[0]?.prediction).to.be.within(190, 240);
  });

  it('keeps the partitions for later runs of the project, and refuses others', async () => {
    const job = await startAutopilot(api, run.projectId, { target: 'sales', maxModels: 2, seed: 9 });
    await api.succeeded(job);
    const again = await api.get(`/projects/${run.projectId}/autopilot`, AutopilotRun);
    expect(again.plan.partitioning.dates?.gapSeconds).to.equal(604_800);
    await api.refused(
      'POST',
      `/projects/${run.projectId}/autopilot`,
      { status: 409, code: 'PROJECT_TARGET_FIXED', says: ['partitioning'] },
      { json: { ...request, partitioning: { ...request.partitioning, gap: '8d' } } },
    );
  });

  it('fits a naive forecast by hand on a series only', async () => {
    const made = await api.call('POST', `/projects/${run.projectId}/models`, 202, Job, {
      json: { blueprintId: 'naive-seasonal' },
    });
    await api.succeeded(made);
    const other = await modelled(api, { datasetId }, { target: 'sales', targetType: 'regression', mode: 'manual' });
    const refusal = { status: 422, code: 'VALIDATION_FAILED', says: ['naive-last', 'seriesColumn'] } as const;
    await api.refused('POST', `/projects/${other.projectId}/models`, refusal, { json: { blueprintId: 'naive-last' } });
  });
});
