import { verify } from 'node:crypto';
import { expect } from 'chai';
import {
  AssignmentFeed,
  canonicalJson,
  Deployment,
  DeploymentDryRun,
  FEED_INTERVALS,
  FEED_KNOWS_HEADER,
  Job,
  Leaderboard,
  parse,
  Project,
} from '#contracts';
import { KEY_FILES, readSecret } from '#runtime';
import { createRandom } from '#statistics';
import { Api, idOf } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

const ROWS = 600;
/** Of an automatic partition by five folds and a holdout of a fifth. */
const HELD_BACK = 480;

/** A number that is never negative, one that is, and a class. */
function columnsOf(): MemoryColumn[] {
  const random = createRandom(8);
  const rows = Array.from({ length: ROWS }, () => {
    const x = random.uniform();
    return { x, price: 1 + 9 * x + 5 * x * random.uniform(), change: x - random.uniform(), kind: x > 0.5 ? 'b' : 'a' };
  });
  const numbers = (name: 'x' | 'price' | 'change'): MemoryColumn => ({
    ...{ name, parse: numberRule },
    cells: rows.map((row) => String(row[name])),
  });
  return [
    ...[numbers('x'), numbers('price'), numbers('change')],
    { name: 'kind', cells: rows.map(({ kind }) => kind), parse: textRule },
  ];
}

