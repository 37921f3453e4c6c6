import { createHash } from 'node:crypto';
import { isAppError, Manifest, parse } from '#contracts';
import { readBody, type HttpClient } from '#runtime';
import { readBaseline, saveBaseline, type Database } from '#store';
import { Baseline, baselineOf } from './baseline.ts';

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
/** Models kept in memory. */
const KEPT_MAX = 200;

export function createBaselines(database: Database, http: Pick<HttpClient, 'open'>, signal: AbortSignal): Baselines {
  const kept = new Map<string, Baseline | null>();
  return {
    of: async (modelId, manifestSha256) => {
      const known = kept.get(manifestSha256);
      if (known !== undefined) return known;
      const stored: unknown = await readBaseline(database, manifestSha256);
      const baseline =
        stored === null
          ? await fetched(http, modelId, manifestSha256, signal)
          : parse(Baseline, stored, 'stored baseline');
      if (stored === null && baseline !== null) await saveBaseline(database, manifestSha256, baseline);
      const [oldest] = kept.keys();
      if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
      kept.set(manifestSha256, baseline);
      return baseline;
    },
  };
}

async function fetched(
  http: Pick<HttpClient, 'open'>,
  modelId: string,
  manifestSha256: string,
  signal: AbortSignal,
): Promise<Baseline | null> {
  const path = `/internal/v1/models/${encodeURIComponent(modelId)}/manifest`;
  let bytes: Buffer;
  try {
    const answer = await http.open({ method: 'GET', path, headers: { accept: 'application/octet-stream' }, signal });
    bytes = await readBody(answer, MANIFEST_BYTES_MAX);
  } catch (err) {
    if (isAppError(err, 'NOT_FOUND')) return null;
    throw err;
  }
  const found = createHash('sha256').update(bytes).digest('hex');
  // The model's files were made anew: these statistics are of another one.
  if (found !== manifestSha256) return null;
  return baselineOf(parse(Manifest, JSON.parse(bytes.toString()), 'manifest', 'ARTIFACT_INVALID'));
}
