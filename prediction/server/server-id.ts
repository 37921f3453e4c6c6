import { hostname } from 'node:os';
import path from 'node:path';
import { newId, readOrMakeSecret } from '#runtime';

/** A server's own name for the app server and in its telemetry, kept over restarts; one for all of its processes. */
export function serverIdOf(cacheDir: string): string {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .slice(0, 20);
  return readOrMakeSecret(path.join(cacheDir, 'server-id'), () => newId(`ps_${host}`));
}