describe('app server: intervals of deployments', function () {
  this.timeout(60_000);
  let world: TestAppServer;
  let worker: ProtocolWorker;
  let api: Api;
  let datasetId = '';
  let board: Leaderboard['data'];

  /** Models of a new project, the best first. */
  const modelled = async (request: object): Promise<Leaderboard['data']> => {
    const { id } = await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } });
    const json = { blueprints: ['baseline', 'linear'], seed: 1, ...request };
    await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json });
    await worker.workAll();
    return (await api.get(`/projects/${id}/leaderboard`, Leaderboard)).data;
  };
  const idAt = (rows: Leaderboard['data'], wanted: (row: Leaderboard['data'][number]) => boolean): string =>
    rows.find(wanted)?.modelId ?? expect.fail('no such model');
  const refit = (rows = board) => idAt(rows, ({ refitOf }) => refitOf !== null);
  const twin = () => idAt(board, ({ blueprintId, refitOf }) => blueprintId === 'linear' && refitOf === null);
  const baseline = (rows = board) => idAt(rows, ({ family }) => family === 'baseline');

  const deploy = (modelId: string, settings: object) =>
    api.call('POST', '/deployments', 201, Deployment, { json: { modelId, name: 'd', settings } });
  const patch = (id: string, settings: object) =>
    api.call('PATCH', `/deployments/${id}`, 200, Deployment, { json: { settings } });
  const put = (id: string, modelId: string) =>
    api.call('PUT', `/deployments/${id}/model`, 200, Deployment, { json: { modelId, reason: 'better' } });

  before(async () => {
    world = await startTestAppServer();
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columnsOf(), { protocolVersion: 2 });
    api = (await world.user('ann')).api;
    const answer = await api.upload({ content: 'x,price,change,kind\n1,2,3,a\n', fileName: 'data.csv' });
    await worker.workAll();
    datasetId = idOf(await api.get(`/jobs/${(answer.json as Job).id}`, Job));
    board = await modelled({ target: 'price', metric: 'rmse' });
  });
  after(async () => {
    worker.close();
    await world.close();
  });

  it('are made with the deployment, of a refit those of its twin, and follow the setting', async () => {
    const { id, settings, intervals } = await deploy(refit(), { interval: 0.9 });
    expect(settings).to.deep.equal({ missingColumns: 'warn', interval: 0.9 });
    expect(intervals).to.include({ modelId: refit(), coverage: 0.9, isNonNegative: true });
    expect(intervals?.ranges.map(({ rowCount }) => rowCount)).to.deep.equal([HELD_BACK / 2, HELD_BACK / 2]);
    for (const { lower, upper } of intervals?.ranges ?? []) expect(upper - lower).to.be.within(0.1, 5);
    const ofTwin = await deploy(twin(), { interval: 0.9 });
    expect(ofTwin.intervals).to.deep.equal({ ...intervals, modelId: twin() });
    const wider = await patch(id, { interval: 0.98 });
    const [near, far] = [intervals, wider.intervals].map((made) => made?.ranges[0] ?? expect.fail('made'));
    expect(far?.lower).to.be.lessThan(near?.lower ?? NaN);
    expect(far?.upper).to.be.greaterThan(near?.upper ?? NaN);
    const other = await patch(id, { missingColumns: 'refuse' });
    expect(other.intervals).to.deep.equal(wider.intervals);
    expect(other.sequence).to.equal(wider.sequence + 1);
    const without = await patch(id, { interval: null });
    expect([without.settings, without.intervals]).to.deep.equal([{ missingColumns: 'refuse' }, null]);
  });

  it('follow the model', async () => {
    const { id, intervals } = await deploy(twin(), { interval: 0.9 });
    const replaced = await put(id, baseline());
    expect(replaced.settings.interval).to.equal(0.9);
    expect(replaced.intervals).to.include({ modelId: baseline(), coverage: 0.9 });
    const widthOf = (made: Deployment['intervals']) => {
      const [first] = made?.ranges ?? [];
      return (first?.upper ?? NaN) - (first?.lower ?? NaN);
    };
    expect(widthOf(replaced.intervals)).to.be.greaterThan(3 * widthOf(intervals));
    expect((await put(id, twin())).intervals).to.deep.equal(intervals);
    const plain = await deploy(twin(), {});
    expect((await put(plain.id, baseline())).intervals).to.equal(null);
  });

  it('are of the model and the setting also where both change at once, or one of the two is told to ask again', async () => {
    const { id } = await deploy(twin(), {});
    for (const [interval, modelId] of [
      [0.9, baseline()],
      [0.8, refit()],
      [0.95, twin()],
    ] as const) {
      const answers = await Promise.all([
        api.request('PATCH', `/deployments/${id}`, { json: { settings: { interval } } }),
        api.request('PUT', `/deployments/${id}/model`, { json: { modelId, reason: 'at once' } }),
      ]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses)
        .to.include(200)
        .and.satisfy((all: number[]) => all.every((one) => one === 200 || one === 409));
      const now = await api.get(`/deployments/${id}`, Deployment);
      if (statuses[0] === 200) expect(now.settings.interval).to.equal(interval);
      if (statuses[1] === 200) expect(now.modelId).to.equal(modelId);
      expect(now.intervals?.coverage).to.equal(now.settings.interval);
      expect(now.intervals?.modelId ?? now.modelId).to.equal(now.modelId);
    }
  });

  it('may have ends below 0 where the target has', async () => {
    const rows = await modelled({ target: 'change', metric: 'mae' });
    const { intervals } = await deploy(baseline(rows), { interval: 0.5 });
    expect(intervals).to.include({ isNonNegative: false });
  });

  it('name the field, what was found and what is possible where there can be none', async () => {
    const refuse = (says: readonly (string | RegExp)[], modelId: string, interval: unknown) =>
      api.refused(
        'POST',
        '/deployments',
        { status: 422, code: 'VALIDATION_FAILED', says: ['/settings/interval', ...says] },
        { json: { modelId, name: 'd', settings: { interval } } },
      );
    for (const interval of [0.49, 0.995, 90, '0.9']) await refuse([], twin(), interval);
    await refuse(['found binary'], baseline(await modelled({ target: 'kind' })), 0.9);
    const quantile = { target: 'price', metric: 'quantileLoss', quantile: 0.9, blueprints: ['baseline'] };
    await refuse(['found quantile 0.9', /rmse/], baseline(await modelled(quantile)), 0.9);
    const json = { modelId: twin(), name: 'd', settings: { interval: 0.9 } };
    const dry = await api.call('POST', '/deployments?dryRun=true', 200, DeploymentDryRun, { json });
    expect(dry.settings.interval).to.equal(0.9);
  });

  it('need rows: a model with too few is refused in the place of another one', async () => {
    const partitioning = { method: 'random', validation: 'tvh', holdoutFraction: 0.2, validationFraction: 0.1 };
    const few = await modelled({ target: 'price', metric: 'rmse', partitioning });
    const [modelId, other] = [
      baseline(few),
      idAt(few, ({ family, refitOf }) => family === 'linear' && refitOf === null),
    ];
    const tooFew = { status: 422, code: 'VALIDATION_FAILED' } as const;
    const json = { modelId, name: 'd', settings: { interval: 0.99 } };
    await api.refused(
      'POST',
      '/deployments',
      {
        ...tooFew,
        says: ['/settings/interval', 'needs 199 held-back rows', /it has \d+ /, /interval of 0\.9\d at most/],
      },
      { json },
    );
    const { id } = await deploy(modelId, { interval: 0.9 });
    await api.refused(
      'PATCH',
      `/deployments/${id}`,
      { ...tooFew, says: ['/settings/interval', 'needs 199 held-back rows'] },
      { json: { settings: { interval: 0.99 } } },
    );
    expect((await api.get(`/deployments/${id}`, Deployment)).settings.interval).to.equal(0.9);
    expect((await put(id, other)).intervals?.ranges).to.have.length(1);
    await api.refused(
      'PUT',
      `/deployments/${id}/model`,
      { status: 422, code: 'MODEL_MISMATCH', says: ['/modelId'] },
      { json: { modelId: twin(), reason: 'better' } },
    );
  });

  it('are sent to prediction servers that know them, signed, and left out for others', async () => {
    const { id, intervals } = await deploy(refit(), { interval: 0.9 });
    const token = readSecret(`${world.config.keys.dir}/${KEY_FILES.predictionServerToken}`);
    const internal = new Api(world.server.url, token);
    const recordOf = async (headers: Record<string, string>) => {
      const { json } = await internal.request('GET', '/internal/v1/assignments?after=-1', { headers });
      const feed = parse(AssignmentFeed, json, 'feed');
      const { signature, ...record } =
        feed.deployments.find(({ deploymentId }) => deploymentId === id) ?? expect.fail('it is assigned');
      const bytes = Buffer.from(canonicalJson(record));
      expect(verify(null, bytes, feed.publicKey, Buffer.from(signature, 'base64'))).to.equal(true);
      return record;
    };
    for (const words of [FEED_INTERVALS, `later, ${FEED_INTERVALS}`]) {
      const known = await recordOf({ [FEED_KNOWS_HEADER]: words });
      expect(known.intervals).to.deep.equal(intervals);
      // As servers from before know it.
      expect(known.settings).to.deep.equal({ missingColumns: 'warn' });
    }
    for (const headers of [{}, { [FEED_KNOWS_HEADER]: 'later' }])
      expect(await recordOf(headers)).to.not.have.property('intervals');
  });

  it('make columns of batch predictions, which reserve their names', async () => {
    const { id } = await deploy(refit(), { interval: 0.9 });
    const ask = async (json: object) =>
      (await api.request('POST', '/batch-predictions?dryRun=true', { json: { input: { datasetId }, ...json } }))
        .json as { columns: string[] };
    const passthroughColumns = ['x'];
    expect((await ask({ deploymentId: id, passthroughColumns })).columns).to.deep.equal([
      ...['x', 'prediction', 'lower', 'upper'],
    ]);
    expect((await ask({ modelId: refit(), passthroughColumns })).columns).to.deep.equal(['x', 'prediction']);
  });

  it('of another model count as none, as where a program that does not know them replaced it', async () => {
    const { id } = await deploy(refit(), { interval: 0.9 });
    await world.server.database.knex('deployments').where({ id }).update({ model_id: twin() });
    const { settings, intervals } = await api.get(`/deployments/${id}`, Deployment);
    expect([settings, intervals]).to.deep.equal([{ missingColumns: 'warn' }, null]);
    expect((await patch(id, { missingColumns: 'refuse' })).intervals).to.equal(null);
    expect((await patch(id, { interval: 0.9 })).intervals).to.include({ modelId: twin(), coverage: 0.9 });
  });
});
