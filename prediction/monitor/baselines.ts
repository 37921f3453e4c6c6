import { createHash } from 'node:crypto';
import { isAppError, Manifest, parse } from '#contracts';
import { readBody, type HttpClient } from '#runtime';
import { Baseline, baselineOf, PredictionSpread } from '#statistics';
import { readBaseline, saveBaseline, type Database } from '#store';

/** Training statistics of models. */
export interface Baselines {
  /**
   * From memory, the monitoring store, or the app server; null for a model that the app server does not know any more.
   * @throws SERVER_UNAVAILABLE, TIMEOUT when nobody can say; it is asked again then
   */
  of(modelId: string, manifestSha256: string): Promise<Baseline | null>;
}

/** Largest manifest that is read. */
const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;
/** Largest spread of predictions that is read. */
const SPREAD_BYTES_MAX = 16 * 1024 * 1024;
/** Models kept in memory. */
const KEPT_MAX = 200;

export function createBaselines(database: Database, http: Pick<HttpClient, 'open'>, signal: AbortSignal): Baselines {
  const kept = new Map<string, Baseline | null>();
  const read = (modelId: string, part: string, sizeMax: number) => fetched(http, modelId, part, sizeMax, signal);
  return {
    of: async (modelId, manifestSha256) => {
      const known = kept.get(manifestSha256);
      if (known !== undefined) return known;
      const baseline = (await stored(database, manifestSha256)) ?? (await asked(read, modelId, manifestSha256));
      if (baseline !== null) await saveBaseline(database, manifestSha256, baseline);
      const [oldest] = kept.keys();
      if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
      kept.set(manifestSha256, baseline);
      return baseline;
    },
  };
}

/** What is stored whole: what monitors of before have stored is without the predictions, and asked for anew. */
async function stored(database: Database, manifestSha256: string): Promise<Baseline | null> {
  const found: unknown = await readBaseline(database, manifestSha256);
  if (found === null) return null;
  const baseline = parse(Baseline, found, 'stored baseline');
  return baseline.predictions === undefined ? null : baseline;
}

type ReadPart = (modelId: string, part: string, sizeMax: number) => Promise<Buffer | null>;

async function asked(read: ReadPart, modelId: string, manifestSha256: string): Promise<Baseline | null> {
  const bytes = await read(modelId, 'manifest', MANIFEST_BYTES_MAX);
  // The model's files were made anew: these statistics are of another one.
  if (bytes === null || createHash('sha256').update(bytes).digest('hex') !== manifestSha256) return null;
  const manifest = parse(Manifest, JSON.parse(bytes.toString()), 'manifest', 'ARTIFACT_INVALID');
  const spread = await read(modelId, 'prediction-spread', SPREAD_BYTES_MAX);
  const predictions = spread === null ? null : parse(PredictionSpread, JSON.parse(spread.toString()), 'spread');
  return baselineOf(manifest, predictions);
}

/** Null where the app server knows no such thing: a model that is gone, predictions that cannot be read, a version before these. */
async function fetched(
  http: Pick<HttpClient, 'open'>,
  modelId: string,
  part: string,
  sizeMax: number,
  signal: AbortSignal,
): Promise<Buffer | null> {
  const path = `/internal/v1/models/${encodeURIComponent(modelId)}/${part}`;
  try {
    const answer = await http.open({ method: 'GET', path, headers: { accept: '*/*' }, signal });
    return await readBody(answer, sizeMax);
  } catch (err) {
    if (isAppError(err, 'NOT_FOUND')) return null;
    throw err;
  }
}
