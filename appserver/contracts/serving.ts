import { CHALLENGERS_MAX, ChallengerAssignment } from './challengers.ts';
import { DeploymentSegments } from './deployment-segments.ts';
import { HumilityRules } from './humility.ts';
import { PredictionIntervals } from './intervals.ts';
import { Id, Sha256, Timestamp, nullable, oneOf, strict } from './schema.ts';
import { TelemetrySettings } from './telemetry.ts';
import { Type, type Static } from './type.ts';

/**
 * What the app server tells its prediction servers (`/internal/v1`, bearer: the prediction-server token).
 * Everything a server needs to answer alone is in the feed; it keeps the last one on disk.
 */

/** Signed by the app server (Ed25519 over the canonical JSON of the record without `signature`). */
export const DeploymentRecord = strict({
  deploymentId: Id,
  name: Type.String(),
  modelId: Id,
  manifestSha256: Sha256,
  sequence: Type.Integer({
    minimum: 1,
    description: 'rises with every change of this deployment; an older one is refused',
  }),
  readers: Type.Array(Id, { description: 'user ids that may ask it; administrators always may' }),
  settings: strict({
    missingColumns: oneOf(['warn', 'refuse']),
    threshold: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    telemetry: Type.Optional(TelemetrySettings),
    humility: Type.Optional(HumilityRules),
    segments: Type.Optional(DeploymentSegments),
  }),
  intervals: Type.Optional(PredictionIntervals),
  challengers: Type.Optional(Type.Array(ChallengerAssignment, { minItems: 1, maxItems: CHALLENGERS_MAX })),
  signature: Type.String({ description: 'base64' }),
});
export type DeploymentRecord = Static<typeof DeploymentRecord>;

/** An API key as a prediction server knows it: only its hash. */
export const ApiKeyGrant = strict({
  keyId: Id,
  keySha256: Sha256,
  userId: Id,
  role: oneOf(['admin', 'user']),
  scopes: Type.Array(Type.String()),
  deploymentIds: Type.Optional(Type.Array(Id, { description: 'it may ask no others; without: it is held to none' })),
  expiresAt: nullable(Timestamp),
});
export type ApiKeyGrant = Static<typeof ApiKeyGrant>;

/**
 * What a prediction server says it understands of a feed, in the header {@link FEED_KNOWS_HEADER}: words after commas. Servers parse feeds
 * strictly, so what came into records later is only in those of servers that name it; an app server ignores words it does not know.
 */
export const FEED_KNOWS_HEADER = 'x-trainyard-feed-knows';
export const FEED_INTERVALS = 'intervals';
export const FEED_TELEMETRY = 'telemetry';
export const FEED_KEY_DEPLOYMENTS = 'key-deployments';
export const FEED_HUMILITY = 'humility';
export const FEED_CHALLENGERS = 'challengers';
export const FEED_SEGMENTS = 'segments';

/** `GET /internal/v1/assignments?after=N&wait=S`: answers at once when the feed's sequence is above N, else 204 after S seconds. */
export const AssignmentFeed = strict({
  sequence: Type.Integer({ minimum: 0 }),
  publicKey: Type.String({ description: 'Ed25519, SPKI PEM; pinned by the server when first seen' }),
  deployments: Type.Array(DeploymentRecord),
  apiKeys: Type.Array(ApiKeyGrant),
});
export type AssignmentFeed = Static<typeof AssignmentFeed>;

/** Detached signature over the canonical JSON of {modelId, manifestSha256}; comes with the artefact download. */
export const ModelSignature = strict({ modelId: Id, manifestSha256: Sha256, signature: Type.String() });
export type ModelSignature = Static<typeof ModelSignature>;

/** What a prediction server says of one deployment. */
export const ServedDeploymentState = strict({
  deploymentId: Id,
  modelId: Id,
  sequence: Type.Integer(),
  ready: Type.Boolean(),
  error: nullable(Type.String()),
});

/** `PUT /internal/v1/prediction-servers/{serverId}`: what this server serves. Sent on change and every `statusMs`. */
export const PredictionServerStatus = strict({
  url: Type.String({ description: 'where clients reach it' }),
  programVersion: Type.String(),
  feedSequence: Type.Integer({ minimum: 0 }),
  deployments: Type.Array(ServedDeploymentState),
});
export type PredictionServerStatus = Static<typeof PredictionServerStatus>;
