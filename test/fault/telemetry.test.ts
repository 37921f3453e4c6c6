import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { TELEMETRY_INBOX } from '#contracts';
import { startMonitor, type RunningMonitor } from '#monitor';
import { FileObjectStore } from '#object-store';
import { createLogger, KEY_FILES, loadConfig, randomHex } from '#runtime';
import { telemetryTotals, type TelemetryTotals } from '#store';
import { openKafkaProducer, sealSegment, telemetryKeys } from '#telemetry';
import { startProxy, type Proxy } from '../support/faults/proxy.ts';
import { MissingPrerequisite } from '../support/hadoop/prerequisites.ts';
import { startKafka, type KafkaBroker } from '../support/kafka/broker.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { until } from '../support/processes.ts';
import { regression } from '../support/serving/models.ts';
import { createServing, predict, untilReady, type Server, type Serving } from '../support/serving/serving.ts';
import { skipBecause } from '../support/skip.ts';
import { eventFrames, TEST_KEYS_TEXT } from '../support/telemetry/segments.ts';

/** How long everything is away, seconds; the five minutes by `TRAINYARD_AWAY_SECONDS=300`. */
const AWAY_SECONDS = Number(process.env['TRAINYARD_AWAY_SECONDS'] ?? 30);
const REQUESTS_PER_SECOND = 200;
/** How long what has waited may take to be counted. */
const COUNTED_MS = 120_000;
/** Fewest answers a second that count as going on, on a machine with other work. */
const ANSWERS_MIN = 20;
/** Messages of each kind that are not ours. */
const SPOOFED = 20;
const SMALL_DISK_BYTES = 6 * 1024 ** 2;
/** What the spool may still take. */
const ROOM_LEFT_BYTES = 64 * 1024;

/** Clients that ask at a steady rate, whatever becomes of their requests. */
interface Load {
  answered(): number;
  /** What went wrong, each once. */
  readonly failures: Set<string>;
  /** No more requests; those under way are waited for. */
  stop(): Promise<void>;
}

