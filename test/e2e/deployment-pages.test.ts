import { expect } from 'chai';
import { Deployment, type DeploymentSegments } from '#contracts';
import { createRandom } from '#statistics';
import { installedBrowser, startBrowser, type TestBrowser, type WatchedPage } from '../support/browser.ts';
import { isYes, someThing, startMonitoredWorld, type MonitoredWorld } from '../support/monitored-world.ts';
import { until } from '../support/processes.ts';
import { skipBecause } from '../support/skip.ts';

const EVENTS = 400;
/** Predictions whose outcome becomes known. */
const KNOWN = 300;

describe('pages of a deployment', function () {
  this.timeout(60_000);
  let world: MonitoredWorld;
  let browser: TestBrowser | null = null;

  before(async () => {
    const executable = installedBrowser();
    if (executable === null) return;
    world = await startMonitoredWorld();
    await segmentBy(['colour']);
    const random = createRandom(8);
    // Things are red now, which one of three was in training.
    const things = Array.from({ length: EVENTS }, () => ({ ...someThing(random), colour: 'red' }));
    const ids = things.map((_, index) => `thing-${index}`);
    await world.predict(things, ids);
    expect(await world.post('{')).to.equal(400);
    await world.settle();
    const actuals = things
      .slice(0, KNOWN)
      .map((thing, index) => ({ associationId: ids[index], actual: isYes(thing, random) ? 'yes' : 'no' }));
    const told = await world.api.request('POST', `/deployments/${world.deployment.id}/actuals`, { json: actuals });
    expect(told.status, told.text).to.be.within(200, 299);
    browser = await startBrowser(executable);
  });
  after(async () => {
    await browser?.close();
    if (browser !== null) await world.close();
  });

  beforeEach(function () {
    if (browser === null) skipBecause(this, 'Chromium is not installed (Debian package chromium)');
  });

  /** Changes the setting, and waits until predictions are made by it. */
  async function segmentBy(segments: DeploymentSegments): Promise<void> {
    const at = `/deployments/${world.deployment.id}`;
    await world.api.call('PATCH', at, 200, Deployment, { json: { settings: { segments } } });
    await until('a prediction server with the setting', async () => (await world.api.get(at, Deployment)).ready);
  }

  async function open(fragment = ''): Promise<WatchedPage> {
    if (browser === null) throw new Error('the tests are skipped without a browser');
    const watched = await browser.newPage();
    await watched.page.goto(`${world.app.server.url}/#key=${String(world.api.key)}&${fragment}`);
    return watched;
  }

  it('are reached from the start page, which says how each deployment is doing', async () => {
    const { page, complaints } = await open();
    const row = page.locator('#deployments tbody tr', { hasText: 'things' });
    await row.locator('td', { hasText: 'large colour' }).waitFor();
    const cells = await row.locator('td').allInnerTexts();
    expect(cells).to.include(String(EVENTS)).and.include('0 %');
    expect(await row.locator('svg.spark').getAttribute('aria-label')).to.include(`${EVENTS} predictions`);
    await row.locator('a', { hasText: 'things' }).click();
    await page.locator('#deployment-name', { hasText: 'things' }).waitFor();
    expect(await page.locator('#board').isVisible()).to.equal(false);
    await page.locator('#deployment-head nav a').click();
    await row.waitFor();
    expect(await page.locator('#deployment').isVisible()).to.equal(false);
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('show requests, drift and predictions, each as named images with their numbers', async () => {
    const { page, complaints, requests } = await open(`deployment=${world.deployment.id}`);
    const health = page.locator('#health');
    await health.locator('dt', { hasText: 'Rows predicted' }).waitFor();
    const factsOf = async (): Promise<string> =>
      (await health.locator('dl.facts').first().innerText()).replace(/\s+/g, ' ');
    expect(await factsOf())
      .to.include('Requests 3')
      .and.include(`Rows predicted ${EVENTS}`)
      .and.include('(4xx) 1');
    expect(await page.locator('#deployment-head').innerText()).to.include(`${EVENTS} events received by http, 0 lost`);
    const tab = (name: string) => page.locator('.tabs a', { hasText: new RegExp(`^${name}$`) }).click();

    await tab('Features');
    const first = health.locator('tbody tr').first();
    await first.locator('td', { hasText: 'colour' }).first().waitFor();
    expect(await first.innerText()).to.include('large');
    const others = await health.locator('table').first().locator('tbody tr').allInnerTexts();
    expect(others.slice(1).map((text) => text.includes('none'))).to.deep.equal([true, true]);
    await health.locator('#one-feature svg', { hasText: 'colour' }).first().waitFor();
    await health.locator('.controls select').selectOption('weight');
    await health.locator('#one-feature svg[aria-label^="weight: training and now"]').waitFor();
    await health.locator('#one-feature summary').first().click();
    expect(await health.locator('#one-feature tbody tr').count()).to.be.greaterThan(3);

    await tab('Predictions against training');
    await health.locator('svg[aria-label^="Probability: training and now"]').waitFor();
    await tab('Predictions over time');
    await health.locator('svg[aria-label^="What was predicted"]').waitFor();
    await tab('Accuracy');
    await health.locator('svg[aria-label^="logLoss over time"]').waitFor();
    expect(await factsOf())
      .to.include(`Predictions with an id ${EVENTS}`)
      .and.include(`known ${KNOWN}`);
    const ranking = await health.locator('tbody tr', { hasText: 'ranks' }).locator('td').allInnerTexts();
    expect(Number(ranking.at(-1)), 'of what came true').to.be.within(0.2, 0.8);
    await tab('Segments');
    await health.locator('svg[aria-label^="colour: training and now"]').waitFor();
    await health.locator('svg[aria-label^="Mean probability by colour over time"]').waitFor();
    const red = health.locator('tbody tr', { hasText: 'red' }).locator('td');
    expect((await red.allInnerTexts()).slice(0, 3)).to.deep.equal(['red', String(EVENTS), '100 %']);
    expect(await health.locator('tbody tr', { hasText: 'blue' }).innerText(), 'came no more').to.include('0 %');
    expect(await health.locator('.controls select').inputValue()).to.equal('colour');
    await tab('Challengers');
    await health.locator('p', { hasText: 'No challengers' }).waitFor();
    await tab('Alerts');
    await health.locator('p', { hasText: 'No alarms' }).waitFor();
    expect(await factsOf())
      .to.include('False alarms accepted a month 2')
      .and.include('Told to nobody');
    await health.locator('summary', { hasText: 'By what rules' }).click();
    expect(await health.locator('details tbody tr').count()).to.equal(3);
    await tab('Predictions over time');
    await health.locator('svg[aria-label^="What was predicted"]').waitFor();
    for (const image of await health.locator('svg').all())
      expect(await image.getAttribute('aria-label')).to.match(/\S+\. \S+/);

    await page.locator('#deployment-health > .controls select').selectOption('1');
    await page.waitForURL(/days=1/);
    await health.locator('figcaption').first().waitFor();
    expect(await page.locator('.tabs a[aria-current=page]').innerText()).to.equal('Predictions over time');
    expect(requests.some((url) => url.includes(String(world.api.key)))).to.equal(false);
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it('say what is wrong with an address', async () => {
    const { page } = await open('deployment=dep_none');
    await page.locator('#deployment-head [role=alert]', { hasText: 'dep_none' }).waitFor();
    await page.locator('#deployment-head a').click();
    await page.locator('#deployments tbody tr').first().waitFor();
    await page.close();
  });
});
