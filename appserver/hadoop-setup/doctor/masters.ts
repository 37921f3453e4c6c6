import { isAppError, type ErrorCode } from '#contracts';
import type { SetupCluster } from '../cluster.ts';
import { asProblem, type Check, type Finding } from './check.ts';
import { judgeClocks, type ClockReading } from './clocks.ts';
import { askGateways } from './gateways.ts';
import { NAME_NODE, RESOURCE_MANAGER, type MasterKind, type MasterState } from './master-kinds.ts';

/** What a daemon's page said about it. */
interface Master {
  readonly name: string;
  readonly finding: Finding;
  readonly state: MasterState;
  /** Why it did not answer; null where it did, or answers as something else. */
  readonly failure: ErrorCode | null;
  readonly clock: ClockReading | null;
}

export interface Masters {
  readonly checks: readonly Check[];
  readonly hdfsAnswers: boolean;
  readonly yarnAnswers: boolean;
}

/** Asks every NameNode and ResourceManager of the configuration, and compares their clocks with ours. */
export async function checkMasters(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<Masters> {
  const { settings, config } = cluster;
  const nameNodes: Master[] = [];
  for (const address of settings.defaultNameservice.nameNodes)
    nameNodes.push(await askMaster(cluster, NAME_NODE, address, signal));
  const managers: Master[] = [];
  for (const address of settings.resourceManagers)
    managers.push(await askMaster(cluster, RESOURCE_MANAGER, address, signal));
  const gateways = await askGateways(cluster, signal);
  const masters = [...nameNodes, ...managers];
  const clocks = masters.flatMap(({ clock }) => clock ?? []);
  const isSkewed = masters.some(({ failure }) => failure === 'KERBEROS_CLOCK_SKEW');
  const usesGateways = config.hadoop.webHdfsUrls.length > 0;
  return {
    checks: [
      ...(usesGateways ? nameNodes.map(behindGateway) : judgeTogether(nameNodes, NAME_NODE)),
      ...gateways.checks,
      ...judgeTogether(managers, RESOURCE_MANAGER),
      { name: 'clocks', ...judgeClocks([...clocks, ...gateways.clocks], isSkewed) },
    ],
    hdfsAnswers: usesGateways ? gateways.anyAnswers : nameNodes.some(({ state }) => state === 'active'),
    yarnAnswers: managers.some(({ state }) => state === 'active'),
  };
}

type Address = { readonly id: string; readonly url: string };

async function askMaster(
  cluster: SetupCluster,
  kind: MasterKind,
  { id, url }: Address,
  signal: AbortSignal | undefined,
): Promise<Master> {
  signal?.throwIfAborted();
  const name = id === '' ? kind.name : `${kind.name} ${id}`;
  const clockOf = (differenceMs: number | null): ClockReading | null =>
    differenceMs === null ? null : { whose: name, differenceMs };
  try {
    const page = await cluster.page(`${url}${kind.path}`, signal);
    return { name, ...kind.read(page, url), failure: null, clock: clockOf(page.clockDifferenceMs) };
  } catch (err) {
    signal?.throwIfAborted();
    if (!isAppError(err)) throw err;
    const isRefusal = err.kind !== 'unavailable' && err.kind !== 'timeout' && err.code !== 'HADOOP_TLS_UNTRUSTED';
    const clock = isRefusal ? clockOf(await cluster.clockDifferenceMs(`${url}${kind.refusingPath}`, signal)) : null;
    return { name, finding: asProblem(err), state: null, failure: err.code, clock };
  }
}

/** One of two that is away is a warning while the other one is active; a standby alone is of no use. */
function judgeTogether(masters: readonly Master[], kind: MasterKind): Check[] {
  const active = masters.find(({ state }) => state === 'active');
  return masters.map(({ name, finding, state, failure }) => {
    if (active === undefined && (state === 'standby' || state === 'other'))
      return { name, state: 'problem', found: `${finding.found}; none is active`, remedy: kind.noneActiveRemedy };
    if (active === undefined || state !== null) return { name, ...finding };
    const remedy = failure === 'HADOOP_UNAVAILABLE' ? kind.awayRemedy : finding.remedy;
    return { name, state: 'warning', found: `${finding.found}; ${active.name} is active`, remedy };
  });
}

/** Where HDFS is reached by `hadoop.webHdfsUrls`, this host need not reach a NameNode. */
function behindGateway({ name, finding, failure }: Master): Check {
  if (failure !== 'HADOOP_UNAVAILABLE') return { name, ...finding };
  return { name, state: 'ok', found: `${finding.found}; hadoop.webHdfsUrls is used instead`, remedy: '' };
}
