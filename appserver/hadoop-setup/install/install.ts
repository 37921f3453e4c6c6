import type { SetupCluster } from '../cluster.ts';
import { foldersOf } from '../places.ts';
import { recordOf, runSteps, type StepRecord } from '../step.ts';
import type { Administrator } from '../administrator.ts';
import { settingsFor, type AdministratorsSettings } from './administrators-settings.ts';
import { readPrograms } from './local-programs.ts';
import { planInstall } from './plan-install.ts';

export interface InstallOptions {
  readonly cluster: SetupCluster;
  readonly admin: Administrator | null;
  readonly archive: string;
  readonly jars: readonly string[];
  /** Takes former versions' files away. */
  readonly prune: boolean;
  readonly dryRun: boolean;
  readonly onProgress: (fraction: number, text: string) => void;
  readonly signal?: AbortSignal;
}

export interface InstallReport {
  readonly dryRun: boolean;
  readonly folder: string;
  readonly programVersion: string;
  readonly archiveSha256: string;
  readonly steps: readonly StepRecord[];
  /** What the administrator has to set. */
  readonly settings: AdministratorsSettings;
}

/**
 * Puts the programs of containers into HDFS. Repeatable: what is there already is said and left. Safe to be killed at any
 * moment, and run again. @throws BAD_REQUEST, HADOOP_INSTALLATION_INVALID, what HDFS throws
 */
export async function install(options: InstallOptions): Promise<InstallReport> {
  const { cluster, admin, dryRun, onProgress, prune, signal } = options;
  onProgress(0, 'hashing the programs');
  const { hadoop, server } = cluster.config;
  const programs = await readPrograms(options.archive, options.jars, hadoop.caFile, server.caFile);
  const places = foldersOf(cluster);
  const { hdfs, serviceUser } = cluster;
  const context = { hdfs, serviceUser, places, admin: admin?.hdfs ?? null, signal };
  const { steps, version } = await planInstall(context, programs, prune);
  if (!dryRun) await runSteps(steps, onProgress, signal);
  return {
    dryRun,
    folder: places.runtime,
    programVersion: version.programVersion,
    archiveSha256: version.archiveSha256,
    steps: steps.map(recordOf),
    settings: settingsFor(cluster, places),
  };
}
