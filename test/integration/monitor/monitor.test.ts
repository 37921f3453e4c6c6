import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { TELEMETRY_INBOX, type EventSchema } from '#contracts';
import { FileObjectStore } from '#object-store';
import { KEY_FILES, loadConfig, type Config } from '#runtime';
import { openDatabase, readHours, telemetryTotals, type TelemetryTotals } from '#store';
import { sealSegment } from '#telemetry';
import type { FeatureStateData } from '#statistics';
import { MonitorPrograms } from '../../support/monitor-programs.ts';
import { until } from '../../support/processes.ts';
import { startFakeAppServer, TOKEN, type FakeAppServer } from '../../support/serving/fake-app-server.ts';
import {
  createSigner,
  FEATURES,
  makeModel,
  makeRecord,
  regression,
  sha256,
  signedModel,
} from '../../support/serving/models.ts';
import { eventFrames, TEST_KEYS, TEST_KEYS_TEXT, TEST_SCHEMA } from '../../support/telemetry/segments.ts';

const SEGMENTS = 12;
const EVENTS = 40;

describe('monitor', function () {
  this.timeout(60_000);
  let app: FakeAppServer;
  let dataDir: string;
  let config: Config;
  let store: FileObjectStore;
  let schema: EventSchema;
  const programs = new MonitorPrograms();

  beforeEach(async () => {
    const signer = createSigner();
    app = await startFakeAppServer(signer.publicKey);
    dataDir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-monitor-'));
    mkdirSync(path.join(dataDir, 'keys'));
    writeFileSync(path.join(dataDir, 'keys', KEY_FILES.predictionServerToken), TOKEN);
    writeFileSync(path.join(dataDir, 'keys', KEY_FILES.telemetryKeys), TEST_KEYS_TEXT);
    ({ config } = loadConfig({ env: {}, flags: { dataDir } }));
    store = new FileObjectStore(config.objectStore.root);
    const made = makeModel(signer, 'mdl_1', regression());
    const manifest = JSON.parse(Buffer.from(made.manifest).toString()) as { trainingStatistics: object[] };
    const place = FEATURES.findIndex(({ name }) => name === 'age');
    const bins = { edges: [0, 20, 40, 60], counts: [1, 1, 1], topValues: null };
    manifest.trainingStatistics = [{ feature: place, rowCount: 3, missingCount: 0, ...bins }];
    const bytes = Buffer.from(JSON.stringify(manifest));
    const model = signedModel(signer, 'mdl_1', bytes, made.blob);
    app.models.set('mdl_1', model);
    // What deployments that are gone have predicted is forgotten.
    app.publish({ deployments: [makeRecord(signer, model)] });
    schema = { ...TEST_SCHEMA, manifestSha256: sha256(bytes) };
  });
  afterEach(async () => {
    await programs.killAll();
    await app.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const start = (failpoints = ''): ChildProcess => {
    const flags = { dataDir, 'monitor.pollMs': '50', 'predictionServer.appServerUrl': app.url };
    return programs.start(flags, failpoints);
  };
  const end = (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => programs.end(child, signal);
  const deliver = async (segment: number): Promise<void> => {
    const epoch = 'cd'.repeat(16);
    const events = Array.from({ length: EVENTS }, (_, i) => ({ value: i, age: (i * 7) % 60, color: 'red' }));
    const first = segment * EVENTS;
    const facts = { serverId: 'ps_1', epoch, segment, firstNumber: first, endNumber: first + EVENTS, createdAtMs: 1 };
    const sealed = await sealSegment(
      facts,
      eventFrames(first, events, { schema, timeMs: 3_600_000 * 480_000 }),
      TEST_KEYS,
    );
    await store.write(`${TELEMETRY_INBOX}/${epoch}/${segment}.seg`, sealed);
  };
  const isEmpty = async (): Promise<boolean> => (await Array.fromAsync(store.list(TELEMETRY_INBOX))).length === 0;
  const read = async (): Promise<{ totals: TelemetryTotals; ages: FeatureStateData }> => {
    const { poolMax, statementTimeoutMs } = config.database;
    const database = await openDatabase({ ...config.monitor.database, poolMax, statementTimeoutMs, readOnly: true });
    try {
      const hours = await readHours(database, 'dep_1', { from: 0, to: Number.MAX_SAFE_INTEGER });
      const state = hours[0]?.features.find(({ feature }) => feature === 'age')?.state;
      return { totals: await telemetryTotals(database), ages: state as FeatureStateData }; // written by the monitor
    } finally {
      await database.close();
    }
  };
  const expectAll = async (duplicates: number): Promise<void> => {
    const { totals, ages } = await read();
    expect(totals).to.deep.include({ events: SEGMENTS * EVENTS, lost: {}, missing: 0, refused: {} });
    expect(totals.duplicates).to.equal(duplicates);
    const expected = [0, 0, 0];
    for (let i = 0; i < EVENTS; i += 1)
      expected[Math.floor(((i * 7) % 60) / 20)] = (expected[Math.floor(((i * 7) % 60) / 20)] ?? 0) + SEGMENTS;
    expect(ages.histogram?.counts).to.deep.equal(expected);
  };

  it('takes what app servers keep, with the training statistics of the model, and stops in order', async () => {
    const monitor = start();
    for (let segment = 0; segment < SEGMENTS; segment += 1) await deliver(segment);
    await until('an empty inbox', isEmpty);
    await end(monitor, 'SIGTERM');
    expect(monitor.exitCode).to.equal(0);
    await expectAll(0);
    expect(app.downloads).to.deep.equal(
      ['manifest', 'prediction-spread'].map((part) => `/internal/v1/models/mdl_1/${part}`),
    );
  });

  for (const [point, duplicates] of [
    ['beforeHours', 0],
    ['beforeCommit', 0],
    ['afterCommit', EVENTS],
    ['beforeDelete', EVENTS],
  ] as const) {
    it(`loses and doubles nothing when it is killed at ${point}`, async () => {
      for (let segment = 0; segment < SEGMENTS; segment += 1) await deliver(segment);
      const killed = start(`monitor.${point}=kill@5`);
      await once(killed, 'exit');
      expect(killed.signalCode).to.equal('SIGKILL');
      start();
      await until('an empty inbox', isEmpty);
      await expectAll(duplicates);
    });
  }

  it('counts once when two monitors take from one inbox', async () => {
    const monitors = [start(), start()];
    for (let segment = 0; segment < SEGMENTS; segment += 1) await deliver(segment);
    await until('an empty inbox', isEmpty);
    for (const monitor of monitors) await end(monitor, 'SIGTERM');
    const { totals } = await read();
    await expectAll(totals.duplicates);
  });

  it('waits for the app server where it does not know a model, and needs it no more afterwards', async () => {
    await app.stop();
    await deliver(0);
    const first = start();
    await until('its store', () =>
      read()
        .then(({ totals }) => totals.events === 0)
        .catch(() => false),
    );
    await app.listen();
    await until('an empty inbox', isEmpty);
    await end(first, 'SIGTERM');
    await app.stop();
    start();
    for (let segment = 1; segment < SEGMENTS; segment += 1) await deliver(segment);
    await until('an empty inbox', isEmpty);
    await expectAll(0);
  });
});
