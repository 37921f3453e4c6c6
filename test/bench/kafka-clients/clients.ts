import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** How a client reaches the broker. */
export interface Access {
  readonly broker: string;
  /** TLS and SCRAM-SHA-512; null: plain. */
  readonly secured: { readonly caFile: string | null; readonly username: string; readonly password: string } | null;
}

export interface Received {
  readonly topicPartition: number;
  readonly value: string;
  readonly commit: () => Promise<void>;
}

/** The little that telemetry needs of a client. */
export interface ClientUnderTest {
  readonly name: string;
  /** Resolves when all in-sync replicas have it. */
  producer(
    access: Access,
  ): Promise<{ send(topic: string, key: string, value: string): Promise<void>; close(): Promise<void> }>;
  /** One message at a time: the next comes when `take` has resolved. */
  consumer(
    access: Access,
    group: { readonly topic: string; readonly groupId: string },
    take: (message: Received) => Promise<void>,
  ): Promise<{ close(): Promise<void> }>;
}

/* eslint-disable -- the packages are not among ours: their types are not here */
const SESSION_MS = 6_000;

export async function clientsFrom(folder: string): Promise<ClientUnderTest[]> {
  const require = createRequire(pathToFileURL(`${folder}/x.js`));
  const name = 'kafkajs'; // not declared in our package.json
  const kafkajs: any = require(name);
  const platformatic: any = await import(
    pathToFileURL(`${folder}/node_modules/@platformatic/kafka/dist/index.js`).href
  );
  return [platformaticClient(platformatic), kafkajsClient(kafkajs)];
}

function kafkajsClient({ Kafka, logLevel }: any): ClientUnderTest {
  const open = ({ broker, secured }: Access) =>
    new Kafka({
      clientId: 'bench',
      brokers: [broker],
      logLevel: logLevel.NOTHING,
      connectionTimeout: 3_000,
      requestTimeout: 10_000,
      retry: { retries: 3, maxRetryTime: 1_000 },
      ...(secured === null
        ? {}
        : {
            ssl: secured.caFile === null ? true : { ca: [readFileSync(secured.caFile, 'utf8')] },
            sasl: { mechanism: 'scram-sha-512', username: secured.username, password: secured.password },
          }),
    });
  return {
    name: 'kafkajs 2.2.4',
    producer: async (access) => {
      const producer = open(access).producer({ allowAutoTopicCreation: false });
      await producer.connect();
      return {
        send: async (topic, key, value) => void (await producer.send({ topic, acks: -1, messages: [{ key, value }] })),
        close: () => producer.disconnect(),
      };
    },
    consumer: async (access, { topic, groupId }, take) => {
      const consumer = open(access).consumer({
        groupId,
        sessionTimeout: SESSION_MS,
        heartbeatInterval: 1_000,
        retry: { retries: 30, maxRetryTime: 2_000 },
      });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachMessage: ({ partition, message }: any) =>
          take({
            topicPartition: partition,
            value: message.value.toString(),
            commit: () => consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]),
          }),
      });
      return { close: () => consumer.disconnect() };
    },
  };
}

function platformaticClient({ Producer, Consumer }: any): ClientUnderTest {
  const open = ({ broker, secured }: Access) => ({
    clientId: 'bench',
    bootstrapBrokers: [broker],
    connectTimeout: 3_000,
    requestTimeout: 10_000,
    timeout: 10_000,
    retries: 3,
    retryDelay: 300,
    ...(secured === null
      ? {}
      : {
          tls: secured.caFile === null ? {} : { ca: readFileSync(secured.caFile, 'utf8') },
          sasl: { mechanism: 'SCRAM-SHA-512', username: secured.username, password: secured.password },
        }),
  });
  return {
    name: '@platformatic/kafka 2.12.1',
    producer: async (access) => {
      const producer = new Producer(open(access));
      return {
        send: async (topic, key, value) =>
          void (await producer.send({
            acks: -1,
            messages: [{ topic, key: Buffer.from(key), value: Buffer.from(value) }],
          })),
        close: () => producer.close(),
      };
    },
    consumer: async (access, { topic, groupId }, take) => {
      const consumer = new Consumer({
        ...open(access),
        groupId,
        sessionTimeout: SESSION_MS,
        heartbeatInterval: 1_000,
        retries: 30,
      });
      const stream = await consumer.consume({
        topics: [topic],
        mode: 'committed',
        fallbackMode: 'earliest',
        autocommit: false,
      });
      const done = (async () => {
        for await (const message of stream) {
          await take({
            topicPartition: message.partition,
            value: message.value.toString(),
            commit: async () => void (await message.commit()),
          });
        }
      })().catch((err: unknown) => console.log(`  consumer stream ended: ${String(err)}`));
      return {
        close: async () => {
          await stream.close();
          await done;
          await consumer.close();
        },
      };
    },
  };
}
