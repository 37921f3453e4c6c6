import { expect } from 'chai';
import { AutopilotDryRun, FeatureList, FeatureListPage, Job, Model, ModelParameters } from '#contracts';
import { Api } from '../support/api.ts';
import { modelled, newProject, startAutopilot } from '../support/modelling.ts';
import { sharedPlatform } from '../support/platform.ts';
import { csvText, hostileSample, type SampleTable } from '../support/sample-data.ts';

const UNREAD = ['id', 'price', 'when'];

/** With a column that is the same in all rows. */
function sample(): SampleTable {
  const { columns, rows } = hostileSample(400);
  return { columns: [...columns, 'same'], rows: rows.map((row) => [...row, '1']) };
}

describe('feature lists', function () {
  this.timeout(120_000);
  let api: Api;
  let datasetId: string;
  let projectId: string;

  before(async () => {
    const platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
    datasetId = await api.dataset({ content: csvText(sample()), fileName: 'bought.csv' });
    projectId = await newProject(api, datasetId, 'lists');
  });

  const listsOf = async (project: string): Promise<FeatureList[]> =>
    (await api.get(`/projects/${project}/feature-lists`, FeatureListPage)).data;
  const made = (project: string, name: string, features: readonly string[]): Promise<FeatureList> =>
    api.call('POST', `/projects/${project}/feature-lists`, 201, FeatureList, { json: { name, features } });
  const refusedList = (
    json: unknown,
    status: number,
    code: 'CONFLICT' | 'FEATURE_UNKNOWN' | 'VALIDATION_FAILED',
    says: string,
  ) => api.refused('POST', `/projects/${projectId}/feature-lists`, { status, code, says: [says] }, { json });

  it('every project has two of them', async () => {
    const [raw, informative, ...others] = await listsOf(projectId);
    expect(others).to.deep.equal([]);
    expect(raw).to.deep.include({ id: 'raw', name: 'raw', origin: 'built-in', createdAt: null, createdBy: null });
    expect(raw?.features).to.deep.equal(sample().columns);
    expect(informative?.name).to.equal('informative');
    expect(informative?.features).to.include('amount').and.not.to.include('same');
  });

  it('a user’s list is kept in the dataset’s order, under a name of its own', async () => {
    const list = await made(projectId, 'few', ['word', 'amount']);
    expect(list).to.deep.include({ name: 'few', origin: 'user', features: ['amount', 'word'] });
    expect((await listsOf(projectId)).map(({ name }) => name)).to.deep.equal(['raw', 'informative', 'few']);
    await refusedList({ name: 'few', features: ['word'] }, 409, 'CONFLICT', '"few"');
    await refusedList({ name: 'raw', features: ['word'] }, 409, 'CONFLICT', '"raw"');
    await refusedList({ name: 'more', features: ['word', 'wrod'] }, 422, 'FEATURE_UNKNOWN', '"wrod"');
    await refusedList({ name: 'more', features: [] }, 422, 'VALIDATION_FAILED', '/features');
    await refusedList({ name: 'more', features: ['word', 'word'] }, 422, 'VALIDATION_FAILED', '/features');
  });

  it('a run models the list that it names, by name or id, and says so', async () => {
    const { id } = await made(projectId, 'by id', ['flag', 'same']);
    for (const [featureList, expected, name] of [
      ['few', ['amount', 'word'], 'few'],
      [id, ['flag'], 'by id'],
    ] as const) {
      const { plan } = await api.call('POST', `/projects/${projectId}/autopilot?dryRun=true`, 200, AutopilotDryRun, {
        json: { target: 'bought', featureList },
      });
      expect(plan.features.map((feature) => feature.name)).to.deep.equal(expected);
      expect(plan.featureList).to.equal(name);
    }
    const both = await api.call('POST', `/projects/${projectId}/autopilot?dryRun=true`, 200, AutopilotDryRun, {
      json: { target: 'bought', featureList: 'few', excludedFeatures: ['word'] },
    });
    expect(both.plan.features.map(({ name }) => name)).to.deep.equal(['amount']);
    await api.refused(
      'POST',
      `/projects/${projectId}/autopilot`,
      { status: 422, code: 'VALIDATION_FAILED', says: ['featureList', '"fwe"', '"informative"', '"few"'] },
      { json: { target: 'bought', featureList: 'fwe' } },
    );
  });

  it('models of several lists stand on one leaderboard', async () => {
    const run = await modelled(
      api,
      { datasetId },
      { target: 'bought', excludedFeatures: UNREAD, maxModels: 2, blueprints: ['baseline', 'lightgbm-fast'] },
    );
    await made(run.projectId, 'one', ['amount']);
    await api.refused(
      'POST',
      `/projects/${run.projectId}/feature-lists`,
      { status: 422, code: 'VALIDATION_FAILED', says: ['features', '"bought" is the target'] },
      { json: { name: 'with target', features: ['amount', 'bought'] } },
    );
    const fit = async (featureList: string | undefined): Promise<Model> => {
      const job = await api.succeeded(
        await api.call('POST', `/projects/${run.projectId}/models`, 202, Job, {
          json: { blueprintId: 'lightgbm-fast', ...(featureList === undefined ? {} : { featureList }) },
        }),
      );
      return api.get(job.resource ?? '', Model);
    };
    const [whole, one] = [await fit(undefined), await fit('one')];
    expect([whole.featureList, one.featureList]).to.deep.equal([null, 'one']);
    const { features } = await api.get(`/models/${one.id}/parameters`, ModelParameters);
    expect(features).to.deep.equal(['amount']);
    const scoreOf = ({ scores }: Model): number => scores.crossValidation?.['logLoss'] ?? NaN;
    expect(scoreOf(one)).to.be.above(scoreOf(whole));
    const sameAgain = run.board.data.find(
      ({ blueprintId, refitOf }) => blueprintId === 'lightgbm-fast' && refitOf === null,
    );
    expect(sameAgain?.scores.crossValidation?.['logLoss']).to.equal(scoreOf(whole));
    await api.refused(
      'POST',
      `/projects/${run.projectId}/models`,
      { status: 422, code: 'VALIDATION_FAILED', says: ['blueprintId', 'categorical feature of at least'] },
      { json: { blueprintId: 'lightgbm-encoded', featureList: 'one' } },
    );
  });

  it('lists of a project go with it, and nobody else sees them', async () => {
    const other = await newProject(api, datasetId, 'short-lived');
    await made(other, 'mine', ['word']);
    expect((await api.request('DELETE', `/projects/${other}`)).status).to.equal(204);
    await api.refused('GET', `/projects/${other}/feature-lists`, { status: 404, code: 'NOT_FOUND' });
    const job = await startAutopilot(api, projectId, { target: 'bought', featureList: 'few', mode: 'manual' });
    expect((await api.succeeded(job)).state).to.equal('succeeded');
  });
});
