import { expect } from 'chai';
import {
  AutopilotRun,
  Deployment,
  Insight,
  InsightList,
  Job,
  Leaderboard,
  Model,
  ModelComparison,
  Project,
  RecommendedModel,
  RowExplanations,
  type Blueprint,
} from '#contracts';
import { leaderboardTable } from '#cli';
import { openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import type { Api } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { sha256, testEngine } from '../../support/boosting-engine.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

const ROWS = 500;

/** A target to which a line and a step contribute, so that a linear model and trees know different things. */
function columnsOf(): MemoryColumn[] {
  const random = createRandom(4);
  const rows = Array.from({ length: ROWS }, () => {
    const [x, z, noise] = [random.uniform(), random.uniform(), random.uniform()];
    const colour = ['red', 'green', 'blue'][random.below(3)] ?? 'red';
    const logit = 8 * (x - 0.5) + (z > 0.6 && colour === 'red' ? 5 : 0) - 0.5;
    return { x, z, colour, y: noise < 1 / (1 + Math.exp(-logit)) };
  });
  return [
    { name: 'x', cells: rows.map(({ x }) => String(x)), parse: numberRule },
    { name: 'z', cells: rows.map(({ z }) => String(z)), parse: numberRule },
    { name: 'colour', cells: rows.map(({ colour }) => colour), parse: textRule },
    { name: 'y', cells: rows.map(({ y }) => (y ? 'yes' : 'no')), parse: textRule },
  ];
}

const AUTOPILOT = {
  target: 'y',
  blueprints: ['ensemble', 'baseline', 'linear', 'lightgbm-fast', 'lightgbm-random-forest'],
  seed: 1,
};

for (const client of ['sqlite', 'postgres'] as const)
  describe(`app server on ${client}: ensembles`, () => ensembles(client));

function ensembles(client: 'sqlite' | 'postgres'): void {
  let world: TestAppServer;
  let postgres: TestDatabase | null = null;
  let worker: ProtocolWorker;
  let api: Api;
  let datasetId = '';

  before(async function () {
    this.timeout(60_000);
    postgres = client === 'postgres' ? await createDatabase() : null;
    const database = postgres === null ? {} : { 'database.client': 'postgres', 'database.url': postgres.url };
    world = await startTestAppServer(database);
    const options = { protocolVersion: 2, engine: testEngine() };
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columnsOf(), options);
    api = (await world.user('ann')).api;
    const answer = await api.upload({ content: 'x,z,colour,y\n1,2,red,yes\n', fileName: 'data.csv' });
    await worker.workAll();
    const job = await api.get(`/jobs/${(answer.json as Job).id}`, Job);
    datasetId = job.resource?.split('/').at(-1) ?? '';
  });
  after(async () => {
    worker.close();
    await world.close();
    await postgres?.close();
  });

  const started = async (request: object): Promise<{ id: string; jobId: string }> => {
    const { id } = await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } });
    const job = await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: { ...AUTOPILOT, ...request } });
    return { id, jobId: job.id };
  };

  it('shows in the plan that there will be one, and what it is', async () => {
    const { id } = await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } });
    const ask = async (json: object) =>
      (await api.request('POST', `/projects/${id}/autopilot?dryRun=true`, { json })).json as { plan: object };
    expect((await ask(AUTOPILOT)).plan).to.deep.include({ ensemble: { membersMax: 6, stepsMax: 30, stacks: true } });
    expect((await ask({ target: 'y', mode: 'manual' })).plan).to.deep.include({ ensemble: null });
    const few = { json: { ...AUTOPILOT, blueprints: ['ensemble', 'linear'] } };
    await api.refused(
      'POST',
      `/projects/${id}/autopilot`,
      { status: 422, code: 'VALIDATION_FAILED', says: [/at least 2 models/] },
      few,
    );
    const blueprint = (await api.request('GET', '/blueprints/ensemble')).json as Blueprint;
    expect(blueprint).to.include({ family: 'ensemble', name: 'Ensemble' });
    const listed = (await api.request('GET', `/projects/${id}/blueprints`)).json as { data: Blueprint[] };
    expect(listed.data.at(-1)?.id).to.equal('ensemble');
  });

  describe('when it is better than the best model', function () {
    this.timeout(60_000);
    let projectId = '';
    let board: Leaderboard;

    before(async () => {
      const run = await started({});
      projectId = run.id;
      await worker.workAll();
      expect((await api.get(`/jobs/${run.jobId}`, Job)).state).to.equal('succeeded');
      board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
    });

    const rowOf = (wanted: (row: Leaderboard['data'][number]) => boolean) =>
      board.data.find(wanted) ?? expect.fail('no such row');
    const recommended = () => rowOf((row) => row.recommended);
    const twin = () => rowOf((row) => row.modelId === recommended().refitOf);

    it('recommends the blend of its members’ refits, with the scores of the ensemble', async () => {
      expect(twin()).to.include({ family: 'ensemble', blueprintId: 'ensemble', name: 'Ensemble', refitOf: null });
      expect(recommended()).to.include({ name: 'Ensemble, refitted on all rows', rowCount: ROWS });
      expect(recommended().scores).to.deep.equal(twin().scores);
      const models = await Promise.all([twin(), recommended()].map((row) => api.get(`/models/${row.modelId}`, Model)));
      const [ensemble, refit] = models.map((model) => model.ensemble ?? expect.fail('no ensemble'));
      expect(ensemble?.gain).to.be.greaterThan(0);
      expect(ensemble?.selectionRowCount).to.equal(ROWS * 0.8);
      expect(refit).to.deep.include({ gain: null, noise: null, selectionRowCount: null });
      expect(refit?.members.map(({ weight }) => weight)).to.deep.equal(ensemble?.members.map(({ weight }) => weight));
      for (const [index, { modelId }] of (refit?.members ?? []).entries()) {
        const member = rowOf((row) => row.modelId === modelId);
        expect([member.refitOf, member.rowCount]).to.deep.equal([ensemble?.members[index]?.modelId, ROWS]);
      }
      const { modelId, reason } = await api.get(`/projects/${projectId}/recommended-model`, RecommendedModel);
      expect(modelId).to.equal(recommended().modelId);
      expect(reason).to.match(
        /^Ensemble of \d of 4 models \(.*\), logLoss 0\.\d+ \(cross-validation\), better than .* refitted on all 500 rows\.$/,
      );
      const run = await api.get(`/projects/${projectId}/autopilot`, AutopilotRun);
      expect(run.spent.models, 'searched').to.equal(4);
    });

    it('gives artefact, parameters, log and out-of-fold predictions as of any model', async () => {
      const { modelId } = twin();
      const csv = (await api.request('GET', `/models/${modelId}/training-predictions`)).text.trimEnd().split('\r\n');
      expect(csv.length - 1, 'the holdout is locked').to.equal(ROWS * 0.8);
      expect((await api.request('GET', `/models/${modelId}/parameters`)).json).to.deep.include({
        ...{ blueprintId: 'ensemble', seed: 1, iterations: null, features: ['x', 'z', 'colour'] },
        parameters: { membersMax: 6, stepsMax: 30 },
      });
      expect((await api.request('GET', `/models/${modelId}/log`)).json).to.include({ state: 'SUCCEEDED' });
      const refused = { status: 409, code: 'CONFLICT', says: [/its twin/] } as const;
      await api.refused('GET', `/models/${recommended().modelId}/training-predictions`, refused);
      expect((await api.request('GET', `/models/${recommended().modelId}/artifact`)).status).to.equal(200);
    });

    it('has insights, its refit the same ones', async () => {
      const [ensemble, refit] = [twin(), recommended()];
      for (const { modelId } of [ensemble, refit]) {
        const list = await api.get(`/models/${modelId}/insights`, InsightList);
        expect(list.data.map(({ kind }) => kind)).to.deep.equal([
          ...['feature-impact', 'feature-effects', 'segments'],
          ...['lift', 'roc', 'precision-recall', 'confusion', 'calibration', 'profit'],
        ]);
        for (const { kind, path } of list.data) {
          const insight = await api.get(path.replace('/api/v1', ''), Insight);
          expect(insight).to.include({ modelId, predictedBy: ensemble.modelId, partition: 'crossValidation' });
          expect(insight).to.include({ rowCount: ROWS * 0.8, isWeighted: false });
          expect(insight.insight.kind).to.equal(kind);
        }
      }
      const { insight } = await api.get(`/models/${refit.modelId}/insights/roc`, Insight);
      const { auc } = ensemble.scores.crossValidation ?? {};
      // Summed in another order.
      expect(insight.kind === 'roc' ? insight.auc : null).to.be.closeTo(auc ?? NaN, 1e-12);
      const path = `/models/${ensemble.modelId}/insights`;
      await api.refused('GET', `${path}/residuals`, { status: 422, code: 'VALIDATION_FAILED', says: [/residuals/] });
      const locked = { status: 409, code: 'CONFLICT', says: [/holdout is locked/] } as const;
      await api.refused('GET', `${path}/roc?partition=holdout`, locked);
      await api.refused('POST', `${path}/learning-curve`, {
        status: 422,
        code: 'VALIDATION_FAILED',
        says: [/ensemble/],
      });
      await api.refused('GET', `${path}/word-cloud`, { status: 422, code: 'VALIDATION_FAILED', says: [/no texts/] });
    });

    it('shows coefficients of a linear model, of a refit its own', async () => {
      const linear = rowOf(({ blueprintId, refitOf }) => blueprintId === 'linear' && refitOf === null);
      const path = `/models/${linear.modelId}/insights`;
      const { data } = await api.get(path, InsightList);
      expect(data.map(({ kind }) => kind)).to.include('coefficients');
      const { insight, ...facts } = await api.get(`${path}/coefficients`, Insight);
      expect(facts).to.include({ predictedBy: linear.modelId, partition: 'training', rowCount: linear.rowCount });
      if (insight.kind !== 'coefficients') throw new Error(insight.kind);
      expect(insight).to.include({ label: 'yes', link: 'logit', memberCount: 5 });
      const x = insight.terms.find(({ column }) => column === 'x');
      expect(x?.coefficient).to.be.greaterThan(1);
      expect(x?.spread).to.be.within(1e-6, 5);
      for (const query of ['?partition=validation', '?label=no'])
        await api.refused('GET', `${path}/coefficients${query}`, { status: 422, code: 'VALIDATION_FAILED' });
    });

    it('is compared with a member by the gain that both scores say, and an interval', async () => {
      const linear = rowOf(({ blueprintId, refitOf }) => blueprintId === 'linear' && refitOf === null);
      const compare = (id: string, other: string) => `/models/${id}/comparison?with=${other}`;
      const found = await api.get(compare(recommended().modelId, linear.modelId), ModelComparison);
      expect(found.predictedBy).to.deep.equal([twin().modelId, linear.modelId]);
      expect(found).to.include({
        metric: 'logLoss',
        partition: 'crossValidation',
        rowCount: ROWS * 0.8,
        groupCount: 10,
      });
      expect(found.score).to.equal(twin().scores.crossValidation?.['logLoss']);
      expect(found.otherScore).to.equal(linear.scores.crossValidation?.['logLoss']);
      expect(found.gain).to.be.closeTo((found.otherScore ?? NaN) - (found.score ?? NaN), 1e-12);
      const { from, to } = found.interval ?? { from: NaN, to: NaN };
      // Quantile 0.975 of Student's t with 9 degrees of freedom, as SciPy 1.17.1 has it.
      expect((to - from) / 2).to.be.closeTo(2.2621571627982053 * (found.noise ?? NaN), 1e-12);
      const back = await api.get(compare(linear.modelId, twin().modelId), ModelComparison);
      expect(back.gain).to.be.closeTo(-(found.gain ?? NaN), 1e-15);
      const refused = { status: 422, code: 'VALIDATION_FAILED' } as const;
      await api.refused('GET', compare(recommended().modelId, twin().modelId), refused);
      await api.refused('GET', compare(twin().modelId, 'mdl_none'), { status: 404, code: 'NOT_FOUND' });
    });

    it('explains rows as the scorer does, and adds up', async () => {
      const path = `/models/${recommended().modelId}/explanations`;
      const rows = [{ x: 0.95, z: '0.9', colour: 'red' }, { x: null }, { x: 0.5, z: 0.5, colour: 'mauve' }];
      const { data } = await api.call('POST', path, 200, RowExplanations, { json: { rows, top: 2 } });
      expect(data.map(({ missingColumns }) => missingColumns)).to.deep.equal([[], ['z', 'colour'], []]);
      expect(data.map(({ unseenLevels }) => unseenLevels.length)).to.deep.equal([0, 0, 1]);
      expect(data[2]?.unseenLevels[0]).to.match(
        /^column "colour": "mauve" is none of the 3 levels that the model knows/,
      );
      expect(data[0]?.prediction).to.equal('yes');
      for (const { explanations, probabilities } of data) {
        const [one] = explanations;
        const sum = (one?.contributions ?? []).reduce(
          (total, { contribution }) => total + contribution,
          one?.rest ?? NaN,
        );
        expect(sum + (one?.baseValue ?? NaN)).to.be.closeTo(one?.rawScore ?? NaN, 1e-9);
        expect(1 / (1 + Math.exp(-(one?.rawScore ?? NaN)))).to.be.closeTo(probabilities?.['yes'] ?? NaN, 1e-12);
      }
      const unreadable = { status: 422, code: 'CELL_UNREADABLE', says: [/row 1/, /x/] } as const;
      await api.refused('POST', path, unreadable, { json: { rows: [{ x: 'wide' }] } });
      await api.refused('POST', path, { status: 422, code: 'VALIDATION_FAILED' }, { json: { rows: [] } });
    });

    it('is shown by the command line on its leaderboard', () => {
      const lines = leaderboardTable(JSON.parse(JSON.stringify(board)) as Record<string, unknown>).split('\n');
      const { modelId } = recommended();
      expect(lines.find((line) => line.includes(modelId))).to.match(/Ensemble, refitted on all rows .*recommended/);
      expect(lines.find((line) => line.includes(twin().modelId))).to.match(/ Ensemble {2,}/);
    });

    it('is deployed and predicts without its members', async () => {
      const { modelId } = recommended();
      const deployment = await api.call('POST', '/deployments', 201, Deployment, { json: { modelId, name: 'e' } });
      expect(deployment.modelId).to.equal(modelId);
      const { ensemble, taskId } = await api.get(`/models/${modelId}`, Model);
      for (const member of ensemble?.members ?? []) {
        const { taskId: ofMember } = await api.get(`/models/${member.modelId}`, Model);
        for await (const { path } of world.store.list(`models/${ofMember ?? ''}`)) await world.store.delete(path);
      }
      const paths = await Array.fromAsync(world.store.list(`models/${taskId ?? ''}`));
      const bytesOf = async (name: string): Promise<Uint8Array> =>
        world.store.readAll(paths.find(({ path }) => path.endsWith(`/${name}`))?.path ?? '', { maxBytes: 2 ** 26 });
      const manifest: unknown = JSON.parse(Buffer.from(await bytesOf('manifest.json')).toString('utf8'));
      const scorer = openArtifact(manifest, await bytesOf('blob'), sha256);
      const answer = scorer.createPrediction();
      scorer.scoreRow({ x: 0.95, z: 0.9, colour: 'red' }, answer);
      expect(answer.prediction).to.equal('yes');
    });
  });

  it('has residuals where the target is a number', async function () {
    this.timeout(60_000);
    const { id } = await started({ target: 'x' });
    await worker.workAll();
    const board = await api.get(`/projects/${id}/leaderboard`, Leaderboard);
    const row = board.data.find(({ family, refitOf }) => family === 'ensemble' && refitOf === null);
    const path = `/models/${row?.modelId ?? ''}/insights`;
    const { data } = await api.get(path, InsightList);
    const kinds = data.map(({ kind }) => kind);
    expect(kinds).to.include.members(['lift', 'residuals']).and.not.include('roc');
    const { insight, rowCount } = await api.get(`${path}/residuals`, Insight);
    if (insight.kind !== 'residuals') throw new Error('expected residuals');
    expect(rowCount).to.equal(ROWS * 0.8);
    expect(Math.hypot(insight.mean, insight.std)).to.be.closeTo(row?.scores.crossValidation?.['rmse'] ?? NaN, 1e-12);
    expect((await api.get(`${path}/lift`, Insight)).insight.kind).to.equal('lift');
  });

  it('takes the single model where the ensemble is no better, and tells why', async function () {
    this.timeout(60_000);
    const { id } = await started({ blueprints: ['ensemble', 'linear', 'lightgbm-extra-trees'] });
    await worker.workAll();
    const { reason } = await api.get(`/projects/${id}/recommended-model`, RecommendedModel);
    expect(reason).to.match(/best of 2 models: .*; the ensemble of \d is not better \(gain -?[\d.e-]+, standard error/);
    const board = await api.get(`/projects/${id}/leaderboard`, Leaderboard);
    expect(board.data.map(({ blueprintId }) => blueprintId)).to.include('ensemble');
    expect(board.data.find((row) => row.recommended)?.family).to.equal('gradient-boosting');
  });

  it('does not commit an ensemble that is better than its members make it, and goes on without one', async function () {
    this.timeout(60_000);
    const { id, jobId } = await started({ blueprints: ['ensemble', 'linear', 'linear-splines'] });
    let lies = 0;
    while (
      await worker.workOnce((made) => {
        if (made.outcome.kind !== 'ensemble' || made.outcome.scores === null) return made;
        lies += 1;
        const { scores } = made.outcome;
        return {
          ...made,
          outcome: {
            ...made.outcome,
            scores: { ...scores, crossValidation: { ...scores.crossValidation, logLoss: 0 } },
          },
        };
      })
    );
    expect(lies, 'attempts until the task is given up, back-off between them').to.be.at.least(1);
    expect(world.log.some((line) => line.includes('not those of out-of-fold.bin'))).to.be.true;
    const board = await api.get(`/projects/${id}/leaderboard`, Leaderboard);
    expect(board.data.every(({ family }) => family !== 'ensemble')).to.be.true;
    expect((await api.request('DELETE', `/jobs/${jobId}`)).json).to.include({ state: 'cancelled' });
  });

  it('is not fitted by hand', async () => {
    const { id } = await started({ blueprints: ['baseline'] });
    await worker.workAll();
    const refused = { status: 422, code: 'VALIDATION_FAILED', says: [/made by Autopilot/] } as const;
    await api.refused('POST', `/projects/${id}/models`, refused, { json: { blueprintId: 'ensemble' } });
  });
}