function ask(server: Server): Load {
  const failures = new Set<string>();
  const open = new Set<Promise<void>>();
  let [answered, sent] = [0, 0];
  const startedMs = performance.now();
  const one = async (): Promise<void> => {
    try {
      const { status, text } = await predict(server, { age: sent % 40, color: 'red' });
      if (status === 200) answered += 1;
      else failures.add(`${status} ${text}`);
    } catch (err) {
      failures.add(String(err));
    }
  };
  const timer = setInterval(() => {
    // No more than a machine with other work answers: never 429 for that.
    const due = Math.min(((performance.now() - startedMs) / 1000) * REQUESTS_PER_SECOND, sent + 20);
    for (; sent < due && open.size < 50; sent += 1) {
      const request = one().finally(() => open.delete(request));
      open.add(request);
    }
  }, 5);
  return {
    answered: () => answered,
    failures,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}

/** Prediction server, monitoring store behind a proxy, and monitors, of one test. */
class TelemetryLab {
  readonly serving: Serving;
  readonly proxy: Proxy;
  readonly #stores: TestDatabase;
  readonly #log: string[] = [];
  readonly #objects: FileObjectStore;
  #monitor: RunningMonitor | null = null;
  #taken = 0;

  private constructor(serving: Serving, proxy: Proxy, stores: TestDatabase) {
    this.serving = serving;
    this.proxy = proxy;
    this.#stores = stores;
    this.#objects = new FileObjectStore(path.join(serving.dataDir, 'objects'));
  }

  static async open(): Promise<TelemetryLab> {
    const stores = await createDatabase();
    const proxy = await startProxy(Number(new URL(stores.url).port));
    const serving = await createServing();
    writeFileSync(path.join(serving.dataDir, 'keys', KEY_FILES.telemetryKeys), TEST_KEYS_TEXT);
    serving.deploy(serving.model('mdl_1', regression()));
    return new TelemetryLab(serving, proxy, stores);
  }

  async close(): Promise<void> {
    this.proxy.turn({ kind: 'clear' });
    await this.#monitor?.close();
    await this.serving.close();
    await this.proxy.close();
    await this.#stores.close();
  }

  async watch(flags: Readonly<Record<string, string>>): Promise<RunningMonitor> {
    const url = new URL(this.#stores.url);
    url.port = String(this.proxy.port);
    const { config } = loadConfig({
      env: {},
      flags: {
        ...{ dataDir: this.serving.dataDir, 'monitor.database.client': 'postgres', 'monitor.database.url': url.href },
        ...{ 'predictionServer.appServerUrl': this.serving.app.url, 'monitor.pollMs': '100' },
        ...{ 'database.statementTimeoutMs': '5000', ...flags },
      },
    });
    const write = (line: string): void => void this.#log.push(line);
    this.#monitor = await startMonitor(config, createLogger({ program: 'monitor', write }));
    return this.#monitor;
  }

  /** Does as the app server does with segments that came by POST. */
  async keepPosted(): Promise<void> {
    const { segments } = this.serving.app;
    for (; this.#taken < segments.length; this.#taken += 1)
      await this.#objects.write(
        `${TELEMETRY_INBOX}/posted/${this.#taken}.seg`,
        segments[this.#taken] ?? Buffer.alloc(0),
      );
  }

  /** Until so many events are counted or told as lost, and none is missing. */
  untilKnown({ database }: RunningMonitor, count: number): Promise<TelemetryTotals> {
    const enough = async () => {
      await this.keepPosted();
      const totals = await telemetryTotals(database).catch(() => null);
      const lost = Object.values(totals?.lost ?? {}).reduce((sum, part) => sum + part, 0);
      return totals !== null && totals.events + lost >= count && totals.missing === 0 ? totals : null;
    };
    return until(`${count} events; ${this.#log.slice(-3).join('')}`, enough, COUNTED_MS);
  }
}

const HTTP = { 'telemetry.transport': 'http', 'telemetry.segmentMs': '200', 'predictionServer.waitMsMax': '60000' };

/** Everything but the prediction server goes and comes back. No prediction fails, each is counted once. */
async function expectNothingLost(
  lab: TelemetryLab,
  flags: Readonly<Record<string, string>>,
  broker: KafkaBroker | null,
): Promise<void> {
  const { serving, proxy } = lab;
  const server = await serving.startProgram(flags);
  await untilReady(server);
  const monitor = await lab.watch(flags);
  const load = ask(server);
  await until('first events', async () => (await lab.keepPosted(), monitor.counted() > 50), 60_000);
  await serving.app.stop();
  await broker?.daemon.kill();
  proxy.turn({ kind: 'partition' });
  const before = load.answered();
  await sleep(AWAY_SECONDS * 1000);
  expect(load.answered(), 'answers meanwhile').to.be.greaterThan(before + AWAY_SECONDS * ANSWERS_MIN);
  await serving.app.listen();
  await broker?.daemon.start();
  proxy.turn({ kind: 'clear' });
  await sleep(1_000);
  await load.stop();
  expect([...load.failures]).to.deep.equal([]);
  const totals = await lab.untilKnown(monitor, load.answered() + 1);
  expect(totals).to.deep.include({ events: load.answered() + 1, lost: {}, missing: 0, refused: {} });
}

describe('faults: telemetry by POST', function () {
  this.timeout(AWAY_SECONDS * 1000 + 400_000);
  let lab: TelemetryLab;
  beforeEach(async () => {
    lab = await TelemetryLab.open();
  });
  afterEach(() => lab.close());

  it(`app server and database away together for ${AWAY_SECONDS} s: no prediction fails, each is counted once`, () =>
    expectNothingLost(lab, HTTP, null));

  it('the disk of the spool full while nothing can be sent: no prediction fails, each is counted or told as lost', async function () {
    const { serving } = lab;
    const spoolDir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-spool-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK_BYTES}`, 'tmpfs', spoolDir], { stdio: 'ignore' });
    } catch {
      rmSync(spoolDir, { recursive: true });
      skipBecause(this, 'mounting a small file system is not permitted here');
    }
    try {
      const flags = { ...HTTP, 'telemetry.spoolDir': spoolDir };
      const server = await serving.startProgram(flags);
      await untilReady(server);
      await until('the first segment', () => serving.app.segments.length > 0);
      await serving.app.stop();
      const filler = path.join(spoolDir, 'filler');
      const freeBytes = () => statfsSync(spoolDir).bavail * statfsSync(spoolDir).bsize;
      writeFileSync(filler, Buffer.alloc(freeBytes() - ROOM_LEFT_BYTES, 1));
      const load = ask(server);
      await until('the disk is full', () => freeBytes() < 8_192, 120_000);
      const full = load.answered();
      await until('many more answers', () => load.answered() > full + 500, 60_000);
      rmSync(filler);
      const freed = load.answered();
      await until('answers on a disk with room', () => load.answered() > freed + 100, 60_000);
      await load.stop();
      expect([...load.failures]).to.deep.equal([]);
      await serving.app.listen();
      await server.close();
      // What is left is delivered by its next life.
      const next = await serving.startProgram(flags);
      const totals = await lab.untilKnown(await lab.watch(flags), load.answered() + 1);
      expect(totals.lost['disk'], 'some were lost').to.be.greaterThan(100);
      expect(totals.events + (totals.lost['disk'] ?? 0)).to.equal(load.answered() + 1);
      await next.close();
    } finally {
      execFileSync('umount', ['--lazy', spoolDir]);
      rmSync(spoolDir, { recursive: true });
    }
  });
});

describe('faults: telemetry by Kafka', function () {
  this.timeout(AWAY_SECONDS * 1000 + 400_000);
  let broker: KafkaBroker;
  let lab: TelemetryLab;
  let topics = 0;

  before(async function () {
    // The first time fetches the broker's jars.
    this.timeout(1_200_000);
    try {
      broker = await startKafka();
    } catch (err) {
      if (err instanceof MissingPrerequisite) skipBecause(this, err.message);
      throw err;
    }
  });
  after(() => broker?.close());
  beforeEach(async () => {
    topics += 1;
    await broker.createTopic(`telemetry-${topics}`, 3);
    lab = await TelemetryLab.open();
  });
  afterEach(() => lab.close());

  const flags = (): Record<string, string> => ({
    ...HTTP,
    'telemetry.transport': 'kafka',
    'telemetry.kafka.brokers': broker.plain,
    'telemetry.kafka.tls': 'off',
    'telemetry.kafka.topic': `telemetry-${topics}`,
    'telemetry.kafka.groupId': `group-${topics}`,
  });

  it(`app server, database and Kafka away together for ${AWAY_SECONDS} s: no prediction fails, each is counted once`, () =>
    expectNothingLost(lab, flags(), broker));

  it('a broker that is killed again and again while segments are sent: each event is counted once', async () => {
    const server = await lab.serving.startProgram(flags());
    await untilReady(server);
    const monitor = await lab.watch(flags());
    const load = ask(server);
    for (let time = 0; time < 3; time += 1) {
      const from = monitor.counted();
      await until('events are counted', () => monitor.counted() > from + 100, 90_000);
      await broker.daemon.kill();
      await broker.daemon.start();
    }
    await load.stop();
    expect([...load.failures]).to.deep.equal([]);
    const totals = await lab.untilKnown(monitor, load.answered() + 1);
    expect(totals).to.deep.include({ events: load.answered() + 1, lost: {}, missing: 0, refused: {} });
  });

  it('messages that nobody of ours has signed, or that are none, are counted and dropped', async () => {
    const server = await lab.serving.startProgram(flags());
    await untilReady(server);
    const monitor = await lab.watch(flags());
    const { config } = loadConfig({ env: {}, flags: flags() });
    const producer = await openKafkaProducer(config.telemetry.kafka, 'somebody');
    const facts = { serverId: 'ps_1', segment: 0, firstNumber: 0, endNumber: 1, createdAtMs: 1 };
    const frames = eventFrames(0, [{ value: 1, age: 1, color: 'red' }]);
    const foreign = telemetryKeys('a-key-that-somebody-else-has-made');
    for (let time = 0; time < SPOOFED; time += 1) {
      const epoch = randomHex(16);
      await producer.send(epoch, await sealSegment({ ...facts, epoch }, frames, foreign));
      await producer.send(epoch, Buffer.from('nothing of the kind'));
    }
    await producer.close();
    const load = ask(server);
    await until('some answers', () => load.answered() > 200, 60_000);
    await load.stop();
    expect((await lab.untilKnown(monitor, load.answered() + 1)).events).to.equal(load.answered() + 1);
    await until('all of them', async () => {
      const { refused } = await telemetryTotals(monitor.database);
      return refused['TELEMETRY_SIGNATURE'] === SPOOFED && refused['TELEMETRY_INVALID'] === SPOOFED;
    });
  });
});
