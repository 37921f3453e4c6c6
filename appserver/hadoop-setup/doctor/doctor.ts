import { isAppError } from '#contracts';
import type { Config } from '#runtime';
import { openCluster, type SetupCluster } from '../cluster.ts';
import { readInstallation } from '../install/manifest.ts';
import { judgeAppServer } from './app-server.ts';
import { asProblem, check, countStates, skipped, type Check, type CheckState } from './check.ts';
import { checkFolders } from './folders.ts';
import { checkImpersonation } from './impersonation.ts';
import { checkMasters } from './masters.ts';
import { GLIBC_FLOOR } from './node-facts.ts';
import { checkNodes } from './nodes.ts';
import { checkPrograms } from './programs.ts';
import { probeNodes, withoutProbe } from './probe.ts';
import { checkQueue } from './queue.ts';
import { checkSecurity } from './security.ts';

export interface DoctorOptions {
  readonly config: Config;
  /** End user for whom applications are tried; null: the service itself. */
  readonly user: string | null;
  /** False leaves out the containers that look at nodes. */
  readonly withProbe: boolean;
  /** Told before each group of checks. */
  readonly onProgress: (fraction: number, text: string) => void;
  readonly signal?: AbortSignal;
}

export interface DoctorReport {
  readonly checks: readonly Check[];
  readonly counts: Readonly<Record<CheckState, number>>;
}

/** The doctor waits less for what does not answer than the platform does. */
const RETRIES = { retryAttemptsMax: 2, retryMsMax: 5_000 };
const TIMEOUT_MS_MAX = 20_000;

/**
 * Looks at everything that an installation needs of a cluster. What is broken is a row, never an error; what cannot be
 * looked at because of it is skipped. Nothing is left behind but the record of the probe's application in YARN.
 */
export async function examine(options: DoctorOptions): Promise<DoctorReport> {
  const { hadoop } = options.config;
  const config = {
    ...options.config,
    hadoop: { ...hadoop, ...RETRIES, timeoutMs: Math.min(hadoop.timeoutMs, TIMEOUT_MS_MAX) },
  };
  let cluster: SetupCluster;
  try {
    cluster = openCluster(config);
  } catch (err) {
    return report([{ name: 'configuration', ...asProblem(err) }]);
  }
  try {
    return report(await examineCluster(cluster, options));
  } finally {
    await cluster.close().catch(unlessOurs);
  }
}

/** A cluster that is away cannot cancel tokens either: its row says so already. */
function unlessOurs(err: unknown): void {
  if (!isAppError(err)) throw err;
}

const report = (checks: readonly Check[]): DoctorReport => ({ checks, counts: countStates(checks) });

async function examineCluster(cluster: SetupCluster, options: DoctorOptions): Promise<Check[]> {
  const { user, onProgress, signal } = options;
  const checks: Check[] = [await describeConfiguration(cluster, signal)];
  onProgress(0.05, 'security');
  checks.push(...(await checkSecurity(cluster, signal)));
  checks.push(await check('app server', signal, () => judgeAppServer(cluster.config)));
  onProgress(0.1, 'masters');
  const masters = await checkMasters(cluster, signal);
  checks.push(...masters.checks);
  onProgress(0.3, 'rights');
  if (masters.hdfsAnswers && masters.yarnAnswers) checks.push(...(await checkImpersonation(cluster, user, signal)));
  onProgress(0.4, 'HDFS');
  checks.push(...(masters.hdfsAnswers ? await hdfsChecks(cluster, signal) : [{ name: 'HDFS', ...skipped(NO_MASTER) }]));
  onProgress(0.6, 'YARN');
  checks.push(
    ...(masters.yarnAnswers ? await yarnChecks(cluster, options) : [{ name: 'YARN', ...skipped(NO_MASTER) }]),
  );
  return checks;
}

const NO_MASTER = 'no active master answers';

function describeConfiguration(
  { settings, serviceUser }: SetupCluster,
  signal: AbortSignal | undefined,
): Promise<Check> {
  const { defaultNameservice, resourceManagers, folder, security } = settings;
  const names = `${defaultNameservice.nameNodes.length} NameNode(s), ${resourceManagers.length} ResourceManager(s)`;
  const found = `${folder}: hdfs://${defaultNameservice.authority}, ${names}, ${security}; the service is ${serviceUser}`;
  return check('configuration', signal, () => ({ state: 'ok', found, remedy: '' }));
}

async function hdfsChecks(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<Check[]> {
  return [
    ...(await checkFolders(cluster, signal)),
    await check('programs', signal, () => checkPrograms(cluster, signal)),
  ];
}

async function yarnChecks(
  cluster: SetupCluster,
  { user, withProbe, onProgress, signal }: DoctorOptions,
): Promise<Check[]> {
  const asUser = user ?? cluster.serviceUser;
  const { checks, maySubmit } = await checkQueue(cluster, asUser, signal);
  const nodes = await checkNodes(cluster, signal);
  const all = [...checks, ...nodes.checks];
  if (!withProbe) return [...all, ...withoutProbe('left out by --no-probe')];
  if (!maySubmit) return [...all, ...withoutProbe('no application can be submitted: see the rows above')];
  onProgress(0.8, 'containers on nodes');
  const glibcFloor = await installedGlibcFloor(cluster, signal);
  const { running } = nodes;
  return [...all, ...(await probeNodes({ cluster, user: asUser, glibcFloor, running, signal }))];
}

/** Of the programs that are installed, else of those of this version. */
async function installedGlibcFloor(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<string> {
  try {
    const installation = await readInstallation(cluster.hdfs, cluster.config.yarn.runtimeDir, signal);
    return installation?.versions.at(-1)?.glibc ?? GLIBC_FLOOR;
  } catch (err) {
    if (!isAppError(err)) throw err;
    return GLIBC_FLOOR;
  }
}
