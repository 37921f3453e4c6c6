/**
 * Two Kafka clients in the troubles that telemetry must live through, against a real broker:
 * `node test/bench/kafka-clients.bench.ts FOLDER [TROUBLE]`, FOLDER having `@platformatic/kafka` and `kafkajs` in its `node_modules`. One message is
 * under way at a time and is sent again until it is acknowledged, as the shipper of a prediction server does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafka } from '../support/kafka/broker.ts';
import { clientsFrom, type Access, type ClientUnderTest } from './kafka-clients/clients.ts';

const [folder, only] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node test/bench/kafka-clients.bench.ts FOLDER [TROUBLE]');
const USER = { name: 'telemetry', password: 'a password of the tests' };
const VALUE = 'x'.repeat(20_000);
process.on('unhandledRejection', (err) => console.log(`  UNHANDLED REJECTION ${String(err)}`));
process.on('uncaughtException', (err) => console.log(`  UNCAUGHT ${String(err)}`));

const broker = await startKafka({ users: [USER] });
let runs = 0;
try {
  await broker.createTopic('forbidden', 1);
  for (const client of await clientsFrom(folder)) {
    console.log(client.name);
    const plain: Access = { broker: broker.plain, secured: null };
    const secured: Access = {
      broker: broker.secured,
      secured: { caFile: broker.caFile, username: USER.name, password: USER.password },
    };
    const troubles: Readonly<Record<string, () => Promise<unknown>>> = {
      'killed, plain': () => produceThrough(client, plain, kills),
      'killed, TLS and SCRAM': () => produceThrough(client, secured, kills),
      'frozen for 15 s': () => produceThrough(client, secured, freeze),
      refusals: () => refusals(client, secured),
      'group that changes': () => group(client, secured, false),
      'group while the broker is killed': () => group(client, secured, true),
      'speed, one at a time': () => speed(client, secured),
    };
    for (const [name, run] of Object.entries(troubles)) {
      if (only !== undefined && !name.startsWith(only)) continue;
      const result = await Promise.race([run(), sleep(120_000).then(() => 'NOT DONE after 120 s')]).catch(
        (err: unknown) => `FAILED ${String(err)}`,
      );
      console.log(`  ${name}: ${JSON.stringify(result)}`);
      if (!broker.daemon.isRunning) await broker.daemon.start();
    }
  }
} finally {
  await broker.close();
}
process.exit(0);

async function topicFor(topicPartitions: number): Promise<{ topic: string; groupId: string }> {
  runs += 1;
  const names = { topic: `events-${runs}`, groupId: `monitors-${runs}` };
  await broker.createTopic(names.topic, topicPartitions);
  await broker.allow(USER.name, ['Read', 'Write', 'Describe'], '--topic', names.topic);
  await broker.allow(USER.name, ['Read', 'Describe'], '--group', names.groupId);
  return names;
}

async function kills(): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    await sleep(2_000);
    await broker.daemon.kill();
    await sleep(3_000);
    await broker.daemon.start();
  }
  await sleep(2_000);
}

async function freeze(): Promise<void> {
  await sleep(1_000);
  broker.daemon.freeze();
  await sleep(15_000);
  broker.daemon.thaw();
  await sleep(2_000);
}

interface Sent {
  readonly acknowledged: Set<string>;
  failures: number;
  longestMs: number;
  readonly errors: Map<string, number>;
}

/** Sends numbers, one every 5 ms, until the signal; each until it is acknowledged. */
async function sendUntil(client: ClientUnderTest, access: Access, topic: string, signal: AbortSignal): Promise<Sent> {
  const sent: Sent = { acknowledged: new Set(), failures: 0, longestMs: 0, errors: new Map() };
  const producer = await client.producer(access);
  for (let number = 0; !signal.aborted; number += 1) {
    const value = `${number} ${VALUE}`;
    for (;;) {
      const before = performance.now();
      const outcome = await producer.send(topic, `k${number % 7}`, value).then(
        () => null,
        (err: unknown) => err,
      );
      sent.longestMs = Math.round(Math.max(sent.longestMs, performance.now() - before));
      if (outcome === null) break;
      sent.failures += 1;
      const text = shortOf(outcome);
      sent.errors.set(text, (sent.errors.get(text) ?? 0) + 1);
      await sleep(200);
    }
    sent.acknowledged.add(String(number));
    await sleep(5);
  }
  await producer.close();
  return sent;
}

function shortOf(err: unknown): string {
  const { code, name, message } = err as { code?: string; name?: string; message?: string };
  return `${name ?? ''} ${code ?? ''} ${(message ?? String(err)).slice(0, 80)}`;
}

