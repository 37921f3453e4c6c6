import { expect } from 'chai';
import { Job, Leaderboard, Model, Project } from '#contracts';
import { createRandom } from '#statistics';
import type { Api } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { testEngine } from '../../support/boosting-engine.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

const ROWS = 300;
/** A feature whose name is an attack. */
const HOSTILE = '<script>alert("x")</script>';

function columnsOf(): MemoryColumn[] {
  const random = createRandom(6);
  const rows = Array.from({ length: ROWS }, () => ({
    x: random.uniform(),
    z: random.uniform(),
    noise: random.uniform(),
  }));
  const isYes = ({ x, noise }: (typeof rows)[number]): boolean => noise < 1 / (1 + Math.exp(-8 * (x - 0.5)));
  return [
    { name: HOSTILE, cells: rows.map(({ x }) => String(x)), parse: numberRule },
    { name: 'z', cells: rows.map(({ z }) => String(z)), parse: numberRule },
    { name: 'y', cells: rows.map((row) => (isYes(row) ? 'yes' : 'no')), parse: textRule },
  ];
}

for (const client of ['sqlite', 'postgres'] as const)
  describe(`app server on ${client}: compliance report`, () => complianceReports(client));

function complianceReports(client: 'sqlite' | 'postgres'): void {
  let world: TestAppServer;
  let postgres: TestDatabase | null = null;
  let worker: ProtocolWorker;
  let api: Api;
  let projectId = '';
  let board: Leaderboard;

  before(async function () {
    this.timeout(60_000);
    postgres = client === 'postgres' ? await createDatabase() : null;
    const database = postgres === null ? {} : { 'database.client': 'postgres', 'database.url': postgres.url };
    world = await startTestAppServer({ 'autopilot.insights': 'none', ...database });
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columnsOf(), {
      ...{ protocolVersion: 2, engine: testEngine() },
    });
    api = (await world.user('ann')).api;
    const answer = await api.upload({ content: 'x,z,y\n1,2,yes\n', fileName: 'data.csv' });
    await worker.workAll();
    const datasetId = (await api.get(`/jobs/${(answer.json as Job).id}`, Job)).resource?.split('/').at(-1) ?? '';
    projectId = (await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } })).id;
    const json = { target: 'y', blueprints: ['ensemble', 'baseline', 'linear', 'lightgbm-fast'], seed: 1 };
    await api.call('POST', `/projects/${projectId}/autopilot`, 202, Job, { json });
    await worker.workAll();
    board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
  });
  after(async () => {
    worker.close();
    await world.close();
    await postgres?.close();
  });

  const pathOf = (modelId: string): string => `/models/${modelId}/compliance-report`;
  const reportOf = async (modelId: string): Promise<string> => {
    const answer = await api.request('GET', pathOf(modelId));
    expect(answer.status, answer.text.slice(0, 500)).to.equal(200);
    return answer.text;
  };
  const modelOf = (wanted: (row: Leaderboard['data'][number]) => boolean): string =>
    board.data.find(wanted)?.modelId ?? expect.fail('no such model');

  it('is an HTML file that may load nothing, the same bytes at every request', async () => {
    const modelId = modelOf(({ recommended }) => recommended);
    const first = await api.request('GET', pathOf(modelId));
    expect(first.headers.get('content-type')).to.equal('text/html; charset=utf-8');
    expect(first.headers.get('content-security-policy')).to.match(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; frame-ancestors 'none'$/,
    );
    const second = await world.admin.request('GET', pathOf(modelId), { headers: { 'accept-language': 'de' } });
    expect(Buffer.compare(first.bytes, second.bytes)).to.equal(0);
    const etag = first.headers.get('etag') ?? '';
    expect(second.headers.get('etag')).to.equal(etag);
    const known = await api.request('GET', pathOf(modelId), { headers: { 'if-none-match': etag } });
    expect([known.status, known.text]).to.deep.equal([304, '']);
    const other = await api.request('GET', pathOf(modelId), { headers: { 'if-none-match': '"other"' } });
    expect(other.status).to.equal(200);
  });

  it('is there for every model: baseline, linear, trees, ensemble, refits', async () => {
    const kinds = new Set(
      board.data.map(({ blueprintId, refitOf }) => `${blueprintId}${refitOf === null ? '' : ' refit'}`),
    );
    expect([...kinds]).to.include.members(['baseline', 'linear', 'lightgbm-fast', 'ensemble']);
    expect([...kinds].some((kind) => kind.endsWith('refit'))).to.equal(true);
    for (const { modelId, refitOf, blueprintId } of board.data) {
      const html = await reportOf(modelId);
      const { contentHash } = await api.get(`/models/${modelId}`, Model);
      expect(html, blueprintId).to.include(contentHash);
      // Of a signature in base64 some letters may be these.
      const told = html.replaceAll(/[\w+/]{86}==/g, '');
      expect(told, blueprintId).to.not.match(/<script|undefined|NaN|\[object/);
      expect(html.includes('All figures of this section are of the twin'), blueprintId).to.equal(refitOf !== null);
      // An ensemble has some where all that it blends is linear.
      if (blueprintId !== 'ensemble')
        expect(html.includes('<h3>Coefficients</h3>'), blueprintId).to.equal(blueprintId === 'linear');
      expect(html.includes('Each held-back row is predicted with weights'), blueprintId).to.equal(
        blueprintId === 'ensemble',
      );
    }
  });

  it('has the scores of the leaderboard, with their standard error, against the baseline', async () => {
    const html = await reportOf(modelOf(({ blueprintId, refitOf }) => blueprintId === 'linear' && refitOf === null));
    const score =
      board.data.find(({ blueprintId }) => blueprintId === 'linear')?.scores.crossValidation?.['logLoss'] ?? NaN;
    const [, told = '', error = ''] = /<div><b>([\d.]+) ± ([\d.]+)<\/b>/.exec(html) ?? [];
    expect(Number(told)).to.be.closeTo(score, 0.6 * 10 ** -(told.split('.')[1] ?? '').length);
    expect(Number(error)).to.be.within(0.005, 0.1);
    expect(html).to.include('It is better than a prediction without features, by more than chance.');
    expect(await reportOf(modelOf(({ blueprintId }) => blueprintId === 'baseline'))).to.include(
      'it is the baseline itself',
    );
  });

  it('does not change with stars, tags and later models, and does with what it says it does', async function () {
    this.timeout(60_000);
    const modelId = modelOf(({ blueprintId, refitOf }) => blueprintId === 'lightgbm-fast' && refitOf === null);
    const before = await reportOf(modelId);
    await api.request('PATCH', `/models/${modelId}`, { json: { starred: true, tags: ['seen'] } });
    await api.call('POST', `/projects/${projectId}/models`, 202, Job, {
      json: { blueprintId: 'linear', parameters: { l1Ratio: 1 } },
    });
    await worker.workAll();
    expect(await reportOf(modelId)).to.equal(before);
    await api.call('POST', `/models/${modelId}/insights/feature-impact`, 202, Job);
    await worker.workAll();
    const withImpact = await reportOf(modelId);
    expect(before).to.not.include('permutation importance');
    expect(before).to.include('/insights/feature-impact');
    expect(withImpact).to.include('permutation importance');
    expect(await reportOf(modelId)).to.equal(withImpact);
    await api.request('PATCH', `/models/${modelId}`, { json: { description: 'for <b>tests</b>' } });
    expect(await reportOf(modelId)).to.include('<bdi>for &lt;b&gt;tests&lt;/b&gt;</bdi>');
    expect(withImpact).to.include('The holdout is locked');
    await api.request('POST', `/projects/${projectId}/holdout/unlock`);
    expect(await reportOf(modelId)).to.include('The holdout was unlocked at');
  });

  it('says that a model was fitted by hand, and what of its parameters was set', async () => {
    const now = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    const known = new Set(board.data.map(({ modelId }) => modelId));
    const html = await reportOf(now.data.find(({ modelId }) => !known.has(modelId))?.modelId ?? '');
    expect(html).to.include('The model was fitted by hand, not by a run of Autopilot.');
    expect(html).to.match(
      /<code>l1Ratio<\/code><\/td><td class="number"><bdi>1<\/bdi><\/td><td>set; default 0\.10000</,
    );
  });

  it('is refused of a model that cannot be read or is not ready, and in other formats', async function () {
    this.timeout(60_000);
    const modelId = modelOf(({ recommended }) => recommended);
    const bob = (await world.user('bob')).api;
    await bob.refused('GET', pathOf(modelId), { status: 404, code: 'NOT_FOUND' });
    await api.refused('GET', pathOf('model_none'), { status: 404, code: 'NOT_FOUND' });
    await api.refused(
      'GET',
      pathOf(modelId),
      { status: 406, code: 'NOT_ACCEPTABLE' },
      { headers: { accept: 'application/pdf' } },
    );
    const job = await api.call('POST', `/projects/${projectId}/models`, 202, Job, {
      json: { blueprintId: 'linear', parameters: { l1Ratio: 0.5 } },
    });
    const open = job.resource?.split('/').at(-1) ?? '';
    await api.refused('GET', pathOf(open), { status: 409, code: 'MODEL_NOT_READY' });
    await worker.workAll();
    await reportOf(open);
  });
}
