import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { AppError } from '#contracts';
import {
  openAdministrator,
  openCluster,
  install,
  uninstall,
  type Administrator,
  type SetupCluster,
} from '#hadoop-setup';
import { loadConfig, PROGRAM_SOURCES } from '#runtime';
import type { WebHdfsClient } from '#webhdfs';
import type { HadoopCluster } from '../hadoop/index.ts';
import { until } from '../processes.ts';

/** A NameNode answers before it knows a DataNode. */
export async function untilWritable(hdfs: WebHdfsClient, file = '/tmp/of-setup'): Promise<void> {
  const write = async (): Promise<boolean> => {
    await hdfs.create(file, Buffer.from('written'), { overwrite: true });
    return hdfs.delete(file);
  };
  await until('HDFS to take files', () => write().catch(unlessUnavailable), 60_000);
}

/** A DataNode says with its next heartbeat only how much room it has. */
export async function untilRoomIsKnown(cluster: SetupCluster): Promise<void> {
  const [first] = cluster.settings.defaultNameservice.nameNodes;
  const url = `${first?.url ?? ''}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem`;
  const isKnown = async (): Promise<boolean> =>
    /"CapacityRemaining":[1-9]/.test(JSON.stringify((await cluster.page(url)).json));
  await until('HDFS to know its room', isKnown, 60_000);
}

function unlessUnavailable(err: unknown): false {
  if (err instanceof AppError && err.retryable) return false;
  throw err;
}

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** Configuration keys by which the programs reach a test cluster. */
export function keysOf(cluster: HadoopCluster, folder: string): Record<string, string> {
  const { security } = cluster;
  return {
    'hadoop.confDir': cluster.confDir,
    'hadoop.retryMsMax': '5000',
    'hadoop.timeoutMs': '10000',
    'objectStore.driver': 'hdfs',
    'objectStore.root': `${folder}/objects`,
    'yarn.runtimeDir': `${folder}/runtime`,
    'yarn.queue': 'ml',
    ...(security === undefined
      ? {}
      : { 'hadoop.keytab': security.keytab('trainyard'), 'hadoop.caFile': security.caFile }),
  };
}

export const configOf = (keys: Readonly<Record<string, string>>): ReturnType<typeof loadConfig>['config'] =>
  loadConfig({ flags: keys, env: {} }).config;

/** Small files in the form of what `scripts/bundle` and `scripts/build-application-master` build. */
export function smallPrograms(folder: string, version: string): { readonly archive: string; readonly jars: string[] } {
  const home = path.join(folder, version);
  const jars = path.join(home, 'jars');
  mkdirSync(jars, { recursive: true });
  writeFileSync(path.join(jars, 'application-master.jar'), `master ${version}`);
  writeFileSync(path.join(jars, 'hadoop-client-api.jar'), 'the same in every version');
  const bytes = Buffer.from(`worker ${version}`);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const archive = path.join(home, `trainyard-worker-${version}.tar.gz`);
  writeFileSync(archive, bytes);
  const record = {
    fileName: path.basename(archive),
    sizeBytes: bytes.length,
    sha256,
    manifest: {
      format: 1,
      program: 'worker',
      version,
      platform: 'linux-x64',
      nodeVersion: '24.21.0',
      protocolVersion: 1,
      contentSha256: sha256,
      needs: { glibc: '2.28', glibcxx: null, libraries: [] },
      files: [],
    },
  };
  writeFileSync(archive.replace(/\.tar\.gz$/, '.json'), JSON.stringify(record));
  return { archive, jars: [jars] };
}

export interface Hands {
  readonly cluster: SetupCluster;
  readonly admin: Administrator | null;
}

export type Who = { readonly adminUser?: string; readonly adminKeytab?: string };

/** Works with both hands on a cluster, and lets go. */
export async function withHands<T>(
  keys: Readonly<Record<string, string>>,
  { adminUser = '', adminKeytab = '' }: Who,
  work: (hands: Hands) => Promise<T>,
): Promise<T> {
  const config = configOf(keys);
  const cluster = openCluster(config);
  const admin = openAdministrator(config.hadoop, { adminUser, adminKeytab, adminPrincipal: '' });
  try {
    return await work({ cluster, admin });
  } finally {
    await admin?.close();
    await cluster.close();
  }
}

const onProgress = (): void => undefined;

export const installNow = (
  keys: Readonly<Record<string, string>>,
  programs: { readonly archive: string; readonly jars: readonly string[] },
  options: Who & { readonly dryRun?: boolean; readonly prune?: boolean } = {},
): ReturnType<typeof install> =>
  withHands(keys, options, (hands) =>
    install({ ...hands, ...programs, prune: options.prune ?? false, dryRun: options.dryRun ?? false, onProgress }),
  );

export const uninstallNow = (
  keys: Readonly<Record<string, string>>,
  options: Who & { dryRun?: boolean; withData?: boolean; kill?: boolean; yes?: boolean } = {},
): ReturnType<typeof uninstall> =>
  withHands(keys, options, (hands) =>
    uninstall({
      ...hands,
      yes: options.yes ?? true,
      kill: options.kill ?? false,
      installation: '',
      withData: options.withData ?? false,
      dryRun: options.dryRun ?? false,
      onProgress,
    }),
  );

/** Runs the program as the command line does, until it ends; returns how. */
export async function runSetup(
  verb: string,
  flags: Readonly<Record<string, string>>,
  failpoints: string,
): Promise<{ readonly code: number | null; readonly signal: string | null; readonly said: string }> {
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(process.execPath, [path.join(ROOT, PROGRAM_SOURCES['hadoop-setup']), verb, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], KRB5_CONFIG: process.env['KRB5_CONFIG'], TRAINYARD_FAILPOINTS: failpoints },
  });
  let said = '';
  child.stdout.on('data', (part) => (said += String(part)));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]; // documented arguments
  return { code, signal, said };
}
