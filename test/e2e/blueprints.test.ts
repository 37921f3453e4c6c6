import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { run as cli } from '#cli';
import {
  AutopilotDryRun,
  AutopilotRun,
  BlueprintDocument,
  BlueprintStepKind,
  FeatureList,
  Job,
  Leaderboard,
  Model,
  pageOf,
  parse,
} from '#contracts';
import { Api, csvRecords } from '../support/api.ts';
import { installedBrowser, startBrowser } from '../support/browser.ts';
import { batchPredicted, batchRows, deployed, modelled, predict, type Modelled } from '../support/modelling.ts';
import { sharedPlatform } from '../support/platform.ts';
import { csvText, hostileSample, jsonRow } from '../support/sample-data.ts';
import { skipBecause } from '../support/skip.ts';

const UNREAD = ['id', 'price'];
const TABLE = hostileSample(400);

describe('blueprints of one’s own', function () {
  this.timeout(180_000);
  let api: Api;
  let run: Modelled;

  before(async () => {
    const platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
    const datasetId = await api.dataset({ content: csvText(TABLE), fileName: 'bought.csv' });
    run = await modelled(
      api,
      { datasetId },
      {
        target: 'bought',
        excludedFeatures: UNREAD,
        blueprints: ['baseline', 'linear', 'lightgbm-fast'],
        pinnedParameters: { 'lightgbm-fast': { leaves: 7 } },
      },
    );
  });

  const train = async (json: object): Promise<Model> => {
    const job = await api.succeeded(await api.call('POST', `/projects/${run.projectId}/models`, 202, Job, { json }));
    return api.get(job.resource ?? '', Model);
  };
  const blueprintOf = (modelId: string): Promise<BlueprintDocument> =>
    api.get(`/models/${modelId}/blueprint`, BlueprintDocument);
  const boardOf = (): Promise<Leaderboard> => api.get(`/projects/${run.projectId}/leaderboard`, Leaderboard);
  const found = async (blueprintId: string): Promise<Model> => {
    const entry = run.board.data.find((row) => row.blueprintId === blueprintId && row.refitOf === null);
    return api.get(`/models/${entry?.modelId ?? ''}`, Model);
  };

  it('pinned parameters hold in the plan, in the run and in its models', async () => {
    const { plan } = await api.get(`/projects/${run.projectId}/autopilot`, AutopilotRun);
    expect(plan.pinnedParameters).to.deep.equal({ 'lightgbm-fast': { leaves: 7 } });
    const model = await found('lightgbm-fast');
    expect(model.name).to.include('leaves 7');
    expect((await blueprintOf(model.id)).steps.at(-1)?.parameters).to.include({ leaves: 7 });
    const dry = await api.call('POST', `/projects/${run.projectId}/autopilot?dryRun=true`, 200, AutopilotDryRun, {
      json: { target: 'bought', pinnedParameters: { learningRate: 0.05 }, timeBudgetSeconds: 60 },
    });
    expect(dry.plan.pinnedParameters).to.deep.equal({ learningRate: 0.05 });
    await api.refused(
      'POST',
      `/projects/${run.projectId}/autopilot`,
      { status: 422, code: 'VALIDATION_FAILED', says: ['pinnedParameters', 'leafs', 'leaves'] },
      { json: { target: 'bought', pinnedParameters: { leafs: 8 } } },
    );
  });

  it('the blueprint of every model of a run, sent back, trains the same model', async () => {
    for (const blueprintId of ['baseline', 'linear', 'lightgbm-fast']) {
      const model = await found(blueprintId);
      const again = await train({ blueprint: await blueprintOf(model.id) });
      expect(again.contentHash, blueprintId).to.equal(model.contentHash);
      expect(again.name).to.equal(model.name);
    }
  });

  it('is cloned, changed, trained, ranked, explained and deployed; HTTP and batch predict the same', async () => {
    const document = await blueprintOf((await found('lightgbm-fast')).id);
    const left = document.steps.filter(({ kind }) => kind !== 'date-parts' && kind !== 'date-difference');
    const inputs = left.slice(0, -1).map(({ id }) => id);
    const steps = left.map((step, index) =>
      index === left.length - 1 ? { ...step, inputs, parameters: { ...step.parameters, leaves: 5 } } : step,
    );
    const blueprint = { ...document, name: 'Without dates', description: 'For data that arrives late.', steps };
    const model = await train({ blueprint });
    expect(model).to.deep.include({ name: 'Without dates (LightGBM, fast, changed)', blueprintId: 'lightgbm-fast' });
    const back = await blueprintOf(model.id);
    const { iterations } = model;
    expect({ ...back, steps: back.steps.map(({ found: _, ...step }) => step) }).to.deep.equal({
      ...blueprint,
      steps: blueprint.steps.map(({ found: _, ...step }) => step),
    });
    expect(back.steps.at(-1)?.found).to.deep.equal({ iterations });
    const entry = (await boardOf()).data.find(({ modelId }) => modelId === model.id);
    expect(entry).to.deep.include({ name: model.name, featureList: null, excludedForLeakage: [] });
    const impact = await api.call('POST', `/models/${model.id}/insights/feature-impact`, 202, Job, { json: {} });
    expect((await api.succeeded(impact)).state).to.equal('succeeded');
    const curve = await api.call('POST', `/models/${model.id}/insights/learning-curve`, 202, Job, { json: {} });
    expect((await api.succeeded(curve)).state).to.equal('succeeded');
    await predictsTheSame(model.id);
  });

  it('a model on another feature list tells it by its name and on the leaderboard', async () => {
    await api.call('POST', `/projects/${run.projectId}/feature-lists`, 201, FeatureList, {
      json: { name: 'short', features: ['amount', 'word'] },
    });
    const model = await train({ blueprint: await blueprintOf((await found('linear')).id), featureList: 'short' });
    expect(model.name).to.equal('Regularised linear model, features short');
    const entry = (await boardOf()).data.find(({ modelId }) => modelId === model.id);
    expect(entry).to.deep.include({ featureList: 'short', name: model.name });
  });

  it('is refused where it cannot be trained, with the place and what is allowed', async () => {
    const document = await blueprintOf((await found('lightgbm-fast')).id);
    const route = `/projects/${run.projectId}/models`;
    const [first] = document.steps;
    const refuse = (says: string[], json: object) =>
      api.refused('POST', route, { status: 422, code: 'VALIDATION_FAILED', says }, { json });
    await refuse(['/blueprint/steps/0/kind', '"sorcery"', '"numeric"'], {
      blueprint: { ...document, steps: [{ ...first, kind: 'sorcery' }, ...document.steps.slice(1)] },
    });
    await refuse(['/blueprintId', 'beside blueprint'], { blueprintId: 'linear', blueprint: document });
    await refuse(['/parameters', 'beside blueprint'], { parameters: {}, blueprint: document });
    await refuse(['/blueprintId', 'missing'], {});
    const end = document.steps.at(-1);
    const dates = document.steps.find(({ kind }) => kind === 'date-parts');
    const onlyDates = [dates, { ...end, inputs: [dates?.id] }];
    const list = { name: 'no dates', features: ['amount'] };
    await api.call('POST', `/projects/${run.projectId}/feature-lists`, 201, FeatureList, { json: list });
    await refuse(['/blueprint/steps', 'numeric'], {
      blueprint: { ...document, steps: onlyDates },
      featureList: 'no dates',
    });
  });

  it('goes through a file on the command line', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-blueprints-'));
    const file = path.join(folder, 'mine.json');
    const trainyard = async (...words: string[]): Promise<string> => {
      const written = { out: '', err: '' };
      const code = await cli([...words, '--url', api.url, '--api-key', api.key ?? ''], {
        out: { write: (text: string) => (written.out += text) },
        err: { write: (text: string) => (written.err += text) },
        env: {},
        signal: new AbortController().signal,
      });
      expect(code, written.err).to.equal(0);
      return written.out;
    };
    try {
      const model = await found('linear');
      writeFileSync(file, await trainyard('blueprints', 'show', '--model', model.id));
      const train = ['models', 'train', '--blueprint', file, '--project', run.projectId, '--wait', '--json'];
      const again = parse(Model, JSON.parse(await trainyard(...train)), 'model');
      expect(again.contentHash).to.equal(model.contentHash);
      writeFileSync(file, await trainyard('blueprints', 'show', 'lightgbm-fast'));
      expect(parse(Model, JSON.parse(await trainyard(...train)), 'model').blueprintId).to.equal('lightgbm-fast');
      expect(await trainyard('blueprints', 'list', '--project', run.projectId)).to.include('lightgbm-slow');
      expect(await trainyard('blueprints', 'steps'))
        .to.include('elastic-net')
        .and.include('penaltyRatio');
      expect(await trainyard('leaderboard', '--project', run.projectId))
        .to.include('features')
        .and.include('short');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('pins, feature lists and names are told on the start page', async function () {
    const executable = installedBrowser();
    if (executable === null) skipBecause(this, 'Chromium is not installed (Debian package chromium)');
    const platform = await sharedPlatform();
    const browser = await startBrowser(executable);
    try {
      const { page, complaints } = await browser.newPage();
      await page.goto(`${platform.url}/#key=${platform.adminKey}&project=${run.projectId}`);
      await page.locator('#data', { hasText: 'latest run: leaves 7 of lightgbm-fast.' }).waitFor();
      const row = page.locator('#leaderboard tr', { hasText: 'Regularised linear model, features short' });
      await row.locator('td', { hasText: /^short$/ }).waitFor();
      expect(complaints).to.deep.equal([]);
    } finally {
      await browser.close();
    }
  });

  it('every kind of step is documented', async () => {
    const { data } = await api.get('/blueprint-steps', pageOf(BlueprintStepKind));
    const ends = data.filter(({ role }) => role === 'model').map(({ kind }) => kind);
    expect(ends).to.include.members(['gradient-boosting', 'elastic-net', 'forest', 'constant', 'weighted-mean']);
  });

  /** The positive class’s probability of every row of the dataset, by a batch prediction and by HTTP. */
  async function predictsTheSame(modelId: string): Promise<void> {
    const { id, predictionUrl } = await deployed(api, modelId, 'without-dates');
    const answer = await predict(
      api,
      predictionUrl,
      TABLE.rows.map((row) => jsonRow(TABLE, row)),
    );
    const resource = await batchPredicted(api, { modelId, input: { datasetId: run.datasetId } });
    const [header = [], ...rows] = csvRecords((await batchRows(api, resource)).text);
    const at = header.indexOf('probability_yes');
    expect(at).to.be.at.least(0);
    const overHttp = answer.data.map(({ probabilities }) => String(probabilities?.['yes']));
    expect(rows.map((row) => row[at])).to.deep.equal(overHttp);
    expect(new Set(overHttp).size).to.be.greaterThan(10);
    expect((await api.request('DELETE', `/deployments/${id}`)).status).to.equal(204);
  }
});
