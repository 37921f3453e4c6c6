import { setTimeout as delay } from 'node:timers/promises';
import {
  AppError,
  AssignmentFeed,
  FEED_CHALLENGERS,
  FEED_HUMILITY,
  FEED_INTERVALS,
  FEED_KEY_DEPLOYMENTS,
  FEED_KNOWS_HEADER,
  FEED_SEGMENTS,
  FEED_TELEMETRY,
  Id,
  ModelSignature,
  PredictionServerStatus,
  strict,
  ServerTelemetryKeys,
  TELEMETRY_KEYS_PATH,
  TELEMETRY_SEGMENTS_PATH,
  Type,
} from '#contracts';
import {
  feedSequence,
  findModel,
  hashToken,
  isToken,
  listAssignments,
  listCredentials,
  saveServerStatus,
  type Assignment,
  type Credential,
  type TrainedFacts,
} from '#store';
import { PredictionSpread } from '#statistics';
import { SEALED_BYTES_MAX, serverKey } from '#telemetry';
import { bearerOf, isoOf } from '../auth/authenticate.ts';
import type { AppContext } from '../context.ts';
import { readBytes } from '../http/body.ts';
import { noContent, ok, route, type Answer, type Call, type Route } from '../route.ts';
import type { Signer } from '../services/signing.ts';
import { objectStream } from '../services/streams.ts';
import { spreadOfModel } from '../services/prediction-spread.ts';
import { keepSegment, noteRefusedTelemetry } from '../services/telemetry.ts';
import { IdParams } from './params.ts';

const tag = 'serving';
/** Longest hold of a poll for news, seconds. */
const POLL_SECONDS_MAX = 60;
/** How soon a held poll sees a change. */
const POLL_MS = 200;

/** @throws UNAUTHENTICATED without the prediction-server token */
function checkToken(app: AppContext, { req }: Pick<Call<unknown, unknown, unknown>, 'req'>): void {
  const token = bearerOf(req);
  if (token === null || !isToken(token, hashToken(app.predictionServerToken)))
    throw new AppError('UNAUTHENTICATED', 'expected the prediction-server token of this installation');
}

const PollQuery = strict({
  after: Type.Optional(Type.Integer({ minimum: -1, default: 0 })),
  wait: Type.Optional(Type.Integer({ minimum: 0, maximum: POLL_SECONDS_MAX, default: 0 })),
});

const assignments = route({
  method: 'GET',
  path: '/internal/v1/assignments',
  summary: 'Deployments and keys, once there is news',
  tag,
  access: 'internal',
  query: PollQuery,
  answers: { 200: { description: 'the feed', schema: AssignmentFeed }, 204: { description: 'no news' } },
  handler: async (app, call) => {
    checkToken(app, call);
    const { after = 0, wait = 0 } = call.query;
    const deadline = performance.now() + wait * 1000;
    const known = {
      intervals: isKnown(call, FEED_INTERVALS),
      telemetry: isKnown(call, FEED_TELEMETRY),
      keyDeployments: isKnown(call, FEED_KEY_DEPLOYMENTS),
      humility: isKnown(call, FEED_HUMILITY),
      challengers: isKnown(call, FEED_CHALLENGERS),
      segments: isKnown(call, FEED_SEGMENTS),
    };
    for (;;) {
      if ((await feedSequence(app.database)) > after) return ok(await readFeed(app, known));
      const restMs = deadline - performance.now();
      if (restMs <= 0 || call.signal.aborted) return noContent();
      await delay(Math.min(POLL_MS, restMs), undefined, { signal: call.signal }).catch(() => undefined);
    }
  },
});

/** Whether the server that asks has said that it understands this part of a feed. */
function isKnown({ headers }: Pick<Call<unknown, unknown, unknown>, 'headers'>, part: string): boolean {
  const words = headers[FEED_KNOWS_HEADER];
  return typeof words === 'string' && words.split(',').some((word) => word.trim() === part);
}

/** Which later parts of a feed a server understands. */
interface KnownParts {
  readonly intervals: boolean;
  readonly telemetry: boolean;
  readonly keyDeployments: boolean;
  readonly humility: boolean;
  readonly challengers: boolean;
  readonly segments: boolean;
}

/** Everything that a prediction server needs, as of one moment. */
async function readFeed(
  { database, signer }: Pick<AppContext, 'database' | 'signer'>,
  known: KnownParts,
): Promise<AssignmentFeed> {
  return database.transaction(async (trx) => ({
    sequence: await feedSequence(trx),
    publicKey: signer.publicKey,
    deployments: (await listAssignments(trx)).map((entry) => recordOf(entry, signer, known)),
    apiKeys: (await listCredentials(trx)).map((key) => grantOf(key, known)),
  }));
}

