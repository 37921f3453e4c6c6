import { expect } from 'chai';
import { Insight, InsightList, Job, Leaderboard, pageOf, Project, type StoredInsight } from '#contracts';
import { objectReferences, rawRows, SCHEMA_VERSION } from '#store';
import { createRandom } from '#statistics';
import type { Api } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { testEngine } from '../../support/boosting-engine.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { differenceOf } from '../../support/named-objects.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { until } from '../../support/processes.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

const ROWS = 300;

function columnsOf(): MemoryColumn[] {
  const random = createRandom(6);
  const rows = Array.from({ length: ROWS }, () => ({
    x: random.uniform(),
    z: random.uniform(),
    noise: random.uniform(),
  }));
  const numbers = (name: string, cells: string[]): MemoryColumn => ({ name, cells, parse: numberRule });
  const isYes = ({ x, noise }: (typeof rows)[number]) => noise < 1 / (1 + Math.exp(-8 * (x - 0.5)));
  return [
    numbers('x', rows.map(({ x }) => String(x))), // prettier-ignore
    numbers('z', rows.map(({ z }) => String(z))), // prettier-ignore
    { name: 'y', cells: rows.map((row) => (isYes(row) ? 'yes' : 'no')), parse: textRule },
  ];
}

for (const client of ['sqlite', 'postgres'] as const)
  describe(`app server on ${client}: insights by tasks`, () => insightTasks(client));

