import type { Page, SetupCluster } from '../cluster.ts';
import { listOf, textOf } from '../fields.ts';
import { check, ok, problem, skipped, warning, type Check, type Finding } from './check.ts';

/** What a daemon's page said about it. */
interface Master {
  readonly check: Check;
  /** Null: it did not answer, or not as one of its kind does. */
  readonly state: 'active' | 'standby' | 'other' | null;
  readonly clockDifferenceMs: number | null;
}

export interface Masters {
  readonly checks: readonly Check[];
  readonly hdfsAnswers: boolean;
  readonly yarnAnswers: boolean;
}

const SKEW_WARNING_MS = 30_000;
/** What Kerberos allows by default. @see krb5.conf(5), clockskew */
const SKEW_MAX_MS = 300_000;

/** Asks every NameNode and ResourceManager of the configuration, and compares their clocks with ours. */
export async function checkMasters(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<Masters> {
  const { settings } = cluster;
  const nameNodes: Master[] = [];
  for (const { id, url } of settings.defaultNameservice.nameNodes)
    nameNodes.push(await askMaster(cluster, NAME_NODE, id, url, signal));
  const managers: Master[] = [];
  for (const { id, url } of settings.resourceManagers)
    managers.push(await askMaster(cluster, RESOURCE_MANAGER, id, url, signal));
  const hdfsAnswers = nameNodes.some(({ state }) => state === 'active');
  const yarnAnswers = managers.some(({ state }) => state === 'active');
  const checks = [...withStandIns(nameNodes, hdfsAnswers), ...withStandIns(managers, yarnAnswers)];
  return { checks: [...checks, clockCheck([...nameNodes, ...managers])], hdfsAnswers, yarnAnswers };
}

/** One of two that is away is no more than a warning while the other one is active. */
function withStandIns(masters: readonly Master[], anyActive: boolean): Check[] {
  return masters.map(({ check: found, state }) =>
    state === null && anyActive ? { ...found, state: 'warning' as const } : found,
  );
}

type Reading = { readonly finding: Finding; readonly state: Master['state'] };

interface Kind {
  readonly name: string;
  readonly path: string;
  readonly read: (page: Page, url: string) => Reading;
}

const NAME_NODE: Kind = {
  name: 'namenode',
  path: '/jmx?qry=Hadoop:service=NameNode,name=NameNode*',
  read: readNameNode,
};
const RESOURCE_MANAGER: Kind = { name: 'resourcemanager', path: '/ws/v1/cluster/info', read: readResourceManager };

async function askMaster(
  cluster: SetupCluster,
  kind: Kind,
  id: string,
  url: string,
  signal: AbortSignal | undefined,
): Promise<Master> {
  let state: Master['state'] = null;
  let clockDifferenceMs: number | null = null;
  const found = await check(id === '' ? kind.name : `${kind.name} ${id}`, signal, async () => {
    const page = await cluster.page(`${url}${kind.path}`, signal);
    clockDifferenceMs = page.clockDifferenceMs;
    const reading = kind.read(page, url);
    state = reading.state;
    return reading.finding;
  });
  return { check: found, state, clockDifferenceMs };
}

/** @see org.apache.hadoop.hdfs.server.namenode.NameNodeStatusMXBean, NameNodeMXBean */
function readNameNode(page: Page, url: string): Reading {
  const beans = listOf(page.json, 'beans');
  const state = beans.map((bean) => textOf(bean, 'State')).find((text) => text !== null) ?? null;
  const version = beans.map((bean) => textOf(bean, 'SoftwareVersion')).find((text) => text !== null) ?? '';
  const safeMode = beans.map((bean) => textOf(bean, 'Safemode')).find((text) => text !== null) ?? '';
  if (state === null) return notOne(page, url, 'a NameNode', 'dfs.namenode.http(s)-address');
  const text = `${url}: ${state}, Hadoop ${version}`;
  const finding =
    safeMode === ''
      ? judgeVersion(version, text)
      : problem(`${text}, in safe mode`, 'Wait until it has heard of its blocks: hdfs dfsadmin -safemode get.');
  return { finding, state: state === 'active' ? 'active' : 'standby' };
}

function readResourceManager(page: Page, url: string): Reading {
  const version = textOf(page.json, 'clusterInfo', 'resourceManagerVersion');
  if (version === null)
    return notOne(page, url, 'a ResourceManager', 'yarn.resourcemanager.webapp.address or .webapp.https.address');
  const state = (textOf(page.json, 'clusterInfo', 'haState') ?? 'active').toLowerCase();
  return {
    finding: judgeVersion(version, `${url}: ${state}, Hadoop ${version}`),
    state: state === 'active' ? 'active' : state === 'standby' ? 'standby' : 'other',
  };
}

function notOne({ status }: Page, url: string, what: string, key: string): Reading {
  const remedy = `Correct ${key} in hadoop.confDir, or give the service the right to read this page.`;
  return { finding: problem(`${url}: expected ${what}, found HTTP ${status} of something else`, remedy), state: null };
}

/** Versions with whose daemons the platform is tested. */
export function judgeVersion(version: string, text: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major === 3 && minor >= 3) return ok(text);
  const known = major > 3 ? 'is newer than what was tested' : 'is too old';
  const finding = `${text}, which ${known}`;
  const remedy = 'Use a cluster of Hadoop 3.3 to 3.5; nothing else is tested.';
  return major > 3 ? warning(finding, remedy) : problem(finding, remedy);
}

/** The largest difference between our clock and a master's. */
function clockCheck(masters: readonly Master[]): Check {
  const known = masters.flatMap(({ clockDifferenceMs }) => clockDifferenceMs ?? []);
  return { name: 'clocks', ...judgeClocks(known) };
}

/** @param differencesMs by `Date` headers, so only good to a second */
export function judgeClocks(differencesMs: readonly number[]): Finding {
  if (differencesMs.length === 0) return skipped('no daemon told its time');
  const largestMs = differencesMs.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
  const seconds = Math.round(Math.abs(largestMs) / 1000);
  if (seconds <= 1) return ok('within a second of the masters’');
  const text = `the masters’ are up to ${seconds} s ${largestMs > 0 ? 'ahead of' : 'behind'} this host’s`;
  const remedy = 'Set the clocks by NTP: Kerberos allows 300 s (clockskew in krb5.conf).';
  if (Math.abs(largestMs) >= SKEW_MAX_MS) return problem(text, remedy);
  return Math.abs(largestMs) >= SKEW_WARNING_MS ? warning(text, remedy) : ok(text);
}
