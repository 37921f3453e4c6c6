import { AppError, isAppError } from '#contracts';
import { systemClock } from '#runtime';
import { hasEnded, refusalIn, type ApplicationReport, type ResourceManagerClient } from '#yarn';
import type { SetupCluster } from '../cluster.ts';
import { PROBE_COMMAND, readNodeFacts, type NodeFacts } from './node-facts.ts';

/** Applications of the doctor; shown by YARN as failed, since only an application master can end one well. */
export const DOCTOR_TAG = 'trainyard-doctor';
const POLL_MS = 250;

/** Facts by node, as `host:port`. */
export type FactsByNode = Map<string, NodeFacts>;

/** How one application of the probe went. */
export interface ProbeRun {
  /** Why it told nothing; null where at least one node did. */
  readonly trouble: { readonly found: string; readonly remedy: string } | AppError | null;
}

export interface ProbeOptions {
  readonly cluster: SetupCluster;
  readonly user: string;
  /** Nodes that one application is to visit, as far as the cluster's limit of attempts (2 by default) allows. */
  readonly attemptsMax: number;
  /** Of the monotonic clock: what has not ended by then is killed. */
  readonly endMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * One application whose master is a command that tells about its node and fails: YARN then starts it on another node, as
 * long as attempts are left. Nothing of it stays but its record in YARN.
 * @returns what the nodes told, put into `facts`
 */
export async function runProbe(options: ProbeOptions, facts: FactsByNode): Promise<ProbeRun> {
  const { cluster, user, signal } = options;
  const manager = cluster.managerFor(user);
  try {
    const applicationId = await submit(options, manager);
    const ended = await waitFor(manager, applicationId, options);
    const told = await readAttempts(cluster, manager, applicationId, signal);
    for (const [node, found] of told) facts.set(node, found);
    if (told.size > 0) return { trouble: null };
    return { trouble: ended === null ? await waited(options, applicationId) : silence(ended) };
  } catch (err) {
    signal?.throwIfAborted();
    if (err instanceof AppError) return { trouble: err };
    throw err;
  }
}

async function submit(
  { cluster: { config, serviceUser }, attemptsMax, signal }: ProbeOptions,
  manager: ResourceManagerClient,
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
      attemptsMax,
      avoidsFailedNodes: true,
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

/** Null: it had not ended in time and was killed. An end that nobody knows of is waited for too. */
async function waitFor(
  manager: ResourceManagerClient,
  applicationId: string,
  { endMs, signal }: ProbeOptions,
): Promise<ApplicationReport | null> {
  try {
    while (systemClock.monotonicMs() < endMs) {
      const sighting = await manager.sight(applicationId, signal);
      if (sighting.kind === 'known' && hasEnded(sighting.application)) return sighting.application;
      await systemClock.pause(POLL_MS, signal);
      signal?.throwIfAborted();
    }
  } catch (err) {
    // Interrupted: it must not go on by itself.
    await manager.kill(applicationId).catch((killErr: unknown) => {
      if (!isAppError(killErr)) throw killErr;
    });
    throw err;
  }
  return null;
}

async function readAttempts(
  cluster: SetupCluster,
  manager: ResourceManagerClient,
  applicationId: string,
  signal: AbortSignal | undefined,
): Promise<FactsByNode> {
  const facts: FactsByNode = new Map();
  for (const { attemptId, node } of await manager.attempts(applicationId, signal)) {
    if (attemptId === null || node === null || node === '') continue;
    // As XML: Hadoop 3.5.0 cannot write this answer as JSON.
    const url = `${manager.activeUrl}/ws/v1/cluster/apps/${applicationId}/appattempts/${attemptId}`;
    const { text } = await cluster.page(url, signal, 'application/xml');
    const found = readNodeFacts(diagnosticsIn(text));
    if (found !== null) facts.set(node, found);
  }
  return facts;
}

/** `diagnosticsInfo` of an attempt; '' where there is none. */
function diagnosticsIn(xml: string): string {
  const text = /<diagnosticsInfo>([\s\S]*?)<\/diagnosticsInfo>/.exec(xml)?.[1] ?? '';
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text.replaceAll(/&(lt|gt|quot|apos|amp);/g, (whole, name: string) => named[name] ?? whole);
}

async function waited(
  { cluster, user, signal }: ProbeOptions,
  applicationId: string,
): Promise<{ readonly found: string; readonly remedy: string }> {
  const { queue, masterMemoryMb } = cluster.config.yarn;
  const ask = { size: { memoryMb: masterMemoryMb, vcores: 1 }, user, isMaster: true };
  const { sentence } = await cluster.manager.explainWait(queue, ask, signal);
  await cluster.managerFor(user).kill(applicationId, signal);
  return {
    found: `${applicationId} had not ended in time and was killed: ${sentence}`,
    remedy: `Make room in the queue, or raise the share of application masters in it (maximum-am-resource-percent, maxAMShare).`,
  };
}

function silence(application: ApplicationReport): AppError | { readonly found: string; readonly remedy: string } {
  const words = application.diagnostics.replaceAll(/\s+/g, ' ').slice(0, 300);
  return (
    refusalIn(application) ?? {
      found: `${application.applicationId} ended as ${application.state ?? 'unknown'} and told nothing: ${words}`,
      remedy: `yarn logs -applicationId ${application.applicationId}`,
    }
  );
}
