import { expect } from 'chai';
import { AutopilotDryRun, AutopilotRun, FeatureListPage, Job, Model, ModelParameters } from '#contracts';
import { Api } from '../support/api.ts';
import { installedBrowser, startBrowser } from '../support/browser.ts';
import { modelled, newProject } from '../support/modelling.ts';
import { sharedPlatform } from '../support/platform.ts';
import { csvText, randomNumbers, type SampleTable } from '../support/sample-data.ts';
import { skipBecause } from '../support/skip.ts';

/** A column that copies the target with noise beside two honest ones. */
function trap(): SampleTable {
  const draw = randomNumbers(5);
  const rows = Array.from({ length: 800 }, () => {
    const positive = draw() < 0.4;
    const honest = draw() + (positive ? 0.3 : 0);
    return [
      honest.toFixed(4),
      draw().toFixed(4),
      (Number(positive) + 0.2 * draw()).toFixed(4),
      positive ? 'yes' : 'no',
    ];
  });
  return { columns: ['honest', 'noise', 'copy', 'sold'], rows };
}

/** Patients of five rows, whose target is mostly their own, and a copy of every third row. */
function shared(): SampleTable {
  const draw = randomNumbers(8);
  const rows = Array.from({ length: 150 }, (_, patient) => {
    const chance = draw() < 0.5 ? 0.1 : 0.9;
    return Array.from({ length: 5 }, () => [
      `P${patient}`,
      draw().toFixed(4),
      draw().toFixed(4),
      draw() < chance ? 'ill' : 'well',
    ]);
  }).flat();
  return { columns: ['patient', 'x', 'z', 'state'], rows: [...rows, ...rows.filter((_, row) => row % 3 === 0)] };
}

