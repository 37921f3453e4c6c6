import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { AlertMessage } from '#contracts';
import { createLogger, KEY_FILES, loadConfig, type Config } from '#runtime';
import { followTopic, openKafkaProducer } from '#telemetry';
import { sendMessage } from '../../../appserver/server/alerts/channels/send.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { startKafka, type KafkaBroker } from '../../support/kafka/broker.ts';
import { MissingPrerequisite } from '../../support/hadoop/prerequisites.ts';
import { until } from '../../support/processes.ts';
import { regression } from '../../support/serving/models.ts';
import { createServing, predict, untilReady } from '../../support/serving/serving.ts';
import { skipBecause } from '../../support/skip.ts';
import { TEST_KEYS_TEXT, toldBy } from '../../support/telemetry/segments.ts';

const SERVER = { name: 'server', password: 'password of the server' };
const MONITOR = { name: 'monitor', password: 'password of the monitor' };
const TOPIC = 'trainyard-telemetry';
const GROUP = 'trainyard-monitor';

describe('telemetry by a real Kafka broker, with TLS, SCRAM and ACLs', function () {
  this.timeout(120_000);
  let broker: KafkaBroker;
  let folder: string;
  const close: (() => Promise<void>)[] = [];

  before(async function () {
    // The first time fetches the broker's jars.
    this.timeout(1_200_000);
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-kafka-test-'));
    try {
      broker = await startKafka({ users: [SERVER, MONITOR] });
    } catch (err) {
      if (err instanceof MissingPrerequisite) skipBecause(this, err.message);
      throw err;
    }
    await broker.createTopic(TOPIC, 3);
    await broker.allow(SERVER.name, ['Write', 'Describe'], '--topic', TOPIC);
    await broker.allow(MONITOR.name, ['Read', 'Describe'], '--topic', TOPIC);
    await broker.allow(MONITOR.name, ['Read', 'Describe'], '--group', GROUP);
    for (const { name, password } of [SERVER, MONITOR]) writeFileSync(path.join(folder, name), password);
    writeFileSync(path.join(folder, 'wrong'), 'another password');
  });
  after(async () => {
    await broker?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const one of close.splice(0).reverse()) await one();
  });

  const flagsOf = (username: string, changes: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    'telemetry.kafka.brokers': broker.secured,
    'telemetry.kafka.caFile': broker.caFile,
    'telemetry.kafka.mechanism': 'SCRAM-SHA-512',
    'telemetry.kafka.username': username,
    'telemetry.kafka.passwordFile': path.join(folder, username),
    ...changes,
  });
  const configOf = (username: string, changes: Readonly<Record<string, string>> = {}): Config['telemetry']['kafka'] =>
    loadConfig({ env: {}, flags: flagsOf(username, changes) }).config.telemetry.kafka;

  /** Joins the group and takes what comes. */
  const join = (clientId: string, taken: { readonly by: string; readonly value: Buffer }[]) => {
    const controller = new AbortController();
    const ended = followTopic(configOf(MONITOR.name), clientId, {
      take: async (value) => void taken.push({ by: clientId, value }),
      logger: createLogger({ program: 'monitor', write: () => undefined }),
      signal: controller.signal,
    });
    const leave = async () => {
      controller.abort();
      await ended;
    };
    close.push(leave);
    return leave;
  };

  it('refuses a wrong password, an unknown authority and a name without rights, each with its reason', async () => {
    const send = async (config: Config['telemetry']['kafka']) => {
      const producer = await openKafkaProducer(config, 'test');
      try {
        await producer.send('key', Buffer.from('value'));
      } finally {
        await producer.close();
      }
    };
    const wrong = { 'telemetry.kafka.passwordFile': path.join(folder, 'wrong') };
    const password = await appErrorOf('KAFKA_REFUSED', () => send(configOf(SERVER.name, wrong)));
    expect(password.message).to.match(/authentication failed/i);
    const authority = await appErrorOf('KAFKA_UNAVAILABLE', () =>
      send(configOf(SERVER.name, { 'telemetry.kafka.caFile': '' })),
    );
    expect(authority.message).to.match(/certificate/);
    const rights = await appErrorOf('KAFKA_REFUSED', () => send(configOf(MONITOR.name)));
    expect(rights.message).to.match(/authorization failed/i);
    const lines: string[] = [];
    const controller = new AbortController();
    const reader = followTopic(configOf(SERVER.name), 'test', {
      take: async () => undefined,
      logger: createLogger({ program: 'monitor', write: (line) => lines.push(line) }),
      signal: controller.signal,
    });
    await until('a word of the reader', () => lines.length > 0);
    controller.abort();
    await reader;
    expect(lines[0]).to.match(/KAFKA_REFUSED.*authorization failed/i);
  });

  it('refuses settings that cannot work', async () => {
    const refused = async (changes: Readonly<Record<string, string>>) =>
      (await appErrorOf('CONFIG_INVALID', () => openKafkaProducer(configOf(SERVER.name, changes), 'test'))).message;
    expect(await refused({ 'telemetry.kafka.brokers': '' })).to.match(/brokers is empty/);
    expect(await refused({ 'telemetry.kafka.brokers': 'kafka' })).to.match(/expected host:port, found kafka/);
    const away = { 'telemetry.kafka.brokers': 'kafka.example:9092', 'telemetry.kafka.tls': 'off' };
    expect(await refused(away)).to.match(/off is for brokers on loopback/);
    expect(await refused({ 'telemetry.kafka.caFile': '/not/there' })).to.match(/cannot be read/);
  });

  it('takes alerts into a topic of their own', async () => {
    const topic = 'trainyard-alerts';
    await broker.createTopic(topic, 1);
    await broker.allow(SERVER.name, ['Write', 'Describe'], '--topic', topic);
    await broker.allow(MONITOR.name, ['Read', 'Describe'], '--topic', topic);
    const { config } = loadConfig({ env: {}, flags: { ...flagsOf(SERVER.name), 'alerts.kafkaTopic': topic } });
    const deployment = { id: 'dep_1', name: 'shop', modelId: 'mdl_1' };
    const of = { id: 'msg_1', type: 'alerts.test', at: '2026-12-01T00:00:00.000Z', deployment } as const;
    const message: AlertMessage = { ...of, alerts: [], alertCount: 0, text: 'shop: a test' };
    await sendMessage(config, { type: 'kafka' }, message, () => null);
    const taken: Buffer[] = [];
    const controller = new AbortController();
    const reading = followTopic({ ...configOf(MONITOR.name), topic }, 'reader', {
      take: async (value) => void taken.push(value),
      logger: createLogger({ program: 'reader', write: () => undefined }),
      signal: controller.signal,
    });
    await until('the alert', () => taken.length > 0, 30_000);
    controller.abort();
    await reading;
    expect(taken.map((value) => JSON.parse(value.toString()) as unknown)).to.deep.equal([message]);
  });

  it('delivers every event once or more while the broker is killed and members of the group come and go', async () => {
    const serving = await createServing();
    close.push(() => serving.close());
    writeFileSync(path.join(serving.dataDir, 'keys', KEY_FILES.telemetryKeys), TEST_KEYS_TEXT);
    serving.deploy(serving.model('mdl_1', regression()));
    const server = await serving.start({
      ...flagsOf(SERVER.name),
      'telemetry.transport': 'kafka',
      'telemetry.segmentMs': '50',
    });
    await untilReady(server);
    const taken: { readonly by: string; readonly value: Buffer }[] = [];
    const leaveFirst = join('first', taken);
    let answered = 0;
    let isOver = false;
    const clients = Array.from({ length: 2 }, async () => {
      while (!isOver) {
        if ((await predict(server, { age: answered % 40 })).status !== 200) throw new Error('a prediction failed');
        answered += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    await until('first messages', () => taken.length > 3);
    const leaveSecond = join('second', taken);
    // One server's segments are of one topic partition, which one member has.
    await leaveFirst();
    await until('messages of the second', () => taken.some(({ by }) => by === 'second'), 60_000);
    await broker.daemon.kill();
    const before = answered;
    await until('answers without a broker', () => answered > before + 100);
    await broker.daemon.start();
    const back = taken.length;
    await until('messages again', () => taken.length > back + 3, 60_000);
    join('third', taken);
    await leaveSecond();
    await until('messages of the third', () => taken.some(({ by }) => by === 'third'), 60_000);
    isOver = true;
    await Promise.all(clients);
    const idsOf = () => new Set(toldBy(taken.map(({ value }) => value)).ids);
    await until('all events', () => idsOf().size >= answered + 1, 60_000);
    const numbers = [...idsOf()].map((id) => Number(id.split('-')[1])).sort((a, b) => a - b);
    expect(numbers).to.deep.equal(numbers.map((_, index) => index));
    expect(serving.log.filter(({ event }) => event === 'telemetry_away')).to.have.length(1);
    expect(serving.log.filter(({ event }) => event === 'telemetry_back')).to.have.length(1);
  });
});