async function readAll(
  client: ClientUnderTest,
  access: Access,
  names: { topic: string; groupId: string },
  count: number,
): Promise<string[]> {
  const got: string[] = [];
  const consumer = await client.consumer(access, names, async ({ value }) => void got.push(value.split(' ')[0] ?? ''));
  const end = performance.now() + 30_000;
  for (let last = -1; performance.now() < end && (got.length < count || last !== got.length);) {
    last = got.length;
    await sleep(1_000);
  }
  await consumer.close();
  return got;
}

async function produceThrough(client: ClientUnderTest, access: Access, trouble: () => Promise<void>) {
  const names = await topicFor(3);
  const controller = new AbortController();
  const sending = sendUntil(client, access, names.topic, controller.signal);
  await trouble();
  controller.abort();
  const { acknowledged, failures, longestMs, errors } = await sending;
  const got = await readAll(client, { broker: broker.plain, secured: null }, names, acknowledged.size);
  const distinct = new Set(got);
  return {
    acknowledged: acknowledged.size,
    failures,
    longestMs,
    lost: [...acknowledged].filter((number) => !distinct.has(number)).length,
    duplicates: got.length - distinct.size,
    errors: Object.fromEntries(errors),
  };
}

async function refusals(client: ClientUnderTest, good: Access) {
  const secured = good.secured;
  if (secured === null) throw new Error('refusals are of the secured listener');
  const outcome = async (access: Access, topic: string) => {
    const before = performance.now();
    const text = await (async () => {
      const producer = await client.producer(access);
      try {
        await producer.send(topic, 'k', 'v');
        return 'SENT';
      } finally {
        await producer.close();
      }
    })().catch((err: unknown) => shortOf(err) + deepest(err));
    return `${text} (${Math.round(performance.now() - before)} ms)`;
  };
  const { topic } = await topicFor(1);
  return {
    password: await outcome({ ...good, secured: { ...secured, password: 'another' } }, topic),
    authority: await outcome({ ...good, secured: { ...secured, caFile: null } }, topic),
    acl: await outcome(good, 'forbidden'),
    topic: await outcome(good, 'not-there'),
    plainToTls: await outcome({ broker: broker.secured, secured: null }, topic),
  };
}

function deepest(err: unknown): string {
  const { cause, errors } = err as { cause?: unknown; errors?: readonly unknown[] };
  const next = cause ?? errors?.[0];
  return next === undefined ? '' : ` <- ${shortOf(next)}${deepest(next)}`;
}

/** Three members, one leaves, one comes, and maybe the broker dies: each message is taken once or more. */
async function group(client: ClientUnderTest, access: Access, isKilled: boolean) {
  const names = await topicFor(6);
  const controller = new AbortController();
  const sending = sendUntil(client, access, names.topic, controller.signal);
  const taken = new Map<string, number>();
  let [stillMs, lastAt] = [0, performance.now()];
  const commitErrors = new Map<string, number>();
  const join = () =>
    client.consumer(access, names, async ({ value, commit }) => {
      const number = value.split(' ')[0] ?? '';
      taken.set(number, (taken.get(number) ?? 0) + 1);
      stillMs = Math.max(stillMs, Math.round(performance.now() - lastAt));
      lastAt = performance.now();
      await commit().catch(
        (err: unknown) => void commitErrors.set(shortOf(err), (commitErrors.get(shortOf(err)) ?? 0) + 1),
      );
    });
  const first = await join();
  const second = await join();
  await sleep(2_000);
  const third = await join();
  await sleep(3_000);
  if (isKilled) {
    await broker.daemon.kill();
    await sleep(2_000);
    await broker.daemon.start();
  }
  await sleep(3_000);
  await first.close();
  await sleep(4_000);
  controller.abort();
  const { acknowledged, failures } = await sending;
  const end = performance.now() + 30_000;
  while (taken.size < acknowledged.size && performance.now() < end) await sleep(200);
  const restMs = Math.round(performance.now() - (end - 30_000));
  await second.close();
  await third.close();
  const repeated = [...taken.values()].filter((times) => times > 1).length;
  return {
    acknowledged: acknowledged.size,
    failures,
    missing: acknowledged.size - taken.size,
    repeated,
    longestStillMs: stillMs,
    restMs,
    commitErrors: Object.fromEntries(commitErrors),
  };
}

async function speed(client: ClientUnderTest, access: Access) {
  const { topic } = await topicFor(3);
  const producer = await client.producer(access);
  const big = 'y'.repeat(200_000);
  for (let index = 0; index < 50; index += 1) await producer.send(topic, 'k', big);
  const [before, cpu] = [performance.now(), process.cpuUsage()];
  for (let index = 0; index < 300; index += 1) await producer.send(topic, 'k', big);
  const { user, system } = process.cpuUsage(cpu);
  const ms = performance.now() - before;
  await producer.close();
  return { messageMs: Math.round((ms / 300) * 100) / 100, cpuMs: Math.round((user + system) / 3000) / 100 };
}