describe('target leakage', function () {
  this.timeout(120_000);
  let api: Api;
  let datasetId: string;

  before(async () => {
    const platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
    datasetId = await api.dataset({ content: csvText(trap()), fileName: 'trap.csv' });
  });

  const REQUEST = { target: 'sold', maxModels: 2, blueprints: ['baseline', 'lightgbm-fast'] };

  it('is found before any model reads it, left out and told; the plan stays as it was accepted', async () => {
    const run = await modelled(api, { datasetId }, REQUEST);
    const { plan, leakage, excludedForLeakage } = await api.get(`/projects/${run.projectId}/autopilot`, AutopilotRun);
    expect(plan.features.map(({ name }) => name)).to.deep.equal(['honest', 'noise', 'copy']);
    expect(plan.leakage).to.deep.equal({ excludes: true, skipped: null });
    expect(leakage?.findings.map(({ features, risk }) => [features, risk])).to.deep.equal([[['copy'], 'high']]);
    expect(excludedForLeakage).to.deep.equal(['copy']);
    const featuresOf = async (id: string): Promise<readonly string[]> =>
      (await api.get(`/models/${id}/parameters`, ModelParameters)).features;
    expect(await featuresOf(run.modelId)).to.deep.equal(['honest', 'noise']);
    expect((await api.get(`/models/${run.modelId}`, Model)).excludedForLeakage).to.deep.equal(['copy']);
    const lists = (await api.get(`/projects/${run.projectId}/feature-lists`, FeatureListPage)).data;
    expect(lists.find(({ name }) => name === 'leakage-free')?.features).to.deep.equal(['honest', 'noise']);
    const { plan: cleaned } = await api.call(
      'POST',
      `/projects/${run.projectId}/autopilot?dryRun=true`,
      200,
      AutopilotDryRun,
      {
        json: { ...REQUEST, featureList: 'leakage-free' },
      },
    );
    expect(cleaned.features.map(({ name }) => name)).to.deep.equal(['honest', 'noise']);
    for (const [featureList, expected] of [
      [undefined, ['honest', 'noise']],
      ['informative', ['honest', 'noise', 'copy']],
    ] as const) {
      const job = await api.succeeded(
        await api.call('POST', `/projects/${run.projectId}/models`, 202, Job, {
          json: { blueprintId: 'lightgbm-fast', ...(featureList === undefined ? {} : { featureList }) },
        }),
      );
      const model = await api.get(job.resource ?? '', Model);
      expect(await featuresOf(model.id)).to.deep.equal(expected);
    }
  });

  it('is only told where its list was asked for', async () => {
    const run = await modelled(api, { datasetId }, { ...REQUEST, featureList: 'informative' });
    const { leakage, excludedForLeakage } = await api.get(`/projects/${run.projectId}/autopilot`, AutopilotRun);
    expect(leakage?.findings.map(({ features }) => features)).to.deep.equal([['copy']]);
    expect(excludedForLeakage).to.deep.equal([]);
    expect((await api.get(`/models/${run.modelId}/parameters`, ModelParameters)).features).to.include('copy');
  });

  it('is in rows and groups that two partitions share: counted, told in API, log and start page, and nothing changed', async function () {
    const sharedId = await api.dataset({ content: csvText(shared()), fileName: 'shared.csv' });
    const run = await modelled(api, { datasetId: sharedId }, { ...REQUEST, target: 'state' });
    const { plan, leakage } = await api.get(`/projects/${run.projectId}/autopilot`, AutopilotRun);
    const groupColumns = [{ name: 'patient', levelCount: 150 }];
    expect(plan.leakage).to.deep.equal({ excludes: true, skipped: null, groupColumns });
    const json = { ...REQUEST, target: 'state', timeBudgetSeconds: 60 };
    const path = `/projects/${run.projectId}/autopilot?dryRun=true`;
    const { plan: timed } = await api.call('POST', path, 200, AutopilotDryRun, { json });
    expect(timed.leakage).to.deep.equal({ excludes: true, skipped: null, msMax: 3_000, groupColumns });
    expect(plan.partitioning.method).to.equal('stratified');
    expect(leakage?.duplicates).to.deep.include({ rowCount: 1_000, twinCount: 500, noise: 0, isCopied: true });
    expect(leakage?.duplicates?.holdout.twinCount).to.be.within(40, 160);
    expect(leakage?.groups?.map(({ column }) => column)).to.deep.equal(['patient']);
    expect(leakage?.leftOut).to.equal(undefined);
    const baseline = run.board.data.find(({ blueprintId }) => blueprintId === 'baseline') ?? expect.fail('no baseline');
    const log = await api.request('GET', `/models/${baseline.modelId}/log`);
    expect(log.text).to.match(/equal rows: 500 of 1000 .*groups: patient tells/s);
    const executable = installedBrowser();
    if (executable === null) skipBecause(this, 'Chromium is not installed (Debian package chromium)');
    const browser = await startBrowser(executable);
    try {
      const { page, complaints } = await browser.newPage();
      const { url, adminKey } = await sharedPlatform();
      await page.goto(`${url}/#key=${adminKey}&project=${run.projectId}`);
      await page.locator('#data', { hasText: '500 of 1,000 rows, 50 %, have an equal one' }).waitFor();
      await page.locator('#data', { hasText: 'patient names groups' }).waitFor();
      expect(complaints).to.deep.equal([]);
    } finally {
      await browser.close();
    }
  });

  it('of copies that stay together is none, in any model, with its replay and in the report', async () => {
    const sharedId = await api.dataset({ content: csvText(shared()), fileName: 'shared.csv' });
    const partitioning = { method: 'stratified', duplicates: 'together' } as const;
    const request = { ...REQUEST, target: 'state', partitioning };
    const run = await modelled(api, { datasetId: sharedId }, request);
    const path = `/projects/${run.projectId}/autopilot`;
    const { plan, leakage } = await api.get(path, AutopilotRun);
    const features = [
      { name: 'patient', type: 'categorical' },
      { name: 'x', type: 'numeric' },
      { name: 'z', type: 'numeric' },
    ];
    expect(plan.partitioning.duplicates).to.deep.equal({ features });
    expect(leakage?.duplicates).to.deep.include({ rowCount: 1_000, twinCount: 500, isCopied: false });
    expect([leakage?.duplicates?.validation.twinCount, leakage?.duplicates?.holdout.twinCount]).to.deep.equal([0, 0]);
    const report = (await api.request('GET', `/models/${run.modelId}/compliance-report`)).text;
    expect(report).to.include('Rows that are equal in all of 3 features, whatever their target');
    const replay = await api.succeeded(await api.call('POST', `${path}/replay`, 202, Job, { json: {} }));
    const again = await api.get((replay.resource ?? '').replace('/api/v1', ''), AutopilotRun);
    expect(again.replay).to.include({ ofProjectId: run.projectId, isEqual: true });
    // A later run deals the same, whatever features it models and however it says so.
    const narrower = { target: 'state', excludedFeatures: ['z'], maxModels: 1 };
    for (const json of [narrower, { ...narrower, partitioning }]) {
      await api.succeeded(await api.call('POST', path, 202, Job, { json }));
      const later = await api.get(path, AutopilotRun);
      expect(later.plan.features.map(({ name }) => name)).not.to.include('z');
      expect(later.plan.partitioning).to.deep.equal(plan.partitioning);
    }
    const refused = { status: 422, code: 'PARTITION_INVALID', says: ['/partitioning/duplicates'] } as const;
    const grouped = { ...request, partitioning: { ...partitioning, method: 'group', column: 'patient' } };
    const other = await newProject(api, sharedId);
    await api.refused('POST', `/projects/${other}/autopilot`, refused, { json: grouped });
  });

  it('is told on the start page', async function () {
    const executable = installedBrowser();
    if (executable === null) skipBecause(this, 'Chromium is not installed (Debian package chromium)');
    const platform = await sharedPlatform();
    const run = await modelled(api, { datasetId }, REQUEST);
    const browser = await startBrowser(executable);
    try {
      const { page, complaints } = await browser.newPage();
      await page.goto(`${platform.url}/#key=${platform.adminKey}&project=${run.projectId}`);
      await page
        .locator('#data', { hasText: 'Left out of all models, because they give the target away: copy.' })
        .waitFor();
      await page.locator('#data summary', { hasText: 'Target leakage: 1' }).click();
      await page.locator('#data td', { hasText: 'high' }).waitFor();
      expect(complaints).to.deep.equal([]);
    } finally {
      await browser.close();
    }
  });
});
