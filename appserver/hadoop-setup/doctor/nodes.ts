import { isAppError } from '#contracts';
import type { NodeReport } from '#yarn';
import type { SetupCluster } from '../cluster.ts';
import { textOf } from '../fields.ts';
import { check, ok, problem, skipped, warning, type Check, type Finding } from './check.ts';
import { judgeClocks, type ClockReading } from './clocks.ts';
import { judgeMemoryLimits, judgeVirtualMemory, type NodeMemorySettings } from './memory-limits.ts';
import { acrossNodes, type OnNode } from './on-nodes.ts';

/** Reads one property of a daemon; null: not set. */
export type ReadProperty = (key: string) => Promise<string | null>;

/** Nodes whose settings are read at most: each costs a few calls, and clusters have thousands. */
const NODES_READ_MAX = 20;

export interface Nodes {
  readonly checks: readonly Check[];
  /** Nodes that run, of the label of `yarn.nodeLabel` where one is set. */
  readonly running: readonly NodeReport[];
}

/** What the NodeManagers are like, and how they are set. */
export async function checkNodes(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<Nodes> {
  const { nodeLabel } = cluster.config.yarn;
  let nodes: readonly NodeReport[] = [];
  const list = await check('nodes', signal, async () => {
    nodes = await cluster.manager.nodes(signal);
    return judgeNodes(nodes, nodeLabel);
  });
  const running = nodesToUse(nodes, nodeLabel);
  const settings = await Promise.all(spread(running, NODES_READ_MAX).map((node) => readNode(cluster, node, signal)));
  return { checks: [list, ...judgeSettings(settings, running.length, cluster.config.yarn.containerMemoryMb)], running };
}

/** What one node told of itself; settings null where its `/conf` page cannot be read. */
interface NodeSettings {
  readonly node: string;
  readonly memory: NodeMemorySettings | null;
  readonly logAggregation: string | null;
  readonly clock: ClockReading | null;
}

const NODE_ROWS = ['memory limits', 'virtual memory', 'log aggregation'] as const;

function judgeSettings(all: readonly NodeSettings[], total: number, containerMemoryMb: number): Check[] {
  const read = all.filter(({ memory }) => memory !== null);
  const clocks = { name: 'clocks of nodes', ...judgeClocks(all.flatMap(({ clock }) => clock ?? [])) };
  if (read.length === 0) {
    const why = total === 0 ? 'no node runs' : `${all[0]?.node ?? ''}: its /conf page cannot be read`;
    return [...NODE_ROWS.map((name) => ({ name, ...skipped(why) })), clocks];
  }
  const judge = (name: string, look: (settings: NodeSettings, memory: NodeMemorySettings) => Finding): Check => {
    const looks = read.flatMap((settings): OnNode[] =>
      settings.memory === null ? [] : [{ node: settings.node, finding: look(settings, settings.memory) }],
    );
    return { name, ...acrossNodes(looks, total) };
  };
  return [
    judge(NODE_ROWS[0], (_, memory) => judgeMemoryLimits(memory)),
    judge(NODE_ROWS[1], (_, memory) => judgeVirtualMemory(memory, containerMemoryMb)),
    judge(NODE_ROWS[2], ({ logAggregation }) => judgeLogAggregation(logAggregation)),
    clocks,
  ];
}

/** Those on which containers can run: of the label asked for; without one, those that have none. */
export function nodesToUse(nodes: readonly NodeReport[], nodeLabel: string): NodeReport[] {
  const fits = ({ labels }: NodeReport): boolean =>
    nodeLabel === '' ? labels.every((label) => label === '') : labels.includes(nodeLabel);
  return nodes.filter((node) => node.state === 'RUNNING' && fits(node));
}

export function judgeNodes(nodes: readonly NodeReport[], nodeLabel: string): Finding {
  const running = nodes.filter(({ state }) => state === 'RUNNING');
  if (running.length === 0) return problem('no node runs', 'Start NodeManagers: yarn --daemon start nodemanager.');
  const usable = nodesToUse(nodes, nodeLabel);
  const versions = [...new Set(running.map(({ version }) => version))].join(', ');
  const labels = [...new Set(running.flatMap((node) => node.labels))].join(', ') || 'none';
  const label = nodeLabel === '' ? 'without a label' : `with the label ${nodeLabel}`;
  const text = `${running.length} running, Hadoop ${versions}${labels === 'none' && nodeLabel === '' ? '' : `, ${usable.length} ${label}`}`;
  if (usable.length === 0)
    return problem(
      `${text} (labels of the running ones: ${labels})`,
      'Set yarn.nodeLabel to a label that nodes have and the queue may use (yarn.scheduler.capacity.<queue>.accessible-node-labels), or have nodes labelled: yarn rmadmin -replaceLabelsOnNode.',
    );
  const out = (...states: string[]): NodeReport[] => nodes.filter(({ state }) => states.includes(state));
  const taken = out('DECOMMISSIONED', 'DECOMMISSIONING');
  const whole = taken.length === 0 ? text : `${text}; taken out of service: ${namesOf(taken)}`;
  const broken = out('LOST', 'UNHEALTHY');
  if (broken.length === 0) return ok(whole);
  return warning(
    `${whole}; ${broken.length} lost or unhealthy: ${namesOf(broken)}`,
    'See yarn node -list -all; a node that is unhealthy says why: yarn node -status NODE.',
  );
}

const NAMES_MAX = 5;
const namesOf = (nodes: readonly NodeReport[]): string => {
  const names = nodes.slice(0, NAMES_MAX).map(({ host, state }) => `${host} (${state})`);
  return nodes.length > NAMES_MAX ? `${names.join(', ')} and ${nodes.length - NAMES_MAX} more` : names.join(', ');
};

function judgeLogAggregation(enabled: string | null): Finding {
  if (enabled === 'true') return ok('on');
  return warning(
    'off: logs of ended containers stay on their nodes for a while; the last lines of each task are kept by the platform',
    'Set yarn.log-aggregation-enable=true in yarn-site.xml.',
  );
}

/** At most so many of a list, evenly spread: nodes are often listed by rack. */
export function spread<T>(all: readonly T[], countMax: number): readonly T[] {
  if (all.length <= countMax) return all;
  return Array.from({ length: countMax }, (_, index) => all[Math.floor((index * all.length) / countMax)]).filter(
    (one) => one !== undefined,
  );
}

async function readNode(
  cluster: SetupCluster,
  node: NodeReport,
  signal: AbortSignal | undefined,
): Promise<NodeSettings> {
  const url = nodeUrl(cluster, node);
  const untold = { node: node.host, memory: null, logAggregation: null, clock: null };
  try {
    const read = await readerOf(cluster, url, signal);
    if (read === null) return untold;
    const { clockDifferenceMs: differenceMs } = await cluster.page(`${url}/ws/v1/node/info`, signal);
    return {
      node: node.host,
      memory: await memorySettings(read),
      logAggregation: await read('yarn.log-aggregation-enable'),
      clock: differenceMs === null ? null : { whose: node.host, differenceMs },
    };
  } catch (err) {
    if (isAppError(err)) return untold;
    throw err;
  }
}

const nodeUrl = ({ settings }: SetupCluster, { httpAddress }: NodeReport): string =>
  `${settings.configuration.get('yarn.http.policy') === 'HTTPS_ONLY' ? 'https' : 'http'}://${httpAddress}`;

/** A way to read a daemon's properties, or null where its `/conf` page does not answer. */
export async function readerOf(
  cluster: SetupCluster,
  url: string,
  signal: AbortSignal | undefined,
): Promise<ReadProperty | null> {
  const read = async (key: string): Promise<string | null> => {
    const page = await cluster.page(`${url}/conf?name=${encodeURIComponent(key)}&format=json`, signal);
    return page.status === 200 ? textOf(page.json, 'property', 'value') : null;
  };
  try {
    // Every daemon has it: null means that this is no such page, or that it is for administrators only.
    return (await read('fs.defaultFS')) === null ? null : read;
  } catch (err) {
    if (isAppError(err)) return null;
    throw err;
  }
}

async function memorySettings(read: ReadProperty): Promise<NodeMemorySettings> {
  const prefix = 'yarn.nodemanager';
  return {
    cgroups: await read(`${prefix}.resource.memory.enabled`),
    enforced: await read(`${prefix}.resource.memory.enforced`),
    physicalCheck: await read(`${prefix}.pmem-check-enabled`),
    virtualCheck: await read(`${prefix}.vmem-check-enabled`),
    virtualRatio: await read(`${prefix}.vmem-pmem-ratio`),
  };
}
