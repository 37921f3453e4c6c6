import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { startAppServer, type AppServer } from '#appserver';
import { createLogger, loadConfig } from '#runtime';
import { createStartPage } from '../../appserver/server/routes/start-page.ts';
import { installedBrowser, startBrowser, type TestBrowser } from '../support/browser.ts';
import { skipBecause } from '../support/skip.ts';

/** Nobody listens there: the banner comes from the cluster's configuration, not from the cluster. */
const NAME_NODE = '127.0.0.1:1';

describe('banner of an unsecured cluster', function () {
  this.timeout(60_000);
  let folder = '';
  let browser: TestBrowser | null = null;

  before(async function () {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-banner-'));
    const executable = installedBrowser();
    if (executable === null) skipBecause(this, 'Chromium is not installed (Debian package chromium)');
    browser = await startBrowser(executable);
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function site(name: string, properties: Readonly<Record<string, string>>): void {
    const xml = Object.entries(properties).map(
      ([key, value]) => `<property><name>${key}</name><value>${value}</value></property>`,
    );
    writeFileSync(path.join(folder, `${name}.xml`), `<configuration>${xml.join('')}</configuration>`);
  }

  async function start(flags: Readonly<Record<string, string>>): Promise<AppServer> {
    const dataDir = mkdtempSync(path.join(folder, 'data-'));
    const { config } = loadConfig({ env: {}, flags: { dataDir, 'server.port': 0, ...flags } });
    const logger = createLogger({ program: 'test', write: () => undefined });
    return startAppServer(config, { logger, pages: createStartPage(), checkAnswers: true });
  }

  /** Texts on top of the page, before anybody has signed in. */
  async function bannersOf(server: AppServer): Promise<readonly string[]> {
    if (browser === null) throw new Error('the tests are skipped without a browser');
    const { page, complaints } = await browser.newPage();
    await page.goto(server.url);
    await page.locator('#version', { hasText: 'version' }).waitFor();
    const banners = await page.locator('#warnings p').allInnerTexts();
    expect(await page.locator('#warnings').isVisible()).to.equal(banners.length > 0);
    expect(complaints).to.deep.equal([]);
    await page.close();
    return banners;
  }

  it('is shown to everybody where objects lie in a cluster without Kerberos', async () => {
    site('core-site', { 'fs.defaultFS': `hdfs://${NAME_NODE}` });
    site('hdfs-site', { 'dfs.namenode.http-address': NAME_NODE });
    site('yarn-site', { 'yarn.resourcemanager.webapp.address': NAME_NODE });
    const server = await start({ 'objectStore.driver': 'hdfs', 'hadoop.confDir': folder });
    try {
      const [banner = ''] = await bannersOf(server);
      expect(banner).to.match(/unsecured.*without Kerberos/);
    } finally {
      await server.close();
    }
  });

  it('is not shown where no cluster is used', async () => {
    const server = await start({ 'hadoop.confDir': folder });
    try {
      expect(await bannersOf(server)).to.deep.equal([]);
    } finally {
      await server.close();
    }
  });
});
