import { AppError } from '#contracts';
import { failpoint } from '#runtime';
import type { SetupCluster } from '../cluster.ts';
import { listOf, textOf } from '../fields.ts';
import type { Step } from '../step.ts';

/** An application of the platform that has not ended. */
interface RunningApplication {
  readonly id: string;
  readonly user: string;
  readonly tags: readonly string[];
}

const STATES = 'NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING';

/**
 * Steps that end the applications of the platform, of one installation where it is named.
 *
 * @throws CONFLICT naming them when they may not be killed, or when they are of several installations
 */
export async function planKill(
  cluster: SetupCluster,
  options: { readonly kill: boolean; readonly installation: string },
  signal: AbortSignal | undefined,
): Promise<Step[]> {
  const running = await runningApplications(cluster, options.installation, signal);
  if (running.length === 0) return [];
  const names = running.map(({ id, user, tags }) => `${id} of ${user} (${tags.join(', ')})`).join('; ');
  if (!options.kill)
    throw new AppError(
      'CONFLICT',
      `applications of the platform run: ${names}; stop the app servers first, or give --kill`,
    );
  const installations = new Set(running.flatMap(({ tags }) => tags));
  if (installations.size > 1)
    throw new AppError(
      'CONFLICT',
      `applications of several installations run: ${names}; name the one to be ended by --installation ID`,
    );
  return running.map(({ id, user }) => ({
    action: 'kill',
    subject: id,
    detail: `application of ${user}`,
    run: async () => {
      await cluster.managerFor(user).kill(id, signal);
      await failpoint('uninstall.killed');
    },
  }));
}

async function runningApplications(
  { resourceManagers }: SetupCluster,
  installation: string,
  signal: AbortSignal | undefined,
): Promise<RunningApplication[]> {
  const query = new URLSearchParams({ applicationTypes: 'TRAINYARD', states: STATES });
  const { json } = await resourceManagers.call({
    method: 'GET',
    path: `/apps?${query.toString()}`,
    ...(signal === undefined ? {} : { signal }),
  });
  const wanted = `trainyard-${installation}`.toLowerCase();
  return listOf(json, 'apps', 'app')
    .map((app) => ({
      id: textOf(app, 'id') ?? '',
      user: textOf(app, 'user') ?? '',
      tags: (textOf(app, 'applicationTags') ?? '').split(',').filter((tag) => tag !== ''),
    }))
    .filter(({ tags }) => installation === '' || tags.includes(wanted));
}
