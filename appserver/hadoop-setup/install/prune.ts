import path from 'node:path';
import { failpoint } from '#runtime';
import type { Step } from '../step.ts';
import type { Installation, InstalledVersion } from './manifest.ts';
import { PARTIAL_SUFFIX } from './hdfs-files.ts';
import type { InstallContext } from './context.ts';

/** Takes the files away that only former versions have. */
export async function planPrune(
  context: InstallContext,
  installation: Installation,
): Promise<{ readonly steps: readonly Step[]; readonly left: Installation }> {
  const current = installation.versions.slice(-1);
  const former = installation.versions.slice(0, -1);
  return {
    steps: await planRemoveFiles(context, former, current),
    left: { ...installation, versions: current },
  };
}

/** Removes every file of these versions that the others do not have, with what is left of a broken upload, and its folder. */
export async function planRemoveFiles(
  { hdfs, places, signal }: Pick<InstallContext, 'hdfs' | 'places' | 'signal'>,
  versions: readonly InstalledVersion[],
  others: readonly InstalledVersion[],
): Promise<Step[]> {
  const kept = new Set(others.flatMap(({ files }) => files.map((file) => file.path)));
  const all = versions.flatMap(({ files }) => files.map((file) => file.path));
  const steps: Step[] = [];
  for (const place of new Set(all.filter((one) => !kept.has(one)))) {
    const target = path.posix.join(places.runtime, place);
    const folder = path.posix.dirname(target);
    if ((await hdfs.find(folder, { signal })) === null) continue;
    steps.push({
      action: 'remove',
      subject: target,
      detail: '',
      run: async () => {
        await hdfs.delete(target, { signal });
        await hdfs.delete(`${target}${PARTIAL_SUFFIX}`, { signal });
        // Of one file alone, since its name is that file's hash.
        await hdfs.delete(folder, { signal });
        await failpoint('install.removed');
      },
    });
  }
  return steps;
}
