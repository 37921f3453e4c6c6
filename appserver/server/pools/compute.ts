import { AppError } from '#contracts';
import type { Config } from '#runtime';
import { DEFAULT_POOL, ensureYarnPool, findUser, type Transaction } from '#store';

/** Whose workers do the tasks of a job. */
export interface Compute {
  /**
   * Pool of the jobs that a user starts, in this YARN queue or the configured one.
   * @throws VALIDATION_FAILED for a queue where there is no YARN, or a name that is none
   */
  poolOf(trx: Transaction, userId: string, queue?: string): Promise<string>;
  /** Of the web pages of the cluster's nodes, by its `yarn.http.policy`. */
  readonly nodeScheme: 'http' | 'https';
}

/** Workers that registered by themselves do everything. */
export const localCompute: Compute = {
  nodeScheme: 'http',
  async poolOf(_trx, _userId, queue) {
    if (queue === undefined) return DEFAULT_POOL;
    const errors = [{ path: '/queue', message: 'must be absent: this installation does not run on YARN' }];
    throw new AppError('VALIDATION_FAILED', `queue: found ${queue}; compute.driver is local`, { errors });
  },
};

/** Names of leaf queues and whole paths, as every scheduler has them. */
const QUEUE = /^[A-Za-z0-9_-]{1,60}(\.[A-Za-z0-9_-]{1,60}){0,5}$/;
/** What Linux and Hadoop take for a user; the name must fit into that of the pool. */
const USER = /^[a-z_][a-z0-9_.-]{0,31}$/;

/** Every user has a pool of his own in each queue, in which the cluster sees him and nobody else. */
export function yarnCompute(config: Config['yarn'], nodeScheme: Compute['nodeScheme']): Compute {
  return {
    nodeScheme,
    async poolOf(trx, userId, queue = config.queue) {
      if (!QUEUE.test(queue)) {
        const errors = [{ path: '/queue', message: 'must be the name or path of a YARN queue' }];
        throw new AppError('VALIDATION_FAILED', `queue: expected a YARN queue, found ${queue}`, { errors });
      }
      const user = await findUser(trx, userId);
      if (user === undefined) throw new AppError('FORBIDDEN', `user ${userId} does not exist any more`);
      if (!USER.test(user.name))
        throw new AppError(
          'FORBIDDEN',
          `user ${user.name}: expected a name that Hadoop takes for a user (lower-case letters, digits, . _ -)`,
        );
      return ensureYarnPool(trx, user.name, queue);
    },
  };
}