function insightTasks(client: 'sqlite' | 'postgres'): void {
  let world: TestAppServer;
  let postgres: TestDatabase | null = null;
  let worker: ProtocolWorker;
  let api: Api;
  let datasetId = '';
  let projectId = '';
  let board: Leaderboard;

  before(async function () {
    this.timeout(60_000);
    postgres = client === 'postgres' ? await createDatabase() : null;
    const database = postgres === null ? {} : { 'database.client': 'postgres', 'database.url': postgres.url };
    world = await startTestAppServer({ 'retention.sweepIntervalMs': 100, ...database });
    const options = { protocolVersion: 2, engine: testEngine() };
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columnsOf(), options);
    api = (await world.user('ann')).api;
    const answer = await api.upload({ content: 'x,z,y\n1,2,yes\n', fileName: 'data.csv' });
    await worker.workAll();
    datasetId = (await api.get(`/jobs/${(answer.json as Job).id}`, Job)).resource?.split('/').at(-1) ?? '';
  });
  after(async () => {
    worker.close();
    await world.close();
    await postgres?.close();
  });

  const run = async (): Promise<{ readonly id: string; readonly jobId: string }> => {
    const { id } = await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } });
    const json = { target: 'y', blueprints: ['baseline', 'linear', 'lightgbm-fast'], seed: 1 };
    return { id, jobId: (await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json })).id };
  };
  const stateOf = async (jobId: string) => (await api.get(`/jobs/${jobId}`, Job)).state;
  const rowOf = (wanted: (row: Leaderboard['data'][number]) => boolean) =>
    board.data.find(wanted) ?? expect.fail('no such row');
  const pathOf = (modelId: string, kind = 'feature-impact') => `/models/${modelId}/insights/${kind}`;
  const insightJobs = async (id: string) =>
    (await api.get(`/jobs?projectId=${id}`, pageOf(Job))).data.filter(({ kind }) => kind === 'insight');

  it('are queued when a run is over, behind the work of all projects', async function () {
    this.timeout(60_000);
    const first = await run();
    projectId = first.id;
    while ((await stateOf(first.jobId)) !== 'succeeded') expect(await worker.workOnce()).to.be.true;
    const jobs = await insightJobs(projectId);
    expect(jobs.map(({ state, resource }) => `${state} ${resource?.split('/').at(-1) ?? ''}`).toSorted()).to.deep.equal(
      ['queued feature-effects', 'queued feature-impact', 'queued segments'],
    );
    board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    const working = await api.call('GET', pathOf(rowOf(({ recommended }) => recommended).modelId), 202, Job);
    expect(jobs.map(({ id }) => id)).to.include(working.id);
    const { jobId } = await run();
    while ((await stateOf(jobId)) !== 'succeeded') expect(await worker.workOnce()).to.be.true;
    expect((await insightJobs(projectId)).map(({ state }) => state)).to.deep.equal(['queued', 'queued', 'queued']);
  });

  it('are of the twin where the recommended model is a refit, and say what they rest on', async function () {
    this.timeout(60_000);
    await worker.workAll();
    const recommended = rowOf((row) => row.recommended);
    const { insight, ...facts } = await api.get(pathOf(recommended.modelId), Insight);
    expect(facts).to.deep.equal({
      ...{ modelId: recommended.modelId, predictedBy: recommended.refitOf, partition: 'crossValidation' },
      ...{ rowCount: ROWS * 0.8, isWeighted: false },
    });
    if (insight.kind !== 'feature-impact') expect.fail(insight.kind);
    expect(insight.features.map(({ feature }) => feature)).to.deep.equal(['x', 'z']);
    expect(insight.score).to.be.closeTo(recommended.scores.crossValidation?.['logLoss'] ?? NaN, 1e-12);
    const effects = await api.get(pathOf(recommended.refitOf ?? '', 'feature-effects'), Insight);
    expect(effects.modelId).to.equal(recommended.refitOf);
    expect(effects.insight).to.deep.include({ outputs: ['yes'], featureCount: 2 });
    const referenced = await Array.fromAsync(objectReferences(world.server.database, SCHEMA_VERSION));
    const files = referenced.flatMap((one) => (one.kind === 'object' ? one.path : []));
    expect(files.filter((path) => /^insights\/.*\/insight\.json$/.test(path)).length, 'what a backup takes').to.equal(
      6,
    );
    const { data } = await api.get(`/models/${recommended.modelId}/insights`, InsightList);
    expect(data.map(({ kind }) => kind).slice(0, 3)).to.deep.equal(['feature-impact', 'feature-effects', 'segments']);
    const segments = await api.get(`${pathOf(recommended.modelId, 'segments')}?feature=x`, Insight);
    if (segments.insight.kind !== 'segments') expect.fail(segments.insight.kind);
    expect(segments.insight.features.map(({ feature, isModelled }) => [feature, isModelled])).to.deep.equal([
      ['x', true],
    ]);
    await api.refused('GET', `${pathOf(recommended.modelId, 'segments')}?feature=y`, {
      ...{ status: 422, code: 'VALIDATION_FAILED', says: ['/feature', '"x"'] },
    });
    for (const query of ['?partition=holdout', '?label=yes', '?feature=x'])
      await api.refused('GET', `${pathOf(recommended.modelId)}${query}`, { status: 422, code: 'VALIDATION_FAILED' });
  });

  it('are computed of any other model when asked for, once', async function () {
    this.timeout(60_000);
    const { modelId } = rowOf(({ recommended, blueprintId }) => !recommended && blueprintId === 'baseline');
    await api.refused('GET', pathOf(modelId), { status: 409, code: 'CONFLICT', says: [/ask for it by POST/] });
    const asked = await api.call('POST', pathOf(modelId), 202, Job);
    expect(asked).to.include({ kind: 'insight', projectId, resource: `/api/v1${pathOf(modelId)}` });
    expect((await api.call('POST', pathOf(modelId), 202, Job)).id).to.equal(asked.id);
    expect((await api.call('GET', pathOf(modelId), 202, Job)).id).to.equal(asked.id);
    expect(await worker.workAll()).to.equal(1);
    const { insight } = await api.get(pathOf(modelId), Insight);
    expect(insight).to.deep.include({ kind: 'feature-impact', features: [], unused: ['x', 'z'] });
    expect(await api.call('POST', pathOf(modelId), 200, Job)).to.include({ id: asked.id, state: 'succeeded' });
    await api.refused('POST', pathOf(modelId, 'word-cloud'), { status: 404, code: 'NOT_FOUND' });
    await api.refused('POST', pathOf('mdl_none'), { status: 404, code: 'NOT_FOUND' });
    const bob = (await world.user('bob')).api;
    await bob.refused('POST', pathOf(modelId), { status: 404, code: 'NOT_FOUND' });
  });

  it('can be cancelled, and asked for again', async function () {
    this.timeout(60_000);
    const { modelId } = rowOf(({ recommended, blueprintId }) => !recommended && blueprintId === 'baseline');
    const path = pathOf(modelId, 'feature-effects');
    const first = await api.call('POST', path, 202, Job);
    await api.call('DELETE', `/jobs/${first.id}`, 200, Job);
    await api.refused('GET', path, { status: 409, code: 'CONFLICT', says: [first.id, /cancelled/, /ask again/] });
    const second = await api.call('POST', path, 202, Job);
    expect(second.id).to.not.equal(first.id);
    expect(await worker.workAll()).to.equal(1);
    expect((await api.get(path, Insight)).insight.kind).to.equal('feature-effects');
  });

  it('are not committed when they are not of the model, and done again with the same bytes', async function () {
    this.timeout(60_000);
    const { modelId } = rowOf(({ recommended, blueprintId }) => !recommended && blueprintId === 'lightgbm-fast');
    const asked = await api.call('POST', pathOf(modelId), 202, Job);
    const made: Uint8Array[] = [];
    const lie = await worker.workOnce((result) => {
      const [[name, bytes] = expect.fail('no file')] = result.files;
      made.push(bytes);
      const stored = JSON.parse(Buffer.from(bytes).toString()) as StoredInsight;
      const score = 'score' in stored.insight ? (stored.insight.score ?? 0) / 2 : 0;
      const better = { ...stored, insight: { ...stored.insight, score } };
      return { ...result, files: [[name, Buffer.from(JSON.stringify(better))]] };
    });
    expect(lie).to.be.true;
    expect(world.log.some((line) => line.includes('its score is not that of out-of-fold.bin'))).to.be.true;
    await until('the second attempt', async () =>
      worker.workOnce((result) => {
        made.push(result.files[0]?.[1] ?? new Uint8Array());
        return result;
      }),
    );
    expect(await stateOf(asked.id)).to.equal('succeeded');
    expect(Buffer.compare(made[0] ?? new Uint8Array(), made[1] ?? new Uint8Array())).to.equal(0);
    expect((await api.get(pathOf(modelId), Insight)).rowCount).to.equal(ROWS * 0.8);
  });

  it('go with their project, in work or done, and their files with them', async function () {
    this.timeout(60_000);
    const { modelId } = rowOf(({ blueprintId }) => blueprintId === 'lightgbm-fast');
    const asked = await api.call('POST', pathOf(modelId, 'feature-effects'), 202, Job);
    await api.request('DELETE', `/projects/${projectId}`);
    expect(await stateOf(asked.id)).to.equal('cancelled');
    expect(await worker.workOnce()).to.be.false;
    expect(
      await rawRows(world.server.database, 'select model_id from insights where job_id = ?', [asked.id]),
    ).to.deep.equal([]);
    await until('the sweeper', async () => {
      const objects = (await Array.fromAsync(world.store.list(''))).map(({ path }) => path);
      const { missing, unnamed } = await differenceOf(world.server.database, objects);
      expect(missing).to.deep.equal([]);
      return unnamed.filter((path) => path.startsWith('insights/')).length === 0;
    });
  });
}
