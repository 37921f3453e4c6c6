import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Insight } from '#contracts';
import { Api } from '../support/api.ts';
import { installedBrowser, startBrowser, type TestBrowser, type WatchedPage } from '../support/browser.ts';
import { modelled, type Modelled } from '../support/modelling.ts';
import { sharedPlatform, type SharedPlatform } from '../support/platform.ts';
import { csvText, multiclassSample, regressionSample } from '../support/sample-data.ts';
import { skipBecause } from '../support/skip.ts';

/** Would run if any value of the data were ever taken for markup. */
const ATTACK = `<img src=x onerror="document.title='owned'">`;

describe('pages of a model', function () {
  this.timeout(120_000);
  let platform: SharedPlatform;
  let api: Api;
  let browser: TestBrowser | null = null;
  let classified: Modelled;
  let regressed: Modelled;

  before(async () => {
    const executable = installedBrowser();
    if (executable === null) return;
    platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
    const blueprints = ['baseline', 'linear', 'lightgbm-fast'];
    const table = multiclassSample(200);
    const renamed = { ...table, columns: [ATTACK, ...table.columns.slice(1)] };
    classified = await modelled(api, { content: csvText(renamed), fileName: 'c.csv' }, { target: 'kind', blueprints });
    const numbers = regressionSample(200);
    const target = numbers.columns.at(-1) ?? '';
    regressed = await modelled(api, { content: csvText(numbers), fileName: 'r.csv' }, { target, blueprints });
    browser = await startBrowser(executable);
  });
  after(async () => browser?.close());

  beforeEach(function () {
    if (browser === null) skipBecause(this, 'Chromium is not installed (Debian package chromium)');
  });

  async function open(fragment: string): Promise<WatchedPage> {
    if (browser === null) throw new Error('the tests are skipped without a browser');
    const watched = await browser.newPage();
    await watched.page.goto(`${platform.url}/#key=${platform.adminKey}&${fragment}`);
    return watched;
  }
  const modelOf = ({ board }: Modelled, blueprintId: string): string =>
    board.data.find((row) => row.blueprintId === blueprintId && row.refitOf === null)?.modelId ?? '';

  it('are reached from the leaderboard, and lead back to it', async () => {
    const { page, complaints } = await open(`project=${classified.projectId}`);
    await page.locator('#summary', { hasText: 'Target kind' }).waitFor();
    await page.locator('#leaderboard tr.recommended a').click();
    await page.locator('#model-name', { hasText: 'recommended' }).waitFor();
    expect(new URL(page.url()).hash).to.equal(`#model=${classified.modelId}`);
    expect(await page.locator('#board').isVisible()).to.equal(false);
    await page.locator('#insight tbody tr', { hasText: 'logLoss' }).waitFor();
    await page.locator('#model-head nav a').click();
    await page.locator('#summary', { hasText: 'Target kind' }).waitFor();
    expect(await page.locator('#model').isVisible()).to.equal(false);
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('show every insight of a classifier with its rows, an image that is named, and its numbers', async () => {
    const { page, complaints } = await open(`model=${classified.modelId}&insight=confusion`);
    await page.locator('#insight table.confusion').waitFor();
    const classCount = await page.locator('#insight table.confusion tbody tr').count();
    expect(await page.locator('#insight table.confusion thead th').count()).to.equal(classCount + 1);
    const kinds = [
      ['ROC', 'Area under the curve'],
      ['Precision and recall', 'Average precision'],
      ['Lift', 'Lift of the first group'],
      ['Calibration', 'Expected calibration error'],
    ] as const;
    for (const [title, fact] of kinds) {
      await page.locator('.tabs a', { hasText: new RegExp(`^${title}$`) }).click();
      await page.locator('#insight dt', { hasText: fact }).waitFor();
      expect(await page.locator('#insight .rows-used').innerText()).to.match(
        /^Rows used: 160, .*predicted by its twin/,
      );
      expect(await page.locator('#insight svg[role=img]').getAttribute('aria-label')).to.match(/\S+\. \S+/);
      await page.locator('#insight details summary').click();
      expect(await page.locator('#insight details tbody tr').count()).to.be.greaterThan(1);
      expect(await page.locator('.tabs a[aria-current=page]').innerText()).to.equal(title);
    }
    const first = await page.locator('#insight .controls select').first().locator('option').first().innerText();
    await page.locator('#insight .controls select').first().selectOption(first);
    await page.locator('#insight svg', { hasText: `Calibration of ${first}` }).waitFor();
    expect(new URL(page.url()).hash).to.include(`label=${first}`);
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('draw the curves of all classes with a legend, and of one that is chosen', async () => {
    const { page, complaints } = await open(`model=${classified.modelId}&insight=roc`);
    await page.locator('#insight svg', { hasText: 'ROC of all classes' }).waitFor();
    const { insight } = await api.get(`/models/${classified.modelId}/insights/roc`, Insight);
    if (insight.kind !== 'roc') throw new Error(insight.kind);
    const { classes = [], macroAuc = null } = insight;
    expect(classes.length).to.equal(3);
    const keys = await page.locator('#insight .legend .key').allInnerTexts();
    expect(keys.map((key) => key.replace(/ \(.*/, ''))).to.deep.equal([
      ...classes.map(({ label }) => label),
      'guessing',
    ]);
    expect(await page.locator('#insight svg path.line').count()).to.equal(classes.length + 1);
    const colours =
      "new Set([...document.querySelectorAll('#insight svg path.line')].map((path) => getComputedStyle(path).stroke)).size";
    expect(await page.evaluate(colours)).to.equal(classes.length + 1);
    const mean = Number(await page.locator('#insight dd').first().innerText());
    expect(mean, 'four digits of it').to.be.closeTo(macroAuc ?? NaN, 5e-5);
    const rows = await page.locator('#insight > .scroll tbody tr').allInnerTexts();
    expect(rows.map((row) => row.split('\t')[0])).to.deep.equal(classes.map(({ label }) => label));
    const select = page.locator('#insight .controls select').first();
    expect(await select.inputValue()).to.equal('');
    await select.selectOption('virginica');
    await page.locator('#insight svg', { hasText: 'ROC of virginica' }).waitFor();
    expect(new URL(page.url()).hash).to.include('label=virginica');
    await page.locator('#insight .controls select').first().selectOption('');
    await page.locator('#insight svg', { hasText: 'ROC of all classes' }).waitFor();
    expect(new URL(page.url()).hash).to.not.include('label');
    await page.locator('.tabs a', { hasText: /^Precision and recall$/ }).click();
    await page.locator('#insight svg', { hasText: 'Precision and recall of all classes' }).waitFor();
    expect(await page.locator('#insight .legend .key').count()).to.equal(classes.length);
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('name the members of an ensemble, and show what a stacked layer adds to the raw scores', async () => {
    if (browser === null) throw new Error('the tests are skipped without a browser');
    const { page, complaints } = await browser.newPage();
    // Whether a run's ensemble is stacked is up to its data: the answer of this one gets a layer.
    const ensemble = {
      ...{
        members: [{ modelId: modelOf(regressed, 'linear'), weight: 0.75 }],
        selectionRowCount: 160,
        gain: 0,
        noise: 0,
      },
      layer: { shifts: [0.125, -2.5], penalty: 0.1 },
    };
    await page.route(`**/api/v1/models/${regressed.modelId}`, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: { ...((await answer.json()) as object), ensemble } });
    });
    await page.goto(`${platform.url}/#key=${platform.adminKey}&model=${regressed.modelId}`);
    await page.locator('#model', { hasText: 'it adds 0.125, -2.5 to the raw scores' }).waitFor();
    expect(await page.locator('#insight td a').innerText()).to.equal('Regularised linear model');
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('show residuals and coefficients where the target is a number', async () => {
    const { page, complaints } = await open(`model=${modelOf(regressed, 'linear')}&insight=residuals`);
    await page.locator('#insight dt', { hasText: 'Mean residual' }).waitFor();
    expect(await page.locator('#insight svg[role=img]').count()).to.equal(2);
    expect(await page.locator('.tabs').innerText()).to.not.include('ROC');
    await page.locator('.tabs a', { hasText: 'Coefficients' }).click();
    await page.locator('#insight dt', { hasText: 'Intercept' }).waitFor();
    expect(await page.locator('#insight .rows-used').innerText()).to.include('was fitted on');
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('compute what needs a worker when asked, and show it by themselves when it is there', async () => {
    const { page } = await open(`model=${modelOf(classified, 'lightgbm-fast')}&insight=feature-impact`);
    await page.locator('#insight button', { hasText: 'Compute' }).click();
    await page.locator('#insight dt', { hasText: 'Permutations' }).waitFor({ timeout: 60_000 });
    expect(await page.locator('#insight').innerText()).to.include('logLoss of these rows');
    expect(await page.locator('#insight img').count(), 'markup of the data').to.equal(0);
    expect(await page.locator('#insight').innerText()).to.include('Rows used: 160');
    await page.close();
  });

  it('show for which rows a model is better, by a column that is chosen', async () => {
    const { page } = await open(`model=${classified.modelId}&insight=segments`);
    await page.locator('#insight dt', { hasText: 'Segments tested' }).waitFor({ timeout: 60_000 });
    expect(await page.locator('#insight .rows-used').innerText()).to.include('Rows used: 160');
    const select = page.locator('#insight .controls select');
    expect(await select.locator('option').allInnerTexts()).to.deep.equal([ATTACK, 'colour', 'noise']);
    await select.selectOption({ label: 'noise' });
    await page.locator('#insight svg', { hasText: 'Segments of noise' }).waitFor();
    expect(await page.locator('#insight figure tbody tr').count()).to.equal(2);
    expect(await page.locator('#insight img').count(), 'markup of the data').to.equal(0);
    await page.close();
  });

  it('show what more rows have brought', async () => {
    const { page } = await open(`model=${modelOf(regressed, 'linear')}&insight=learning-curve`);
    await page.locator('#insight button', { hasText: 'Compute' }).click();
    await page.locator('#insight dt', { hasText: 'Would more rows help?' }).waitFor({ timeout: 60_000 });
    await page.locator('#insight svg', { hasText: 'Learning curve' }).waitFor();
    expect(await page.locator('#insight figure tbody tr').count()).to.be.greaterThan(1);
    await page.close();
  });

  it('save the compliance report, a file that shows itself without asking anybody', async () => {
    const { page, complaints } = await open(`model=${classified.modelId}`);
    const saving = page.waitForEvent('download');
    await page.locator('#model-head button', { hasText: 'Save compliance report' }).click();
    const download = await saving;
    expect(download.suggestedFilename()).to.equal(`compliance-report-${classified.modelId}.html`);
    const saved = await download.path();
    await page.locator('#model-head [role=status]', { hasText: 'Saved.' }).waitFor();
    expect(complaints).to.deep.equal([]);
    await page.close();
    if (browser === null) throw new Error('the tests are skipped without a browser');
    const report = await browser.newPage();
    await report.page.setContent(readFileSync(saved, 'utf8'));
    expect(await report.page.locator('h2').count()).to.equal(14);
    expect(await report.page.locator('img, script').count(), 'markup of the data').to.equal(0);
    expect(await report.page.locator('main').innerText()).to.include(ATTACK);
    const style =
      "[getComputedStyle(document.querySelector('h1')).fontSize, getComputedStyle(document.querySelector('header')).borderBottomWidth]";
    expect(await report.page.evaluate(style), 'its style is allowed by its own policy').to.deep.equal([
      '27.2px',
      '3px',
    ]);
    expect(report.requests.filter((url) => !url.startsWith('about:'))).to.deep.equal([]);
    expect(report.complaints).to.deep.equal([]);
    await report.page.close();
  });

  it('say what does not exist', async () => {
    const { page } = await open(`model=model_none`);
    await page.locator('#model-head .error', { hasText: 'model_none' }).waitFor();
    await page.close();
  });

  it('explain a row, and again when it is changed', async () => {
    const { page, complaints } = await open(`model=${regressed.modelId}&insight=explanations`);
    const value = page.locator('#insight [aria-live] dd').first();
    await value.waitFor();
    const before = await value.innerText();
    await page.locator('#insight details summary').click();
    const rows = await page.locator('#insight details tbody tr').allInnerTexts();
    const cell = (row: string) => Number((row.split('\t').at(-1) ?? '').replaceAll(',', ''));
    const sum = rows.slice(0, -1).reduce((total, row) => total + cell(row), 0);
    expect(sum).to.be.closeTo(cell(rows.at(-1) ?? ''), 1e-3 * Math.max(1, Math.abs(sum)));
    for (const input of await page.locator('#insight .fields input').all()) await input.fill('');
    await page.locator('#insight form button').click();
    await page.locator('#insight [aria-live] dd', { hasNotText: before }).first().waitFor();
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('compare two models on the same rows', async () => {
    const { page, complaints } = await open(`model=${modelOf(classified, 'linear')}&insight=comparison`);
    await page.locator('#insight select').selectOption(modelOf(classified, 'baseline'));
    await page.locator('#verdict', { hasText: 'is better, by more than chance' }).waitFor();
    expect(await page.locator('#insight .rows-used').innerText()).to.include('Rows used: 160');
    expect(complaints).to.deep.equal([]);
    await page.close();
  });
});
