import path from 'node:path';
import type { SetupCluster } from '../cluster.ts';
import { readInstallation, readRuntime } from '../install/manifest.ts';
import { foldersOf } from '../places.ts';
import { ok, problem, skipped, warning, type Finding } from './check.ts';

/** Whether the programs of containers are there, whole, and readable by the NodeManagers, who fetch them as themselves. */
export async function checkPrograms(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<Finding> {
  const { hdfs } = cluster;
  const { runtime } = foldersOf(cluster);
  const manifest = await readRuntime(hdfs, runtime, signal);
  const installation = await readInstallation(hdfs, runtime, signal);
  if (manifest === null) {
    const text = installation === null ? 'not installed yet' : 'an installation was begun and not finished';
    return installation === null
      ? skipped(text, 'Run trainyard hadoop install.')
      : problem(text, 'Run trainyard hadoop install again.');
  }
  const { worker, master, authorities, serverAuthorities = null } = manifest;
  if (serverAuthorities === null && cluster.config.server.caFile !== '')
    return problem('the certificates of server.caFile are not installed', 'Run trainyard hadoop install again.');
  const certificates = [authorities, serverAuthorities].filter((file) => file !== null);
  for (const file of [worker, ...master, ...certificates]) {
    const place = path.posix.join(runtime, file.path);
    const found = await hdfs.find(place, { signal });
    if (found?.sizeBytes !== file.sizeBytes)
      return problem(
        `${place}: expected ${file.sizeBytes} bytes, found ${found === null ? 'nothing' : found.sizeBytes}`,
        'Run trainyard hadoop install again.',
      );
    if ((Number.parseInt(found.permission, 8) & 0o4) === 0)
      return problem(`${place}: not readable by everybody (mode ${found.permission})`, `hdfs dfs -chmod o+r ${place}`);
  }
  const text = `version ${manifest.programVersion}, archive ${manifest.archiveSha256.slice(0, 12)}, in ${runtime}`;
  return installation?.state === 'installing'
    ? warning(`${text}; an installation was begun and not finished`, 'Run trainyard hadoop install again.')
    : ok(text);
}
