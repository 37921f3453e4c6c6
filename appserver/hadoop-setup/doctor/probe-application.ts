import { isAppError } from '#contracts';
import { hasEnded, refusalIn, type ApplicationReport, type ResourceManagerClient } from '#yarn';
import { systemClock } from '#runtime';
import type { SetupCluster } from '../cluster.ts';
import { asProblem, problem, skipped, type Check } from './check.ts';
import { judgeNodeFacts, PROBE_COMMAND, readNodeFacts } from './node-facts.ts';

/** Applications of the doctor; shown by YARN as failed, since only an application master can end one well. */
export const DOCTOR_TAG = 'trainyard-doctor';
const LIMIT_MS = 60_000;
const POLL_MS = 250;

/** Rows of the probe where it is left out. */
export const withoutProbe = (why: string): Check[] => [{ name: 'probe container', ...skipped(why) }];

/**
 * Runs one container as the user would: whether his application is taken, and what the node has on which it lands. Nothing
 * is left but its record in YARN.
 */
export async function probeNode(
  cluster: SetupCluster,
  user: string,
  glibcFloor: string,
  signal: AbortSignal | undefined,
): Promise<Check[]> {
  const manager = cluster.managerFor(user);
  try {
    const applicationId = await submit(cluster, manager, signal);
    const ended = await waitFor(manager, applicationId, signal);
    return ended === null
      ? await waited(cluster, manager, applicationId, user, signal)
      : await read(cluster, ended, user, glibcFloor);
  } catch (err) {
    signal?.throwIfAborted();
    return [{ name: 'probe container', ...asProblem(err) }];
  }
}

async function submit(
  { config, serviceUser }: SetupCluster,
  manager: ResourceManagerClient,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { queue, masterMemoryMb, nodeLabel } = config.yarn;
  const { applicationId } = await manager.newApplication(signal);
  await manager.submit(
    {
      applicationId,
      name: 'trainyard doctor',
      type: 'TRAINYARD',
      queue,
      tags: [DOCTOR_TAG],
      attemptsMax: 1,
      attemptFailuresValidityMs: -1,
      master: { memoryMb: masterMemoryMb, vcores: 1 },
      command: PROBE_COMMAND,
      environment: {},
      resources: [],
      tokens: {},
      secrets: {},
      viewers: serviceUser,
      modifiers: serviceUser,
      ...(nodeLabel === '' ? {} : { nodeLabel }),
    },
    signal,
  );
  return applicationId;
}

/** Null: it has not ended in time. An end that nobody knows of is waited for too. */
async function waitFor(
  manager: ResourceManagerClient,
  applicationId: string,
  signal: AbortSignal | undefined,
): Promise<ApplicationReport | null> {
  const end = systemClock.monotonicMs() + LIMIT_MS;
  try {
    while (systemClock.monotonicMs() < end) {
      const sighting = await manager.sight(applicationId, signal);
      if (sighting.kind === 'known' && hasEnded(sighting.application)) return sighting.application;
      await systemClock.pause(POLL_MS, signal);
      signal?.throwIfAborted();
    }
    return null;
  } catch (err) {
    // Interrupted: it must not go on by itself.
    await manager.kill(applicationId).catch((killErr: unknown) => {
      if (!isAppError(killErr)) throw killErr;
    });
    throw err;
  }
}

async function waited(
  cluster: SetupCluster,
  manager: ResourceManagerClient,
  applicationId: string,
  user: string,
  signal: AbortSignal | undefined,
): Promise<Check[]> {
  const { queue, masterMemoryMb } = cluster.config.yarn;
  const ask = { size: { memoryMb: masterMemoryMb, vcores: 1 }, user, isMaster: true };
  const { sentence } = await cluster.manager.explainWait(queue, ask, signal);
  await manager.kill(applicationId, signal);
  const found = `${applicationId} had not ended after ${LIMIT_MS / 1000} s and was killed: ${sentence}`;
  return [
    { name: 'probe container', ...problem(found, 'Make room in the queue, or raise maximum-am-resource-percent.') },
  ];
}

async function read(
  cluster: SetupCluster,
  application: ApplicationReport,
  user: string,
  glibcFloor: string,
): Promise<Check[]> {
  const refusal = refusalIn(application);
  if (refusal !== null) return [{ name: 'probe container', ...asProblem(refusal) }];
  const facts = readNodeFacts(application.diagnostics);
  if (facts === null) {
    const words = application.diagnostics.replaceAll(/\s+/g, ' ').slice(0, 300);
    const found = `${application.applicationId} ended as ${application.state ?? 'unknown'} and told nothing: ${words}`;
    return [{ name: 'probe container', ...problem(found, `yarn logs -applicationId ${application.applicationId}`) }];
  }
  const [attempt] = await cluster.managerFor(user).attempts(application.applicationId);
  const node = (attempt?.node ?? '').replace(/:\d+$/, '') || 'a node';
  return judgeNodeFacts(facts, glibcFloor, user, cluster.settings.security === 'kerberos', node);
}
