import path from 'node:path';
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
  isAppError,
  ModelSignature,
  parse,
  type PredictionServerStatus,
} from '#contracts';
import { HttpClient, KEY_FILES, PROGRAM_VERSION, readBody, type Config } from '#runtime';
import { checkManifest, type ArtifactFiles, type WantedArtifact } from '../artifacts/artifact-cache.ts';
import { readIfThere } from '../artifacts/atomic-file.ts';

/** Largest manifest and blob that are downloaded, bytes. */
const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;
const BLOB_BYTES_MAX = 2 * 1024 * 1024 * 1024;
/** How much longer than a poll is held its answer may take, milliseconds. */
const POLL_MARGIN_MS = 10_000;
const DOWNLOAD_TIMEOUT_MS = 600_000;
/** All that a feed may hold. */
const FEED_KNOWS = [
  ...[FEED_INTERVALS, FEED_TELEMETRY, FEED_KEY_DEPLOYMENTS, FEED_HUMILITY, FEED_CHALLENGERS],
  FEED_SEGMENTS,
];

/** What a prediction server asks its app server. */
export interface AppServerClient {
  /** News since `after` (-1: all), or null when there is none within `waitSeconds`. */
  feed(after: number, waitSeconds: number, signal: AbortSignal): Promise<AssignmentFeed | null>;
  /** @throws ARTIFACT_INVALID when the manifest is another one than wanted; its blob is not asked for then */
  artifact(wanted: WantedArtifact, signal: AbortSignal): Promise<ArtifactFiles>;
  report(serverId: string, status: PredictionServerStatus, signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface AppServerPlace {
  readonly baseUrl: string;
  /** PEM of the authorities by which it is known; '': those of Node and the system. */
  readonly caFile: string;
  /** Read anew for each request, so that a rotated token is taken up. */
  readonly tokenFile: string;
}

/** That of a configuration. */
export const appServerPlace = ({ predictionServer, server, keys }: Config): AppServerPlace => ({
  baseUrl: predictionServer.appServerUrl,
  caFile: server.caFile,
  tokenFile: path.join(keys.dir, KEY_FILES.predictionServerToken),
});

export function createAppServerClient({ baseUrl, caFile, tokenFile }: AppServerPlace): AppServerClient {
  const http = new HttpClient({
    baseUrl,
    caFile,
    token: () => tokenOf(tokenFile),
    userAgent: `trainyard-prediction-server/${PROGRAM_VERSION}`,
  });
  const bytes = async (path: string, max: number, signal: AbortSignal) => {
    const headers = { accept: 'application/octet-stream' };
    const answer = await http.open({ method: 'GET', path, headers, timeoutMs: DOWNLOAD_TIMEOUT_MS, signal });
    return readBody(answer, max);
  };
  return {
    feed: async (after, waitSeconds, signal) => {
      const path = `/internal/v1/assignments?after=${after}&wait=${waitSeconds}`;
      const timeoutMs = waitSeconds * 1000 + POLL_MARGIN_MS;
      const headers = { [FEED_KNOWS_HEADER]: FEED_KNOWS.join(',') };
      const { status, json } = await http.request({ method: 'GET', path, headers, timeoutMs, signal });
      return status === 204 ? null : parse(AssignmentFeed, json, 'assignment feed', 'SERVER_UNAVAILABLE');
    },
    artifact: async (wanted, signal) => {
      const route = `/internal/v1/models/${encodeURIComponent(wanted.modelId)}`;
      const { json } = await http.request({ method: 'GET', path: `${route}/signature`, signal });
      const signature = parse(ModelSignature, json, 'model signature', 'ARTIFACT_INVALID');
      const manifest = await bytes(`${route}/manifest`, MANIFEST_BYTES_MAX, signal);
      const { blobSizeBytes } = checkManifest(wanted, manifest).content;
      const blob = await bytes(`${route}/blob`, Math.min(blobSizeBytes, BLOB_BYTES_MAX), signal);
      return { manifest, blob, signature };
    },
    report: async (serverId, status, signal) => {
      const path = `/internal/v1/prediction-servers/${encodeURIComponent(serverId)}`;
      await http.request({ method: 'PUT', path, json: status, signal });
    },
    close: () => http.close(),
  };
}

/** A file that another program is about to fill counts as not there yet. */
export function tokenOf(file: string): string {
  const token = readIfThere(file)?.trim() ?? '';
  if (token === '') throw new AppError('SERVER_UNAVAILABLE', `token file ${file} is not there yet`);
  return token;
}

/** True when the app server cannot be reached now; anything else is worth an error line. */
export const isAway = (err: unknown): boolean => isAppError(err, 'SERVER_UNAVAILABLE') || isAppError(err, 'TIMEOUT');
