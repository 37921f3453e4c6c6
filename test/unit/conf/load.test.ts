import { expect } from 'chai';
import { isAppError } from '#contracts';
import { configFlags, configKeys, configReference, describeConfig, loadConfig, type ConfigKey } from '#runtime';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A value that differs from the default and is allowed, as text. */
function otherValue(entry: ConfigKey): string {
  if (entry.key === 'log.level') return 'debug';
  if (entry.key.endsWith('database.client')) return 'postgres';
  if (entry.key === 'objectStore.driver') return 'hdfs';
  if (entry.key === 'compute.driver') return 'yarn';
  if (entry.key === 'yarn.viaJar') return 'never';
  if (entry.key === 'autopilot.insights') return 'none';
  if (entry.key === 'server.plainHttp') return 'anywhere';
  if (entry.key === 'telemetry.transport') return 'kafka';
  if (entry.key === 'monitor.archive') return 'off';
  if (entry.key === 'telemetry.kafka.tls') return 'off';
  if (entry.key === 'alerts.mail.tls') return 'on';
  if (entry.key === 'telemetry.kafka.mechanism') return 'SCRAM-SHA-512';
  if (entry.type === 'integer') return String(Number(entry.default) + 1);
  return entry.type === 'list' ? 'one,two' : '/somewhere/else';
}

function at(config: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((node, part) => (node as Record<string, unknown>)[part], config);
}

const message = (run: () => unknown): string => {
  try {
    run();
  } catch (err) {
    expect(isAppError(err, 'CONFIG_INVALID'), String(err)).to.equal(true);
    return (err as Error).message;
  }
  throw new Error('nothing was thrown');
};

describe('configuration', () => {
  const keys = configKeys();

  it('has a description, a default and one environment variable for every key', () => {
    expect(keys.length).to.be.greaterThan(40);
    for (const entry of keys) {
      expect(entry.description, entry.key).to.not.equal('');
      expect(entry.default, entry.key).to.not.equal(undefined);
      expect(entry.env, entry.key).to.match(/^TRAINYARD_[A-Z0-9_]+$/);
    }
    expect(new Set(keys.map(({ env }) => env)).size).to.equal(keys.length);
  });

  for (const entry of keys) {
    it(`takes ${entry.key} from environment and flag`, () => {
      const text = otherValue(entry);
      const wanted = entry.type === 'integer' ? Number(text) : entry.type === 'list' ? ['one', 'two'] : text;
      const resolved = entry.key === 'ingest.pathRoots' ? ['/w/one', '/w/two'] : wanted;
      const byEnv = loadConfig({ env: { [entry.env]: text }, cwd: '/w' });
      const byFlag = loadConfig({ env: {}, flags: { [entry.key]: text }, cwd: '/w' });
      expect(at(byEnv.config, entry.key)).to.deep.equal(resolved);
      expect(at(byFlag.config, entry.key)).to.deep.equal(resolved);
      expect(byEnv.origins.get(entry.key)).to.equal('environment');
      expect(byFlag.origins.get(entry.key)).to.equal('flag');
    });
  }

  it('lets flags win over environment, environment over file, file over default', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-config-'));
    try {
      const file = path.join(folder, 'trainyard.json');
      writeFileSync(file, JSON.stringify({ server: { port: 1, host: '127.0.0.2' }, queue: { leaseMs: 1 } }));
      const env = { TRAINYARD_SERVER_PORT: '2', TRAINYARD_SERVER_HOST: '127.0.0.3' };
      const { config, origins } = loadConfig({ file, env, flags: { 'server.port': '3' } });
      expect([config.server.port, config.server.host, config.queue.leaseMs, config.queue.beatMs]).to.deep.equal([
        3,
        '127.0.0.3',
        1,
        10_000,
      ]);
      expect(
        ['server.port', 'server.host', 'queue.leaseMs', 'queue.beatMs'].map((key) => origins.get(key)),
      ).to.deep.equal(['flag', 'environment', 'file', 'default']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('puts everything without a place of its own under dataDir', () => {
    const { config } = loadConfig({ env: {}, flags: { dataDir: 'd' }, cwd: '/w' });
    expect(config.dataDir).to.equal('/w/d');
    expect(config.database.file).to.equal('/w/d/trainyard.db');
    expect(config.objectStore.root).to.equal('/w/d/objects');
    expect(config.predictionServer.cacheDir).to.equal('/w/d/prediction-server');
  });

  it('refuses what it does not know, naming the key and what was found', () => {
    expect(message(() => loadConfig({ env: { TRAINYARD_SERVER_PROT: '1' } }))).to.contain('TRAINYARD_SERVER_PROT');
    expect(message(() => loadConfig({ env: {}, flags: { 'server.prot': '1' } }))).to.contain('server.prot');
    expect(message(() => loadConfig({ env: {}, flags: { 'server.port': '70000' } })))
      .to.contain('/server/port')
      .and.contain('70000');
    expect(message(() => loadConfig({ env: {}, flags: { 'server.port': 'eighty' } }))).to.contain('"eighty"');
    expect(message(() => loadConfig({ env: {}, flags: { 'database.client': 'oracle' } }))).to.contain(
      'sqlite, postgres',
    );
    expect(message(() => loadConfig({ env: {}, file: '/nowhere/trainyard.json' }))).to.contain(
      '/nowhere/trainyard.json',
    );
  });

  it('reads dotted flags in both forms', () => {
    expect(configFlags(['--server.port', '1', '--dataDir=/d', '--config', 'f.json'])).to.deep.equal({
      flags: { 'server.port': '1', dataDir: '/d' },
      file: 'f.json',
    });
    expect(message(() => configFlags(['port']))).to.contain('port is not a flag');
    expect(message(() => configFlags(['--port']))).to.contain('--port needs a value');
  });

  it('shows every value with its origin but no secret', () => {
    const loaded = loadConfig({
      env: { TRAINYARD_ADMIN_API_KEY: 'canary-1', TRAINYARD_DATABASE_URL: 'postgres://u:canary-2@h/d' },
    });
    const text = describeConfig(loaded).join('\n');
    expect(text).to.contain('server.adminApiKey = (hidden) (environment)');
    expect(text).to.not.match(/canary/);
    expect(text.split('\n').length).to.equal(keys.length);
  });

  it('is documented in docs/config.md', () => {
    expect(readFileSync(new URL('../../../docs/config.md', import.meta.url), 'utf8')).to.equal(configReference());
  });
});