/** A signed record; to a server that does not know its later parts one without, which it can read. */
export function recordOf(
  { deployment, manifestSha256, challengers }: Assignment,
  signer: Signer,
  known: Omit<KnownParts, 'keyDeployments'>,
): AssignmentFeed['deployments'][number] {
  const { interval: _, telemetry, humility, segments, ...settings } = deployment.settings;
  const intervals = known.intervals ? deployment.intervals : null;
  const record = {
    deploymentId: deployment.id,
    name: deployment.name,
    modelId: deployment.modelId,
    manifestSha256,
    sequence: deployment.sequence,
    readers: [deployment.createdBy],
    settings: {
      ...settings,
      ...(known.telemetry && telemetry !== undefined ? { telemetry } : {}),
      ...(known.humility && humility !== undefined ? { humility } : {}),
      ...(known.segments && segments !== undefined ? { segments } : {}),
    },
    ...(intervals === null ? {} : { intervals }),
    ...(known.challengers && challengers.length > 0 ? { challengers: [...challengers] } : {}),
  };
  return { ...record, signature: signer.sign(record) };
}

/** A key as prediction servers know it. A server that cannot hold a key to its deployments gets it without any scope, and refuses it. */
export function grantOf(key: Credential, known: Pick<KnownParts, 'keyDeployments'>): AssignmentFeed['apiKeys'][number] {
  const { keyId, keySha256, userId, role, deploymentIds, expiresAt } = key;
  const isHeld = deploymentIds !== null;
  return {
    keyId,
    keySha256,
    userId,
    role,
    scopes: isHeld && !known.keyDeployments ? [] : [...key.scopes],
    ...(isHeld && known.keyDeployments ? { deploymentIds: [...deploymentIds] } : {}),
    expiresAt: expiresAt === null ? null : isoOf(expiresAt),
  };
}

async function trainedModel(app: AppContext, id: string): Promise<TrainedFacts> {
  const trained = (await findModel(app.database, id))?.trained ?? null;
  if (trained === null) throw new AppError('NOT_FOUND', `model ${id}: there is none that is trained`);
  return trained;
}

const signature = route({
  method: 'GET',
  path: '/internal/v1/models/{id}/signature',
  summary: 'Detached signature of an artefact',
  tag,
  access: 'internal',
  params: IdParams,
  answers: { 200: { description: 'the signature', schema: ModelSignature } },
  handler: async (app, call) => {
    checkToken(app, call);
    const { manifestSha256, signature: value } = await trainedModel(app, call.params.id);
    return ok({ modelId: call.params.id, manifestSha256, signature: value });
  },
});

const file = (name: 'manifest' | 'blob', objectName: string): Route =>
  route({
    method: 'GET',
    path: `/internal/v1/models/{id}/${name}`,
    summary: `The ${name} of an artefact`,
    tag,
    access: 'internal',
    params: IdParams,
    answers: { 200: { description: 'its bytes', mediaTypes: ['application/octet-stream', 'application/json'] } },
    handler: async (app, call): Promise<Answer> => {
      checkToken(app, call);
      const { artifactPath } = await trainedModel(app, call.params.id);
      return objectStream(app.store, `${artifactPath}/${objectName}`, 'application/octet-stream', call.signal);
    },
  });

const spread = route({
  method: 'GET',
  path: '/internal/v1/models/{id}/prediction-spread',
  summary: 'How its predictions were spread over training rows, for monitors',
  tag,
  access: 'internal',
  params: IdParams,
  answers: { 200: { description: 'the spread', schema: PredictionSpread } },
  handler: async (app, call) => {
    checkToken(app, call);
    return ok(await spreadOfModel(app, call.params.id));
  },
});

const report = route({
  method: 'PUT',
  path: '/internal/v1/prediction-servers/{id}',
  summary: 'A prediction server says what it serves',
  tag,
  access: 'internal',
  params: strict({ id: Id }),
  body: PredictionServerStatus,
  answers: { 204: { description: 'noted' } },
  handler: async (app, call) => {
    checkToken(app, call);
    await saveServerStatus(app.database, call.params.id, call.body);
    return noContent();
  },
});

const segments = route({
  method: 'POST',
  path: TELEMETRY_SEGMENTS_PATH,
  summary: 'A prediction server delivers telemetry',
  tag,
  access: 'internal',
  takesKey: false,
  answers: { 204: { description: 'kept until a monitor has taken it; the same segment again changes nothing' } },
  handler: async (app, call) => {
    checkToken(app, call);
    const sealed = await readBytes(call.req, SEALED_BYTES_MAX, app.config.server.requestTimeoutMs);
    await keepSegment(app, sealed, call.signal);
    return noContent();
  },
  refused: noteRefusedTelemetry,
});

const telemetryKeys = route({
  method: 'GET',
  path: TELEMETRY_KEYS_PATH,
  summary: 'Keys that a prediction server signs its telemetry with',
  tag,
  access: 'internal',
  query: strict({ serverId: Id }),
  answers: { 200: { description: 'keys that are good for this server alone', schema: ServerTelemetryKeys } },
  handler: (app, call) => {
    checkToken(app, call);
    const keys = app.telemetryKeys.all().map((root) => serverKey(root, call.query.serverId));
    return Promise.resolve(ok({ keys: keys.join('\n') }));
  },
});

/** Routes of prediction servers. */
export const servingRoutes: readonly Route[] = [
  assignments,
  signature,
  file('manifest', 'manifest.json'),
  file('blob', 'blob'),
  spread,
  report,
  segments,
  telemetryKeys,
];
