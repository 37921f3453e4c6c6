import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startHadoopCluster, type HadoopCluster } from '../../test/support/hadoop/index.ts';

const started = performance.now();

/** Says what comes now, and when. */
export const say = (text: string): void => {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`\n== ${seconds.padStart(5)} s  ${text}`);
};

/** What has to go at the end, the newest first, however it comes to it. */
export const closers: (() => Promise<void>)[] = [];
let closing: Promise<void> | null = null;
async function closeAll(): Promise<void> {
  for (const close of closers.toReversed()) await close();
}
const close = (): Promise<void> => (closing ??= closeAll());

/**
 * Tells a story on a cluster of its own, and ends all that was started.
 *
 * @param name of its folder
 * @param story whether it went as it should; its folder is kept where it did not
 * @returns exit code
 */
export async function tell(
  name: string,
  shape: 'plain' | 'secured',
  story: (cluster: HadoopCluster, dataDir: string) => Promise<boolean>,
): Promise<number> {
  const dataDir = mkdtempSync(path.join(tmpdir(), `trainyard-${name}-example-`));
  const removeData = (): void => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  const stop = (): void =>
    void close()
      .then(removeData)
      .finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  say(`a ${shape} cluster`);
  let isGood = false;
  try {
    const cluster = await startHadoopCluster({ shape });
    closers.push(() => cluster.close());
    if (cluster.security !== undefined) process.env['KRB5_CONFIG'] = cluster.security.krb5Conf;
    say(`Hadoop ${cluster.hadoopVersion}: ${cluster.daemons.map(({ name: daemon }) => daemon).join(', ')}`);
    isGood = await story(cluster, dataDir);
  } catch (err) {
    process.stderr.write(`${err instanceof Error ? err.message : String(err)}\n`);
  } finally {
    await close();
    if (isGood) removeData();
    else process.stderr.write(`log of the app server: ${dataDir}/server.log\n`);
  }
  return isGood ? 0 : 1;
}
