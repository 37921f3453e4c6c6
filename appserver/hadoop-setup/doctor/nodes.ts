import { isAppError } from '#contracts';
import type { NodeReport } from '#yarn';
import type { SetupCluster } from '../cluster.ts';
import { textOf } from '../fields.ts';
import { check, ok, problem, skipped, warning, type Check, type Finding } from './check.ts';
import { judgeMemoryLimits, judgeVirtualMemory, type NodeMemorySettings } from './memory-limits.ts';

/** Reads one property of a daemon; null: not set. */
export type ReadProperty = (key: string) => Promise<string | null>;

/** What the NodeManagers are like, and how they are set. */
export async function checkNodes(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<readonly Check[]> {
  let nodes: readonly NodeReport[] = [];
  const list = await check('nodes', signal, async () => {
    nodes = await cluster.manager.nodes(signal);
    return judgeNodes(nodes);
  });
  const running = nodes.find(({ state, httpAddress }) => state === 'RUNNING' && httpAddress !== '');
  const read = running === undefined ? null : await readerOf(cluster, nodeUrl(cluster, running), signal);
  if (running === undefined || read === null) {
    const why = running === undefined ? 'no node runs' : `${running.host}: its /conf page cannot be read`;
    return [list, ...['memory limits', 'virtual memory', 'log aggregation'].map((name) => ({ name, ...skipped(why) }))];
  }
  const settings = await memorySettings(read);
  const { containerMemoryMb } = cluster.config.yarn;
  return [
    list,
    await check('memory limits', signal, () => judgeMemoryLimits(settings)),
    await check('virtual memory', signal, () => judgeVirtualMemory(settings, containerMemoryMb)),
    await check('log aggregation', signal, async () => judgeLogAggregation(await read('yarn.log-aggregation-enable'))),
  ];
}

export function judgeNodes(nodes: readonly NodeReport[]): Finding {
  const running = nodes.filter(({ state }) => state === 'RUNNING');
  const others = nodes.filter(({ state }) => state === 'LOST' || state === 'UNHEALTHY');
  if (running.length === 0) return problem('no node runs', 'Start NodeManagers: yarn --daemon start nodemanager.');
  const versions = [...new Set(running.map(({ version }) => version))].join(', ');
  const text = `${running.length} running, Hadoop ${versions}`;
  if (others.length === 0) return ok(text);
  const names = others.slice(0, 5).map(({ host, state }) => `${host} (${state})`);
  return warning(`${text}; ${others.length} lost or unhealthy: ${names.join(', ')}`, 'See yarn node -list -all.');
}

function judgeLogAggregation(enabled: string | null): Finding {
  if (enabled === 'true') return ok('on');
  return warning(
    'off: logs of ended containers stay on their nodes for a while; the last lines of each task are kept by the platform',
    'Set yarn.log-aggregation-enable=true in yarn-site.xml.',
  );
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
