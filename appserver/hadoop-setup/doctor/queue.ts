import { AppError, isAppError, type ContainerSize } from '#contracts';
import { requireSize, type QueueState } from '#yarn';
import type { SetupCluster } from '../cluster.ts';
import { check, ok, problem, skipped, warning, type Check, type Finding } from './check.ts';
import { readerOf } from './nodes.ts';
import {
  judgeAdministration,
  judgeApplicationRights,
  judgeSubmit,
  readQueueRights,
  type QueueRights,
} from './queue-rights.ts';

export interface QueueChecks {
  readonly checks: readonly Check[];
  /** The ResourceManager takes applications over REST, and the queue is there and open. */
  readonly maySubmit: boolean;
}

/** Whether applications of a user can come into the queue, and how large their containers may be. */
export async function checkQueue(
  cluster: SetupCluster,
  user: string,
  signal: AbortSignal | undefined,
): Promise<QueueChecks> {
  const { config, manager } = cluster;
  let maximum: ContainerSize | null = null;
  const submission = await check('rest submission', signal, async () => {
    ({ maximum } = await cluster.managerFor(user).newApplication(signal));
    return ok('taken over REST');
  }).then((found) => judgeSubmission(found, cluster));
  let queue: QueueState | null = null;
  const exists = await check('queue', signal, async () => {
    queue = await manager.requireQueue(config.yarn.queue, { memoryMb: 1, vcores: 1 }, signal);
    return judgeQueueState(queue);
  });
  const rights = await readRights(cluster, signal);
  const enabled = await aclEnabled(cluster, signal);
  const allowed = await askWhetherAllowed(cluster, user, signal);
  const checks = [
    submission,
    exists,
    await check('queue rights', signal, () =>
      judgeSubmit({ user, queue: config.yarn.queue, enabled, allowed, rights }),
    ),
    await check('queue administration', signal, () => judgeAdministration(rights)),
    await check('application rights', signal, () => judgeApplicationRights(enabled)),
    await check('container size', signal, () => judgeSizes(cluster, maximum, queue)),
  ];
  return { checks, maySubmit: maximum !== null && exists.state !== 'problem' };
}

/** Where REST is off the application master's jar submits, if it may and is there. */
function judgeSubmission(found: Check, { config }: SetupCluster): Check {
  if (found.state !== 'problem' || !found.found.includes('REST is disabled')) return found;
  const { jarFolder, viaJar } = config.yarn;
  const text = 'switched off by yarn.webapp.enable-rest-app-submissions=false';
  if (viaJar !== 'never' && jarFolder !== '')
    return { name: found.name, ...ok(`${text}; applications go by the jar of ${jarFolder}`) };
  return {
    name: found.name,
    ...problem(text, 'Set yarn.jarFolder to the folder of the jars (needs Java on this host), or have it switched on.'),
  };
}

function judgeQueueState({ path, state, guaranteed, maximum }: QueueState): Finding {
  const text = `${path}: ${state}, ${guaranteed.memoryMb} MB promised, ${maximum.memoryMb} MB and ${maximum.vcores} vcores at most`;
  return maximum.memoryMb > 0 ? ok(text) : warning(text, 'Give the queue a capacity, or start NodeManagers.');
}

async function readRights(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<QueueRights | null> {
  try {
    const { json } = await cluster.resourceManagers.call({
      method: 'GET',
      path: '/scheduler',
      ...(signal === undefined ? {} : { signal }),
    });
    return readQueueRights(json, cluster.config.yarn.queue);
  } catch (err) {
    if (isAppError(err)) return null;
    throw err;
  }
}

/**
 * The ResourceManager's own word, which it gives to administrators of the queue alone. As XML: Hadoop 3.5.0 cannot write
 * this answer as JSON.
 * @see org.apache.hadoop.yarn.server.resourcemanager.webapp.RMWebServices, checkUserAccessToQueue
 */
async function askWhetherAllowed(
  cluster: SetupCluster,
  user: string,
  signal: AbortSignal | undefined,
): Promise<boolean | null> {
  const query = new URLSearchParams({ user, 'queue-acl-type': 'SUBMIT_APPLICATIONS' });
  const queue = encodeURIComponent(cluster.config.yarn.queue);
  const url = `${cluster.manager.activeUrl}/ws/v1/cluster/queues/${queue}/access?${query.toString()}`;
  try {
    const { text } = await cluster.page(url, signal, 'application/xml');
    const allowed = /<allowed>(true|false)<\/allowed>/.exec(text)?.[1];
    return allowed === undefined ? null : allowed === 'true';
  } catch (err) {
    if (isAppError(err)) return null;
    throw err;
  }
}

async function aclEnabled(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<boolean | null> {
  const read = await readerOf(cluster, cluster.manager.activeUrl, signal);
  if (read === null) return null;
  return (await read('yarn.acl.enable')) === 'true';
}

function judgeSizes({ config }: SetupCluster, maximum: ContainerSize | null, queue: QueueState | null): Finding {
  const { containerMemoryMb, containerVcores, masterMemoryMb } = config.yarn;
  const limits = [maximum, queue?.maximumContainer ?? null].filter((size) => size !== null);
  if (limits.length === 0) return skipped('the ResourceManager did not say how large containers may be');
  const smallest: ContainerSize = {
    memoryMb: Math.min(...limits.map(({ memoryMb }) => memoryMb)),
    vcores: Math.min(...limits.map(({ vcores }) => vcores)),
  };
  const most = `at most ${smallest.memoryMb} MB and ${smallest.vcores} vcores`;
  const asked = `${containerMemoryMb} MB and ${containerVcores} vcores for a worker, ${masterMemoryMb} MB for a master`;
  try {
    requireSize({ memoryMb: containerMemoryMb, vcores: containerVcores }, smallest, 'yarn.containerMemoryMb');
    requireSize({ memoryMb: masterMemoryMb, vcores: 1 }, smallest, 'yarn.masterMemoryMb');
  } catch (err) {
    if (!(err instanceof AppError)) throw err;
    return problem(
      `asked ${asked}; granted ${most}`,
      'Lower yarn.containerMemoryMb, yarn.containerVcores or yarn.masterMemoryMb, or have yarn.scheduler.maximum-allocation-mb and -vcores raised.',
    );
  }
  return ok(`${most}; asked ${asked}`);
}
