import { AppError } from '#contracts';
import { systemClock } from '#runtime';
import type { NodeReport } from '#yarn';
import type { SetupCluster } from '../cluster.ts';
import { asProblem, problem, skipped, type Check } from './check.ts';
import { judgeNodeFacts } from './node-facts.ts';
import { runProbe, type FactsByNode, type ProbeRun } from './probe-application.ts';

/** Nodes that a container looks at, at most: each costs one or two seconds of the cluster. */
export const NODES_PROBED_MAX = 5;
/** YARN allows an application two attempts by default, so one application sees two nodes. */
const NODES_PER_APPLICATION = 2;
const ROUNDS_MAX = 3;
const LIMIT_MS = 60_000;

/** Rows of the probe where it is left out. */
export const withoutProbe = (why: string): Check[] => [{ name: 'probe container', ...skipped(why) }];

export interface ProbeRequest {
  readonly cluster: SetupCluster;
  readonly user: string;
  readonly glibcFloor: string;
  readonly running: readonly NodeReport[];
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs containers as the user would: whether his applications are taken, and what the nodes have on which they land. Which
 * nodes these are is the scheduler's choice, but no application visits one twice; the rows say how many it were.
 */
export async function probeNodes({ cluster, user, glibcFloor, running, signal }: ProbeRequest): Promise<Check[]> {
  const total = running.length;
  const wanted = Math.min(Math.max(total, 1), NODES_PROBED_MAX);
  const endMs = systemClock.monotonicMs() + LIMIT_MS;
  const facts: FactsByNode = new Map();
  let runs: readonly ProbeRun[] = [];
  for (let round = 0; round < ROUNDS_MAX && facts.size < wanted; round += 1) {
    const missing = wanted - facts.size;
    // One attempt alone may well land on a node that was looked at; the second one lands on another.
    const attemptsMax = Math.min(Math.max(missing, NODES_PER_APPLICATION), Math.max(total, 1));
    const options = { cluster, user, attemptsMax, endMs, signal };
    const count = Math.ceil(missing / NODES_PER_APPLICATION);
    runs = await Promise.all(Array.from({ length: count }, () => runProbe(options, facts)));
    if (runs.some(({ trouble }) => trouble !== null) || systemClock.monotonicMs() >= endMs) break;
  }
  if (facts.size === 0) return runs.flatMap(troubleOf).slice(0, 1);
  const all = [...facts].map(([node, found]) => ({ node: hostOf(node, running), facts: found }));
  const isSecured = cluster.settings.security === 'kerberos';
  return judgeNodeFacts(all, { glibcFloor, user, isSecured, total });
}

function troubleOf({ trouble }: ProbeRun): Check[] {
  if (trouble === null) return [];
  const finding = trouble instanceof AppError ? asProblem(trouble) : problem(trouble.found, trouble.remedy);
  return [{ name: 'probe container', ...finding }];
}

/** Without the port, unless several nodes are of one host. */
function hostOf(node: string, running: readonly NodeReport[]): string {
  const host = node.replace(/:\d+$/, '');
  return running.filter((one) => one.host === host).length > 1 ? node : host;
}
