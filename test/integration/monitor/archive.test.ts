import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import { TELEMETRY_ARCHIVE, TELEMETRY_INBOX, type EventSchema } from '#contracts';
import { FileObjectStore } from '#object-store';
import { KEY_FILES, loadConfig, type Config } from '#runtime';
import { archivedEvents, openDatabase, telemetryTotals, waitingTotals, type Database } from '#store';
import { sealSegment } from '#telemetry';
import { MonitorPrograms } from '../../support/monitor-programs.ts';
import { until } from '../../support/processes.ts';
import { startFakeAppServer, TOKEN, type FakeAppServer } from '../../support/serving/fake-app-server.ts';
import { createSigner, makeRecord, type TestSigner } from '../../support/serving/models.ts';
import { eventFrames, TEST_KEYS, TEST_KEYS_TEXT, TEST_SCHEMA } from '../../support/telemetry/segments.ts';

const SEGMENTS = 8;
const EVENTS = 30;
const EPOCH = 'cd'.repeat(16);
const DAY_MS = 86_400_000;
/** Two days of the segments: today and the day before. */
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2;
const DAYS = [NOON, NOON + DAY_MS].map((timeMs) => new Date(timeMs).toISOString().slice(0, 10));

describe('monitor: archive of events', function () {
  this.timeout(90_000);
  let app: FakeAppServer;
  let signer: TestSigner;
  let dataDir: string;
  let config: Config;
  let store: FileObjectStore;
  const programs = new MonitorPrograms();

  beforeEach(async () => {
    signer = createSigner();
    app = await startFakeAppServer(signer.publicKey);
    publish('dep_1', 'dep_2');
    dataDir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-archive-'));
    mkdirSync(path.join(dataDir, 'keys'));
    writeFileSync(path.join(dataDir, 'keys', KEY_FILES.predictionServerToken), TOKEN);
    writeFileSync(path.join(dataDir, 'keys', KEY_FILES.telemetryKeys), TEST_KEYS_TEXT);
    ({ config } = loadConfig({ env: {}, flags: { dataDir } }));
    store = new FileObjectStore(config.objectStore.root);
  });
  afterEach(async () => {
    await programs.killAll();
    await app.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const publish = (...ids: string[]): void => {
    const model = { modelId: 'mdl_1', manifestSha256: 'a'.repeat(64) };
    app.publish({ deployments: ids.map((deploymentId) => makeRecord(signer, model, { deploymentId })) });
  };
  const start = (failpoints = '', more: Readonly<Record<string, string>> = {}): ChildProcess => {
    const flags = {
      ...{
        dataDir,
        'monitor.pollMs': '50',
        'monitor.archiveMs': '200',
        'monitor.retentionMs': '200',
        'monitor.deletedMs': '300',
      },
      ...{ 'predictionServer.appServerUrl': app.url, ...more },
    };
    return programs.start(flags, failpoints);
  };
  const end = (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => programs.end(child, signal);
  const deliver = async (
    segment: number,
    deploymentId = 'dep_1',
    time = NOON + (segment % 2) * DAY_MS,
  ): Promise<void> => {
    const first = segment * EVENTS;
    const facts = { serverId: 'ps_1', epoch: EPOCH, segment, firstNumber: first, endNumber: first + EVENTS };
    const schema: EventSchema = { ...TEST_SCHEMA, deploymentId };
    const events = Array.from({ length: EVENTS }, (_, i) => ({
      ...{ value: first + i + 0.5, age: i % 7 === 0 ? NaN : i, color: i % 2 === 0 ? 'red' : 'green' },
      ...(i % 3 === 0 ? { associationId: `order ${first + i}` } : {}),
    }));
    const frames = eventFrames(first, events, { schema, timeMs: time });
    await store.write(
      `${TELEMETRY_INBOX}/${EPOCH}/${segment}.seg`,
      await sealSegment({ ...facts, createdAtMs: 1 }, frames, TEST_KEYS),
    );
  };
  const look = async <T>(of: (database: Database) => Promise<T>): Promise<T> => {
    const { poolMax, statementTimeoutMs } = config.database;
    const database = await openDatabase({ ...config.monitor.database, poolMax, statementTimeoutMs, readOnly: true });
    try {
      return await of(database);
    } finally {
      await database.close();
    }
  };
  const archived = (id = 'dep_1') => look((database) => archivedEvents(database, id)).catch(() => 0);
  const untilArchived = (count: number) =>
    until(`${count} events in the archive`, async () => (await archived()) >= count, 60_000);
  const query = async (sql: string): Promise<unknown[][]> => {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRowsJS();
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  };
  const table = (id = 'dep_1') =>
    `read_parquet('${config.objectStore.root}/${TELEMETRY_ARCHIVE}/deployment=${id}/*/*/*.parquet', hive_partitioning = true)`;
  /** Each number once, in its day. */
  const expectExact = async (segments: number): Promise<void> => {
    const rows = await query(`select event_number, day from ${table()} order by event_number`);
    expect(
      rows.map(([number, day]) => [Number(number), day instanceof Date ? day.toISOString().slice(0, 10) : day]),
    ).to.deep.equal(
      Array.from({ length: segments * EVENTS }, (_, number) => [number, DAYS[Math.floor(number / EVENTS) % 2]]),
    );
  };

  it('has a row for each event, with what it was told, in folders of deployment, columns and day', async () => {
    start();
    for (let segment = 0; segment < 3; segment += 1) await deliver(segment);
    await untilArchived(3 * EVENTS);
    await expectExact(3);
    const columns = await query(`select column_name, column_type from (describe from ${table()})`);
    expect(columns).to.deep.equal([
      ['event_epoch', 'VARCHAR'],
      ['event_number', 'BIGINT'],
      ['event_time', 'TIMESTAMP'],
      ['event_model', 'VARCHAR'],
      ['event_association_id', 'VARCHAR'],
      ['prediction', 'DOUBLE'],
      ['age', 'DOUBLE'],
      ['color', 'VARCHAR'],
      ['day', 'DATE'],
      ['deployment', 'VARCHAR'],
      ['schema', 'VARCHAR'],
    ]);
    const [row] = await query(
      `select event_epoch, epoch_ms(event_time), event_model, event_association_id, prediction, age, color, deployment from ${table()} where event_number = 33`,
    );
    expect(row?.map((value) => (typeof value === 'bigint' ? Number(value) : value))).to.deep.equal([
      ...[EPOCH, NOON + DAY_MS, 'mdl_1', 'order 33', 33.5, 3, 'green', 'dep_1'],
    ]);
    expect(await look(waitingTotals)).to.deep.include({ segments: 0, sizeBytes: 0 });
  });

  for (const point of ['afterFill', 'afterFile', 'beforeFinish'])
    it(`has neither holes nor doubles when the monitor is killed at ${point} of the archive`, async () => {
      for (let segment = 0; segment < SEGMENTS; segment += 1) await deliver(segment);
      const killed = start(`monitor.archive.${point}=kill`);
      await once(killed, 'exit');
      expect(killed.signalCode).to.equal('SIGKILL');
      start();
      await untilArchived(SEGMENTS * EVENTS);
      await expectExact(SEGMENTS);
    });

  it('has each event once when two monitors count and archive', async () => {
    const monitors = [start(), start()];
    for (let segment = 0; segment < SEGMENTS; segment += 1) await deliver(segment);
    await untilArchived(SEGMENTS * EVENTS);
    await expectExact(SEGMENTS);
    for (const monitor of monitors) await end(monitor, 'SIGTERM');
  });

  it('forgets what is too old, and a deployment that was deleted, files first', async () => {
    const old = Date.now() - 10 * DAY_MS;
    await deliver(0, 'dep_1', old);
    await deliver(1, 'dep_1', NOON);
    await deliver(2, 'dep_2', NOON);
    const first = start('', { 'monitor.archiveDays': '30' });
    await until('all in the archive', async () => (await archived()) + (await archived('dep_2')) === 3 * EVENTS);
    await end(first, 'SIGTERM');
    start('', { 'monitor.archiveDays': '5' });
    await until('the old day to be forgotten', async () => (await archived()) === EVENTS);
    expect(await query(`select distinct day::varchar from ${table()}`)).to.deep.equal([[DAYS[0]]]);
    expect(await look(telemetryTotals), 'counts stay').to.deep.include({ events: 3 * EVENTS });
    publish('dep_1');
    await until('the deployment to be forgotten', async () => (await archived('dep_2')) === 0);
    expect(existsSync(path.join(config.objectStore.root, TELEMETRY_ARCHIVE, 'deployment=dep_2'))).to.equal(false);
    expect(await archived()).to.equal(EVENTS);
  });

  it('forgets nothing while the app server cannot say which deployments there are', async () => {
    await deliver(0);
    start();
    await untilArchived(EVENTS);
    await app.stop();
    await deliver(1);
    await untilArchived(2 * EVENTS);
    await expectExact(2);
  });
});
