import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { startAppServer } from '#appserver';
import { isAppError } from '#contracts';
import { createLogger, loadConfig } from '#runtime';
import { Api } from '../../support/api.ts';

describe('app server: start', () => {
  let dataDir = '';
  const log: string[] = [];
  beforeEach(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-start-'));
    log.length = 0;
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  const start = (flags: Readonly<Record<string, unknown>> = {}) => {
    const { config } = loadConfig({ env: {}, flags: { dataDir, 'server.port': 0, ...flags } });
    return startAppServer(config, { logger: createLogger({ program: 'test', write: (line) => log.push(line) }) });
  };
  const refusal = async (flags: Readonly<Record<string, unknown>>): Promise<string> => {
    try {
      await (await start(flags)).close();
    } catch (err) {
      if (isAppError(err, 'CONFIG_INVALID')) return err.message;
      throw err;
    }
    throw new Error('it started');
  };

  it('makes the first administrator’s key once and keeps it in a private file', async () => {
    const first = await start();
    const file = path.join(dataDir, 'admin.key');
    const key = readFileSync(file, 'utf8').trim();
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(first.admin).to.deep.equal({ keyFile: file, newKey: key });
    expect((await new Api(first.url, key).request('GET', '/me')).json).to.include({ role: 'admin' });
    await first.close();
    expect(log.join('')).to.not.include(key);
    const second = await start();
    expect(second.admin.newKey).to.equal(null);
    expect((await new Api(second.url, key).request('GET', '/me')).status).to.equal(200);
    await second.close();
    const third = await start({ 'server.adminApiKey': 'chosen-by-the-operator!' });
    expect((await new Api(third.url, 'chosen-by-the-operator!').request('GET', '/me')).status).to.equal(200);
    expect((await new Api(third.url, key).request('GET', '/me')).status, 'the old key is replaced').to.equal(401);
    await third.close();
  });

  it('refuses an address that needs TLS, a port that is taken, a key that is too short', async () => {
    expect(await refusal({ 'server.host': '0.0.0.0' })).to.include('loopback');
    expect(await refusal({ 'server.adminApiKey': 'short' })).to.include('at least 8');
    const running = await start();
    const port = Number(new URL(running.url).port);
    expect(await refusal({ 'server.port': port, 'database.file': path.join(dataDir, 'other.db') })).to.include(
      'EADDRINUSE',
    );
    await running.close();
  });

  it('is not healthy before what it needs has come', async () => {
    const server = await start();
    const problem = await new Api(server.url, null).refused('GET', '/health', {
      status: 503,
      code: 'SERVER_UNAVAILABLE',
      says: ['worker'],
    });
    expect(problem.errors.map((error) => error.path)).to.deep.equal(['/checks/worker']);
    await server.close();
  });
});
