import { setTimeout as delay } from 'node:timers/promises';
import { startHadoopCluster, type Shape } from '../../../test/support/hadoop/index.ts';
import { createState, holderOf, placesOf, removeState, replaceState } from './state.ts';

/**
 * The background process of `scripts/dev-cluster up`, which lives as long as the cluster; the argument is the shape.
 * SIGTERM ends both. When it ends in another way, or while the cluster starts, the cluster's keeper cleans up.
 */
async function main(shape: Shape): Promise<void> {
  const holder = holderOf(process.pid);
  createState(shape, { holder });
  const cluster = await startHadoopCluster({ shape, folder: placesOf(shape).clusterFolder });
  const { hadoopVersion, confDir, nameNodeUrls, resourceManagerUrls, nodeManagerUrls, security } = cluster;
  const facts = { hadoopVersion, confDir, nameNodeUrls, resourceManagerUrls, nodeManagerUrls };
  replaceState(shape, { holder, cluster: security === undefined ? facts : { ...facts, security } });
  const asked = new AbortController();
  process.on('SIGTERM', () => asked.abort());
  await delay(FOREVER_MS, undefined, { signal: asked.signal }).catch(() => undefined);
  await cluster.close();
  removeState(shape);
}

/** The longest time that a timer takes, 24 days. */
const FOREVER_MS = 2 ** 31 - 1;

await main(process.argv[2] as Shape); // main.ts starts it
