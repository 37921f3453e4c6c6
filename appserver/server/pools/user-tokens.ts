import { AppError } from '#contracts';
import { HDFS_TOKEN_KIND, parseToken, tokenServiceOf, tokenToUrlString, withService } from '#hadoop-auth';
import type { Clock } from '#runtime';
import type { Cluster } from './cluster.ts';

/** Tokens by alias, as YARN takes them. All values are secret. */
export type TokensByAlias = Readonly<Record<string, string>>;

/**
 * A fresh delegation token of a user for HDFS, made by the service in his name, which the ResourceManager renews as long
 * as it can be renewed and cancels when the application ends: so it is never shared. None where Kerberos is off.
 *
 * @throws HADOOP_CONFIG_INVALID where the ResourceManager's principal is not configured; what HDFS throws
 */
export async function freshTokens({ settings, hdfsAs }: Cluster, userName: string): Promise<TokensByAlias> {
  if (settings.security === 'simple') return {};
  if (settings.tokenRenewer === null)
    throw new AppError(
      'HADOOP_CONFIG_INVALID',
      `${settings.folder}/yarn-site.xml: expected yarn.resourcemanager.principal, who renews the tokens of jobs; found none`,
    );
  const service = await tokenServiceOf(settings);
  const token = parseToken(await hdfsAs(userName).getDelegationToken(settings.tokenRenewer));
  return { [service]: tokenToUrlString(withService(token, service, HDFS_TOKEN_KIND)) };
}

/** Tokens of one user that are in work. */
interface UserToken {
  readonly token: Promise<string>;
  readonly atMs: number;
}

/**
 * The newest delegation token of each user, for the workers that run in his name: made anew long before it would have to be
 * renewed, so that it needs no renewer and no maximum life ends anybody's work. Apart from those that YARN has, which YARN
 * cancels.
 */
export class UserTokens {
  readonly #cluster: Cluster;
  readonly #refreshMs: number;
  readonly #clock: Clock;
  readonly #byUser = new Map<string, UserToken>();

  constructor(cluster: Cluster, refreshMs: number, clock: Clock) {
    this.#cluster = cluster;
    this.#refreshMs = refreshMs;
    this.#clock = clock;
  }

  /** @throws what HDFS throws; the next call tries again */
  current(userName: string): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#byUser.get(userName);
    if (known !== undefined && nowMs - known.atMs < this.#refreshMs) return known.token;
    const token = this.#cluster.hdfsAs(userName).getDelegationToken(this.#cluster.serviceUser);
    this.#byUser.set(userName, { token, atMs: nowMs });
    token.catch(() => this.#byUser.delete(userName));
    return token;
  }
}
