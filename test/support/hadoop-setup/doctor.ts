import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { examine, type Check, type DoctorReport } from '#hadoop-setup';
import type { Sites } from '../hadoop/site.ts';
import type { DaemonName, HadoopCluster } from '../hadoop/index.ts';
import { until } from '../processes.ts';
import { clientFor } from '../yarn/pool.ts';
import { configOf } from './setup.ts';

/** Runs the doctor in this process, as somebody, with configuration keys. */
export const examineAs = (
  user: string | null,
  keys: Readonly<Record<string, string>>,
  withProbe = false,
): Promise<DoctorReport> => examine({ config: configOf(keys), user, withProbe, onProgress: () => undefined });

/** The row of this name. @throws Error with all rows when there is none */
export function rowOf(report: DoctorReport, name: string): Check {
  const found = report.checks.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no row ${name}: ${JSON.stringify(report.checks, null, 1)}`);
  return found;
}

export const problemsOf = (report: DoctorReport): Check[] => report.checks.filter(({ state }) => state === 'problem');

/** A copy of a cluster's client configuration below `work`, with one file changed. */
export function changedSite(
  cluster: HadoopCluster,
  work: string,
  file: string,
  change: (text: string) => string,
): string {
  const folder = mkdtempSync(path.join(work, 'conf-'));
  cpSync(cluster.confDir, folder, { recursive: true });
  const changed = path.join(folder, file);
  const before = readFileSync(changed, 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`${file}: the change changes nothing`);
  writeFileSync(changed, after);
  return folder;
}

/** The same with properties set or replaced. */
export const withProperties =
  (properties: Readonly<Record<string, string>>) =>
  (text: string): string =>
    Object.entries(properties).reduce((before, [name, value]) => {
      const property = `<property><name>${name}</name><value>${value}</value></property>`;
      const old = new RegExp(`<property><name>${name.replaceAll('.', '\\.')}</name><value>[^<]*</value></property>`);
      return old.test(before)
        ? before.replace(old, property)
        : before.replace('</configuration>', `${property}\n</configuration>`);
    }, text);

export interface DaemonChange {
  /** Properties by file. */
  readonly sites: Sites;
  /** Whole files by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Lets a daemon of a cluster run with other settings while `work` runs; waits for the NodeManagers before and after. */
export async function withSettings(
  cluster: HadoopCluster,
  name: DaemonName,
  { sites, files = {} }: DaemonChange,
  work: () => Promise<void>,
): Promise<void> {
  const folder = path.join(cluster.folder, 'conf', name);
  const before = mkdtempSync(path.join(cluster.folder, 'conf-before-'));
  cpSync(folder, before, { recursive: true });
  const daemon = cluster.daemon(name);
  const restart = async (): Promise<void> => {
    if (daemon.isRunning) await daemon.kill();
    await daemon.start();
    await untilNodesRun(cluster);
  };
  try {
    for (const [site, properties] of Object.entries(sites)) {
      const file = path.join(folder, `${site}.xml`);
      writeFileSync(file, withProperties(properties)(readFileSync(file, 'utf8')));
    }
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text);
    await restart();
    await work();
  } finally {
    rmSync(folder, { recursive: true });
    cpSync(before, folder, { recursive: true });
    await restart();
  }
}

/** Both NodeManagers have told the ResourceManager that they run. */
export async function untilNodesRun(cluster: HadoopCluster): Promise<void> {
  const client = clientFor(cluster, null);
  await until('the NodeManagers', async () => {
    const running = (await client.nodes()).filter(({ state }) => state === 'RUNNING');
    return running.length === cluster.nodeManagerUrls.length;
  });
}
