import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseOptions, MessagesStream } from '@platformatic/kafka';
import { AppError } from '#contracts';
import { isLoopback, readSecret, type Config, type Logger } from '#runtime';

/**
 * The one place that knows the Kafka client. Messages are sealed segments: each is signed and complete, so that neither keys,
 * headers nor order of topic partitions mean anything to a reader.
 */
type KafkaConfig = Config['telemetry']['kafka'];

/** Of one connection, and of one request, milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** Of the client's own; whoever calls has longer patience of his own. */
const RETRIES = 2;
const RETRY_MS = 200;
/** A member that is silent for so long loses its topic partitions to the others. */
const SESSION_MS = 10_000;
const HEARTBEAT_MS = 2_000;
/** Messages that a consumer holds, and bytes of one fetch; a message has 1 MB at most. */
const MESSAGES_HELD = 8;
const FETCH_BYTES_MAX = 8 * 1024 * 1024;
/** How long a broker holds a fetch that finds nothing, milliseconds. */
const FETCH_WAIT_MS = 500;

/** First and longest pause before a reader joins anew, and how long one that ends waits for its brokers, milliseconds. */
const REJOIN_MS = 500;
const REJOIN_MS_MAX = 10_000;
const CLOSE_MS = 5_000;

export interface KafkaProducer {
  /**
   * Sends one message; resolves when all in-sync replicas have it.
   * @throws KAFKA_UNAVAILABLE, KAFKA_REFUSED
   */
  send(key: string, value: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** @throws CONFIG_INVALID for settings that cannot work */
export async function openKafkaProducer(config: KafkaConfig, clientId: string): Promise<KafkaProducer> {
  const options = clientOptions(config, clientId);
  const { Producer } = await import('@platformatic/kafka');
  const producer = new Producer(options);
  const { topic } = config;
  return {
    send: async (key, value) => {
      try {
        await producer.send({ acks: -1, messages: [{ topic, key: Buffer.from(key), value }] });
      } catch (err) {
        throw kafkaError(err, `sending to topic ${topic}`);
      }
    },
    close: () => producer.close(),
  };
}

export interface TopicReader {
  /** Takes one message; the next one comes, and this one does not come again, when it resolves. */
  readonly take: (value: Buffer) => Promise<void>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Reads the topic as a member of the group until the signal aborts, through whatever happens to brokers: after an error it joins anew, and what
 * was taken but not committed by then comes again, to this member or another.
 *
 * @throws CONFIG_INVALID for settings that cannot work
 */
export async function followTopic(config: KafkaConfig, clientId: string, reader: TopicReader): Promise<void> {
  const { logger, signal } = reader;
  clientOptions(config, clientId);
  let retryMs = REJOIN_MS;
  let lastTrouble = '';
  while (!signal.aborted) {
    try {
      await readUntilTrouble(config, clientId, reader, () => {
        if (lastTrouble !== '') logger.info('kafka_back', 'the telemetry topic is read again');
        [retryMs, lastTrouble] = [REJOIN_MS, ''];
      });
    } catch (err) {
      if (signal.aborted) return;
      const error = kafkaError(err, `reading topic ${config.topic} as group ${config.groupId}`);
      if (lastTrouble === '')
        logger.warn('kafka_away', 'the telemetry topic cannot be read; it is tried again', { err: error });
      lastTrouble = error.message;
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
      retryMs = Math.min(2 * retryMs, REJOIN_MS_MAX);
    }
  }
}

async function readUntilTrouble(
  config: KafkaConfig,
  clientId: string,
  { take, signal }: TopicReader,
  onMessage: () => void,
): Promise<void> {
  const { topic, groupId } = config;
  const { Consumer } = await import('@platformatic/kafka');
  const consumer = new Consumer({
    ...clientOptions(config, clientId),
    groupId,
    sessionTimeout: SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
    highWaterMark: MESSAGES_HELD,
    maxBytes: FETCH_BYTES_MAX,
    maxWaitTime: FETCH_WAIT_MS,
    autocommit: false,
  });
  // What it says of itself beside the stream; the stream and the calls below fail too.
  consumer.on('error', () => undefined);
  let stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | null = null;
  const stop = () => stream?.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' });
    for await (const message of stream) {
      if (signal.aborted) return;
      await take(message.value);
      await message.commit();
      onMessage();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await closed(stream, consumer);
  }
}

/** Says good-bye to the group, which gives the others its topic partitions at once; brokers that are away are not waited for long. */
async function closed(stream: { close(): Promise<void> } | null, consumer: { close(force: boolean): Promise<void> }) {
  const done = (async () => {
    await stream?.close().catch(() => undefined);
    await consumer.close(true).catch(() => undefined);
  })();
  const controller = new AbortController();
  const late = sleep(CLOSE_MS, undefined, { signal: controller.signal }).catch(() => undefined);
  await Promise.race([done, late]);
  controller.abort();
}

/** @throws CONFIG_INVALID naming the key */
function clientOptions(config: KafkaConfig, clientId: string): BaseOptions {
  const { brokers, tls, caFile, mechanism, username, passwordFile } = config;
  if (brokers.length === 0)
    throw new AppError('CONFIG_INVALID', 'telemetry.kafka.brokers is empty; name one broker or more, host:port');
  for (const broker of brokers) {
    const [, host] = /^\[?([^\]]+)\]?:\d+$/.exec(broker) ?? [];
    if (host === undefined)
      throw new AppError('CONFIG_INVALID', `telemetry.kafka.brokers: expected host:port, found ${broker}`);
    if (tls === 'off' && !isLoopback(host))
      throw new AppError('CONFIG_INVALID', `telemetry.kafka.tls: off is for brokers on loopback, not ${broker}`);
  }
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    timeout: REQUEST_TIMEOUT_MS,
    retries: RETRIES,
    retryDelay: RETRY_MS,
    autocreateTopics: false,
    ...(tls === 'off' ? {} : { tls: caFile === '' ? {} : { ca: readAuthority(caFile) } }),
    ...(mechanism === 'none' ? {} : { sasl: { mechanism, username, password: () => readSecret(passwordFile) } }),
  };
}

function readAuthority(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `telemetry.kafka.caFile ${file} cannot be read`, { cause: err });
  }
}

const REFUSALS = /authori[sz]ation failed|authentication failed|not authorized/i;

/** What the brokers themselves refuse is told apart from brokers that cannot be reached. */
function kafkaError(err: unknown, what: string): AppError {
  const texts = [...textsOf(err)];
  const refusal = texts.find((text) => REFUSALS.test(text));
  if (refusal !== undefined) return new AppError('KAFKA_REFUSED', `${what}: ${refusal}`, { cause: err });
  return new AppError('KAFKA_UNAVAILABLE', `${what}: ${texts.at(-1) ?? String(err)}`, { cause: err });
}

/** Messages of an error and all that it was caused by, the innermost last. */
function* textsOf(err: unknown): Generator<string> {
  if (!(err instanceof Error)) return;
  yield err.message;
  if (err instanceof AggregateError) for (const inner of err.errors) yield* textsOf(inner);
  yield* textsOf(err.cause);
}
