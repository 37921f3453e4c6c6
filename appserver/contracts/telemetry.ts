import { DEPLOYMENT_SEGMENTS_MAX } from './deployment-segments.ts';
import { Id, Sha256, oneOf, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/**
 * What prediction servers tell of their predictions, and how it travels: events in frames, frames in segments, a segment a
 * message or a POST. `docs/telemetry.md` has the bytes; `#telemetry` reads and writes them.
 */

/** Version of frames and segments. A reader takes this one and those before it. */
export const TELEMETRY_FORMAT_VERSION = 3;

/** Largest segment before it is compressed, bytes: one that does not shrink still fits a Kafka message of 1 MB. */
export const SEGMENT_BYTES_MAX = 900_000;
/** Largest header of a segment, bytes of JSON. */
export const SEGMENT_HEADER_BYTES_MAX = 4_096;

/** Why events that have a number never came to be shipped. */
export const LOSS_REASONS = [
  'spool-full', // the spool had reached its size while nothing could be shipped
  'disk', // the disk refused the write: full, or broken
  'too-large', // one event alone is larger than a segment
] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

/** How a segment's frames are compressed. */
export const SEGMENT_COMPRESSIONS = ['none', 'zstd'] as const;

/** What stands in front of a segment, readable without its key. */
export const SegmentHeader = strict({
  serverId: Id,
  epoch: Type.String({
    pattern: '^[0-9a-f]{32}$',
    description: 'one life of one prediction server: random, never used again',
  }),
  segment: Type.Integer({ minimum: 0, description: 'within the epoch, from 0 without gaps' }),
  firstNumber: Type.Integer({ minimum: 0, description: 'running number of its first event, lost ones included' }),
  endNumber: Type.Integer({
    minimum: 0,
    description: 'after its last event: nothing was recorded where both are equal',
  }),
  createdAtMs: Type.Integer({ minimum: 0, description: 'by the server’s clock, milliseconds since 1970' }),
  compression: oneOf(SEGMENT_COMPRESSIONS),
  sizeBytes: Type.Integer({ minimum: 0, maximum: SEGMENT_BYTES_MAX, description: 'of the frames, not compressed' }),
  keyId: Type.String({ pattern: '^[0-9a-f]{16}$', description: 'of the key that signs it' }),
});
export type SegmentHeader = Static<typeof SegmentHeader>;

/** How a feature's values are written in events. */
export const EVENT_VALUE_KINDS = [
  'number', // the number
  'date', // seconds since 1970
  'category', // the category's key
  'text', // UTF-16 units of the text, which itself never leaves the server
  'place', // latitude and longitude, degrees
] as const;
export type EventValueKind = (typeof EVENT_VALUE_KINDS)[number];

/** What events of one deployment and model have in common; told once a segment, before the first of them. */
export const EventSchema = strict({
  deploymentId: Id,
  modelId: Id,
  manifestSha256: Sha256,
  classes: Type.Array(Type.String(), { description: 'in class order; empty for regression' }),
  features: Type.Array(strict({ name: Type.String(), kind: oneOf(EVENT_VALUE_KINDS) }), {
    description: 'those whose values events carry, in their order',
  }),
  champion: Type.Optional(
    strict(
      { modelId: Id, manifestSha256: Sha256 },
      { description: 'the model that answered; these are predictions of a challenger; since version 2' },
    ),
  ),
  rules: Type.Optional(
    Type.Array(Type.String(), { description: 'names of the humility rules that events speak of; since version 2' }),
  ),
  segments: Type.Optional(
    Type.Array(Type.String(), {
      minItems: 1,
      maxItems: DEPLOYMENT_SEGMENTS_MAX,
      description: 'categories among the features by whose levels predictions are counted; since version 3',
    }),
  ),
});
export type EventSchema = Static<typeof EventSchema>;

const Counter = Type.Integer({ minimum: 0 });

/** What a process of a prediction server has counted of one deployment since its epoch began. */
export const ServiceCounters = strict({
  deploymentId: Id,
  statuses: Type.Record(Type.String(), Counter, { description: 'requests by HTTP status' }),
  rows: Type.Integer({ minimum: 0, description: 'predicted' }),
  latencies: Type.Record(Type.String(), Counter, {
    description:
      'successful requests by the upper bound of their bucket, inclusive, in seconds, empty ones too; `Infinity`: beyond all bounds',
  }),
  latencySum: Type.Number({ minimum: 0, description: 'of successful requests, seconds' }),
});
export type ServiceCounters = Static<typeof ServiceCounters>;

/**
 * Counters at a time. They never fall in an epoch: whoever adds what they have grown by since the last statement counts each request once, whatever
 * statements are lost, come twice, or late.
 */
export const ServiceStatement = strict({
  statement: Type.Integer({ minimum: 0, description: 'rises in an epoch' }),
  timeMs: Type.Integer({ minimum: 0 }),
  counters: Type.Array(ServiceCounters, { description: 'those that have grown since the statement before' }),
});
export type ServiceStatement = Static<typeof ServiceStatement>;

/** Deployments of one statement at most; more make several. */
export const SERVICE_COUNTERS_MAX = 100;

/** Most features whose values an event carries. */
export const EVENT_FEATURES_MAX = 10_000;
/** Classes up to which an event carries every probability; beyond, that of the predicted class alone. */
export const EVENT_CLASSES_MAX = 32;
/** Longest category key that an event carries, UTF-16 units; what is longer is cut. */
export const EVENT_KEY_LENGTH_MAX = 256;

/** What a deployment lets its events carry. Without it: events are recorded with the values of all features. */
export const TelemetrySettings = strict({
  enabled: Type.Boolean({ description: 'false: nothing is recorded of its predictions' }),
  features: Type.Optional(
    Type.Array(Type.String(), {
      maxItems: EVENT_FEATURES_MAX,
      uniqueItems: true,
      description: 'features whose values events carry; not given: all that the model reads; of texts the length alone',
    }),
  ),
});
export type TelemetrySettings = Static<typeof TelemetrySettings>;

/** Folder of the object store with the events of all deployments: `deployment=<id>/schema=<hash>/day=<YYYY-MM-DD>/<batch>.parquet`. */
export const TELEMETRY_ARCHIVE = 'telemetry/archive';

/** How events leave a prediction server. */
export const TELEMETRY_TRANSPORTS = ['http', 'kafka', 'folder', 'off'] as const;

/** Where prediction servers POST sealed segments to the app server (bearer: the prediction-server token). */
export const TELEMETRY_SEGMENTS_PATH = '/internal/v1/telemetry/segments';
/** Where a prediction server asks for the keys that it signs with (the same bearer): `?serverId=`. */
export const TELEMETRY_KEYS_PATH = '/internal/v1/telemetry/keys';
/** The text of a key file: one key a line, the first signs. They are good for what this server tells. */
export const ServerTelemetryKeys = strict({ keys: Type.String({ minLength: 1 }) });
export type ServerTelemetryKeys = Static<typeof ServerTelemetryKeys>;
export const TELEMETRY_MEDIA_TYPE = 'application/vnd.trainyard.telemetry-segment';

/** Folder of the object store in which segments that were POSTed wait for a monitor: `<epoch>/<segment>.seg`. */
export const TELEMETRY_INBOX = 'telemetry/inbox';
