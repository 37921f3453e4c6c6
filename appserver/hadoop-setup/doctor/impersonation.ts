import { isAppError } from '#contracts';
import type { SetupCluster } from '../cluster.ts';
import { check, ok, problem, skipped, type Check, type Finding } from './check.ts';

/** Whether NameNode and ResourceManager let the service act for a user. */
export async function checkImpersonation(
  cluster: SetupCluster,
  user: string | null,
  signal: AbortSignal | undefined,
): Promise<readonly Check[]> {
  const names = ['act for users (HDFS)', 'act for users (YARN)'] as const;
  const { serviceUser, settings } = cluster;
  if (user === null || user === serviceUser) {
    const why = skipped('say an end user by --as USER to see whether the service may act for him');
    return names.map((name) => ({ name, ...why }));
  }
  const inHdfs = await check(names[0], signal, () =>
    tryAs(cluster, user, hdfsRemedy(cluster, user), async () => {
      await cluster.hdfsFor(user).homeDirectory({ signal });
    }),
  );
  const inYarn = await check(names[1], signal, () => {
    // The platform asks YARN by the user's own name there, see connectCluster of the app server.
    if (settings.security === 'simple') return ok('not needed: without Kerberos the user’s name is enough');
    return tryAs(cluster, user, daemonsRemedy(cluster, user), async () => {
      await cluster.managerFor(user).newApplication(signal).catch(unlessRestIsOff);
    });
  });
  return [inHdfs, inYarn];
}

/** Refused for another reason than who asks: that has its own row. */
function unlessRestIsOff(err: unknown): void {
  if (!isAppError(err, 'YARN_REST_SUBMISSION_OFF')) throw err;
}

const daemonsRemedy = ({ serviceUser }: SetupCluster, user: string): string =>
  `Set hadoop.proxyuser.${serviceUser}.hosts to this host and hadoop.proxyuser.${serviceUser}.groups to a group of ${user} in core-site.xml of NameNodes and ResourceManagers, then hdfs dfsadmin -refreshSuperUserGroupsConfiguration and yarn rmadmin -refreshSuperUserGroupsConfiguration.`;

/** HttpFS has properties of its own beside those of the NameNodes. */
function hdfsRemedy(cluster: SetupCluster, user: string): string {
  const { config, serviceUser } = cluster;
  if (config.hadoop.webHdfsUrls.length === 0) return daemonsRemedy(cluster, user);
  const prefix = `httpfs.proxyuser.${serviceUser}`;
  return `${daemonsRemedy(cluster, user)} For HttpFS also ${prefix}.hosts and ${prefix}.groups in httpfs-site.xml, and a restart of it.`;
}

async function tryAs(
  { serviceUser }: SetupCluster,
  user: string,
  remedy: string,
  act: () => Promise<void>,
): Promise<Finding> {
  try {
    await act();
  } catch (err) {
    if (!isAppError(err, 'HDFS_IMPERSONATION_DENIED') && !isAppError(err, 'YARN_IMPERSONATION_REFUSED')) throw err;
    return problem(`${serviceUser} may not act for ${user} from this host`, remedy);
  }
  return ok(`${serviceUser} may act for ${user}`);
}
