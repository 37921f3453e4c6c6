import { AppError } from '#contracts';
import type { Administrator } from '../administrator.ts';
import type { SetupCluster } from '../cluster.ts';
import { foldersOf } from '../places.ts';
import { recordOf, runSteps, type StepRecord } from '../step.ts';
import { planKill } from './applications.ts';
import { planUninstall } from './plan-uninstall.ts';

export interface UninstallOptions {
  readonly cluster: SetupCluster;
  readonly admin: Administrator | null;
  /** Asked for: without it only a dry run is done. */
  readonly yes: boolean;
  readonly kill: boolean;
  /** Id of the installation whose applications count; '' for all. */
  readonly installation: string;
  readonly withData: boolean;
  readonly dryRun: boolean;
  readonly onProgress: (fraction: number, text: string) => void;
  readonly signal?: AbortSignal;
}

export interface UninstallReport {
  readonly dryRun: boolean;
  readonly folder: string;
  readonly steps: readonly StepRecord[];
}

/**
 * Takes away what the installer made. @throws BAD_REQUEST without `yes`, CONFLICT while applications run,
 * HADOOP_INSTALLATION_INVALID, what HDFS and YARN throw
 */
export async function uninstall(options: UninstallOptions): Promise<UninstallReport> {
  const { cluster, admin, dryRun, yes, onProgress, signal } = options;
  if (!yes && !dryRun)
    throw new AppError(
      'BAD_REQUEST',
      'uninstall takes programs away: give --yes, or --dry-run to see what would be done',
    );
  const places = foldersOf(cluster);
  const { hdfs, serviceUser } = cluster;
  const context = { hdfs, serviceUser, places, admin: admin?.hdfs ?? null, signal };
  const kills = await planKill(cluster, options, signal);
  const steps = [...kills, ...(await planUninstall(context, options.withData))];
  if (!dryRun) await runSteps(steps, onProgress, signal);
  return { dryRun, folder: places.runtime, steps: steps.map(recordOf) };
}
