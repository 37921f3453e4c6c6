import { expect } from 'chai';
import { AutopilotRun, FeatureProfile } from '#contracts';
import { Api } from '../support/api.ts';
import { installedBrowser, startBrowser, type TestBrowser, type WatchedPage } from '../support/browser.ts';
import { deployed, modelled, newProject } from '../support/modelling.ts';
import { sharedPlatform, type SharedPlatform } from '../support/platform.ts';
import { csvText, multiclassSample } from '../support/sample-data.ts';
import { skipBecause } from '../support/skip.ts';

/** Would run if any value of the data were ever taken for markup. */
const ATTACK = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

describe('start page', function () {
  this.timeout(60_000);
  let platform: SharedPlatform;
  let api: Api;

  before(async () => {
    platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
  });

  it('is served without a key, under a policy that allows nothing inline and nothing from elsewhere', async () => {
    for (const [route, type] of [
      ['/', 'text/html; charset=utf-8'],
      ['/ui/app.js', 'text/javascript; charset=utf-8'],
      ['/ui/style.css', 'text/css; charset=utf-8'],
      ['/ui/icon.svg', 'image/svg+xml'],
    ] as const) {
      const answer = await api.as(null).request('GET', route);
      expect(answer.status, route).to.equal(200);
      expect(answer.headers.get('content-type')).to.equal(type);
      expect(answer.headers.get('x-content-type-options')).to.equal('nosniff');
      expect(answer.headers.get('x-frame-options')).to.equal('DENY');
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy)
        .to.include("default-src 'none'")
        .and.include("script-src 'self'")
        .and.include("frame-ancestors 'none'");
      expect(policy).to.not.match(/unsafe|\*|https?:|data:/);
      const etag = answer.headers.get('etag') ?? '';
      const again = await api.as(null).request('GET', route, { headers: { 'if-none-match': etag } });
      expect(again.status).to.equal(304);
      const head = await api.as(null).request('HEAD', route);
      expect([head.status, head.bytes.length]).to.deep.equal([200, 0]);
    }
    const { text } = await api.request('GET', '/');
    expect(text).to.not.match(/<script(?![^>]*\ssrc=)|\son\w+=|<style|\sstyle=/);
    await api.refused('GET', '/ui/../package.json', { status: 404, code: 'NOT_FOUND' });
    await api.refused('GET', '/ui/%2e%2e/index.ts', { status: 404, code: 'NOT_FOUND' });
    await api.refused('POST', '/', { status: 405, code: 'METHOD_NOT_ALLOWED' });
  });

  describe('in Chromium', () => {
    let browser: TestBrowser | null = null;
    let projectId = '';

    before(async function () {
      const executable = installedBrowser();
      if (executable === null) return;
      browser = await startBrowser(executable);
      const table = multiclassSample(80);
      const renamed = { ...table, columns: [ATTACK, ...table.columns.slice(1)] };
      const data = { content: csvText(renamed), fileName: 'x.csv', name: `<b>${ATTACK}</b>` };
      const model = await modelled(api, data, { target: 'kind', maxModels: 2 });
      ({ projectId } = model);
      await api.request('PATCH', `/projects/${projectId}`, { json: { name: `hostile ${ATTACK}` } });
      await deployed(api, model.modelId, ATTACK);
    });
    after(async () => browser?.close());

    beforeEach(function () {
      if (browser === null) skipBecause(this, 'Chromium is not installed (Debian package chromium)');
    });

    async function open(address: string): Promise<WatchedPage> {
      if (browser === null) throw new Error('the tests are skipped without a browser');
      const watched = await browser.newPage();
      await watched.page.goto(address);
      return watched;
    }

    it('shows the leaderboard to who comes with a key, and takes the key out of the address', async () => {
      const { page, complaints, requests } = await open(`${platform.url}/#key=${platform.adminKey}`);
      await page.locator('#leaderboard tbody tr.recommended').waitFor();
      expect(page.url()).to.equal(`${platform.url}/`);
      await page.locator('#project').selectOption(projectId);
      await page.locator('#summary', { hasText: 'Target kind (multiclass)' }).waitFor();
      const rows = page.locator('#leaderboard tbody tr');
      await rows.nth(2).waitFor();
      expect(await rows.count()).to.equal(3);
      expect(await page.locator('#leaderboard thead').innerText()).to.include('Features');
      const recommended = await page.locator('#leaderboard tr.recommended').allInnerTexts();
      expect(recommended[0]).to.include('by default');
      expect(recommended).to.have.length(1);
      expect(recommended[0]).to.include('recommended').and.include('LightGBM');
      await page.locator('#speed summary', { hasText: 'Speed against accuracy' }).first().click();
      await page.locator('#speed svg').waitFor();
      const drawn = await page.locator('#speed tbody tr').all();
      const models = await Promise.all(
        drawn.map(async (row) => {
          const [, micros, logLoss, isOn] = await row.locator('td, th').allTextContents();
          return { micros: Number(micros), logLoss: Number(logLoss), isOn: isOn === 'yes' };
        }),
      );
      expect(models.length).to.be.at.least(2);
      for (const one of models) {
        const isBeaten = models.some(({ micros, logLoss }) => micros < one.micros && logLoss < one.logLoss);
        if (isBeaten) expect(one.isOn, JSON.stringify(models)).to.equal(false);
      }
      expect(models.some(({ isOn }) => isOn)).to.equal(true);
      await page.locator('#data', { hasText: 'Feature lists: 3' }).waitFor();
      await page.locator('#data summary', { hasText: 'Feature lists' }).click();
      await page.locator('#data td', { hasText: 'informative' }).waitFor();
      expect(await page.locator('#deployments').innerText())
        .to.include(platform.predictionUrl)
        .and.include('ready');
      expect(await page.locator('#datasets').innerText()).to.include('80');
      expect(complaints).to.deep.equal([]);
      expect(requests.filter((url) => !url.startsWith(`${platform.url}/`))).to.deep.equal([]);
      expect(requests.some((url) => url.includes(platform.adminKey))).to.equal(false);
      await page.close();
    });

    it('shows what the run did not come to, and which candidates failed and why', async () => {
      if (browser === null) throw new Error('the tests are skipped without a browser');
      const route = `/projects/${projectId}/autopilot`;
      const run = await api.get(route, AutopilotRun);
      expect([run.failures, run.untried]).to.deep.equal([[], []]);
      const { page, complaints } = await browser.newPage();
      // Every candidate of this table has a model: the answer gets some that have none.
      const failure = {
        modelId: 'model_none',
        name: 'LightGBM',
        blueprintId: 'lightgbm',
        state: 'failed',
        reason: ATTACK,
      };
      const untried = [
        { blueprintId: 'random-forest', parameters: {} },
        { blueprintId: 'lightgbm', parameters: { leaves: 31, learningRate: 0.05 } },
      ];
      const changes = { tasks: { ...run.tasks, failed: 2 }, failures: [failure], untried };
      await page.route(`**/api/v1${route}`, (asked) =>
        asked.fulfill({ json: { ...run, ...changes, plan: { ...run.plan, timeBudgetMs: 60_000 } } }),
      );
      await page.goto(`${platform.url}/#key=${platform.adminKey}&project=${projectId}`);
      const tried = page.locator('#tried');
      await tried.locator('summary', { hasText: 'Ended without a model: 2' }).click();
      await tried.locator('tbody tr', { hasText: ATTACK }).waitFor();
      expect(await tried.innerText()).to.include('The first 1 of 2.');
      expect(await tried.locator('img, script').count()).to.equal(0);
      const title = 'Not tried: 2 of 2 planned candidates; the budget is 60 s';
      await tried.locator('summary', { hasText: title }).click();
      await tried.locator('tbody tr', { hasText: 'leaves 31, learningRate 0.05' }).waitFor();
      expect(await tried.locator('details[open]').count()).to.equal(2);
      expect(complaints).to.deep.equal([]);
      await page.close();
    });

    it('changes the type of a feature in a new version of the dataset, and says why it cannot', async () => {
      const { page, complaints } = await open(`${platform.url}/#key=${platform.adminKey}`);
      await page.locator('#project').selectOption(projectId);
      await page.locator('#data summary', { hasText: 'Features: 4' }).click();
      const type = page.locator('#data').getByLabel('Type of noise');
      expect(await type.inputValue()).to.equal('numeric');
      await type.selectOption('categorical');
      const said = page.locator('#data details p[role=status]');
      await said.filter({ hasText: 'Version 2 of the dataset is ready: noise is categorical in it' }).waitFor();
      expect(await type.inputValue(), 'the project stays on its version').to.equal('numeric');
      await page.locator('#datasets', { hasText: 'version 2' }).waitFor();
      const id = /--dataset (\S+)/.exec(await said.innerText())?.[1] ?? '';
      expect((await api.get(`/datasets/${id}/features/noise`, FeatureProfile)).type).to.equal('categorical');
      await page.locator('#data').getByLabel('Type of colour').selectOption('date');
      await said.filter({ hasText: '"colour" cannot be made date' }).waitFor();
      // The browser itself notes the answer 422.
      expect(complaints.filter((complaint) => !complaint.includes('422'))).to.deep.equal([]);
      await page.close();
    });

    it('shows names of the data as text, whatever they look like', async () => {
      const { page, complaints } = await open(`${platform.url}/#key=${platform.adminKey}`);
      await page.locator('#datasets', { hasText: ATTACK }).waitFor();
      await page.locator('#deployments', { hasText: ATTACK }).waitFor();
      expect(await page.locator('#project').innerText()).to.include(`hostile ${ATTACK}`);
      await page.locator('#project').selectOption(projectId);
      await page.locator('#data', { hasText: ATTACK }).waitFor();
      expect(await page.locator('main img, main script, main b').count()).to.equal(0);
      expect(await page.title()).to.equal('Trainyard');
      expect(complaints).to.deep.equal([]);
      await page.close();
    });

    it('asks for a key, refuses a wrong one, lets in with the right one and out again', async () => {
      const { page } = await open(platform.url);
      await page.locator('#sign-in').waitFor();
      expect(await page.locator('main').isVisible()).to.equal(false);
      await page.locator('#key').fill('not-a-key');
      await page.locator('#sign-in button').click();
      await page.locator('#sign-in-error', { hasText: 'not accepted' }).waitFor();
      expect(await page.locator('main').isVisible()).to.equal(false);
      await page.locator('#key').fill(platform.adminKey);
      await page.locator('#sign-in button').click();
      await page.locator('#leaderboard tbody tr').first().waitFor();
      await page.locator('#sign-out').click();
      await page.locator('#sign-in').waitFor();
      expect(await page.locator('main').isVisible()).to.equal(false);
      await page.reload();
      await page.locator('#sign-in').waitFor();
      await page.close();
    });

    it('tells a newcomer what to do', async () => {
      await newProject(api, await api.dataset({ content: 'a,b\n1,2\n2,3\n' })).then(async (id) => {
        const { page, complaints } = await open(`${platform.url}/#key=${platform.adminKey}`);
        await page.locator('#project').selectOption(id);
        await page.locator('#summary', { hasText: 'Autopilot has not been started' }).waitFor();
        expect(complaints).to.deep.equal([]);
        await page.close();
      });
    });
  });
});
