import type { Page } from '../cluster.ts';
import { listOf, textOf } from '../fields.ts';
import { ok, problem, warning, type Finding } from './check.ts';

/** Null: it did not answer, or not as one of its kind does. `other`: an observer, or one that is between two states. */
export type MasterState = 'active' | 'standby' | 'other' | null;

export interface MasterReading {
  readonly finding: Finding;
  readonly state: MasterState;
}

/** How a kind of master is asked what it is, and what to do about it. */
export interface MasterKind {
  readonly name: string;
  readonly path: string;
  /**
   * A call with a token that is none. Its refusal comes from behind Kerberos and so tells the time, also where Kerberos itself
   * refuses because of the time; those refusals have no `Date`.
   */
  readonly refusingPath: string;
  readonly read: (page: Page, url: string) => MasterReading;
  /** One is away while its partner is active. */
  readonly awayRemedy: string;
  /** Those that answer are standing by. */
  readonly noneActiveRemedy: string;
}

export const NAME_NODE: MasterKind = {
  name: 'namenode',
  path: '/jmx?qry=Hadoop:service=NameNode,name=NameNode*',
  refusingPath: '/webhdfs/v1/?op=GETFILESTATUS&delegation=AAAA',
  read: readNameNode,
  awayRemedy: 'Start it (hdfs --daemon start namenode): until then nobody takes over should the active one end.',
  noneActiveRemedy:
    'See hdfs haadmin -getAllServiceState. Name every NameNode in dfs.ha.namenodes.<nameservice> of hadoop.confDir’s hdfs-site.xml; where none is active, start the failover controllers (hdfs --daemon start zkfc) or hdfs haadmin -transitionToActive.',
};

export const RESOURCE_MANAGER: MasterKind = {
  name: 'resourcemanager',
  path: '/ws/v1/cluster/info',
  refusingPath: '/ws/v1/cluster/info?delegation=AAAA',
  read: readResourceManager,
  awayRemedy: 'Start it (yarn --daemon start resourcemanager): until then nobody takes over should the active one end.',
  noneActiveRemedy:
    'See yarn rmadmin -getAllServiceState. Name every ResourceManager in yarn.resourcemanager.ha.rm-ids of hadoop.confDir’s yarn-site.xml; where none is active, look at ZooKeeper (hadoop.zk.address) or yarn rmadmin -transitionToActive.',
};

/** @see org.apache.hadoop.hdfs.server.namenode.NameNodeStatusMXBean, NameNodeMXBean */
function readNameNode(page: Page, url: string): MasterReading {
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
  return { finding, state: stateOf(state) };
}

function readResourceManager(page: Page, url: string): MasterReading {
  const version = textOf(page.json, 'clusterInfo', 'resourceManagerVersion');
  if (version === null)
    return notOne(page, url, 'a ResourceManager', 'yarn.resourcemanager.webapp.address or .webapp.https.address');
  const state = (textOf(page.json, 'clusterInfo', 'haState') ?? 'active').toLowerCase();
  return { finding: judgeVersion(version, `${url}: ${state}, Hadoop ${version}`), state: stateOf(state) };
}

const stateOf = (text: string): MasterState => (text === 'active' || text === 'standby' ? text : 'other');

function notOne({ status }: Page, url: string, what: string, key: string): MasterReading {
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
