import type { RegisterRequest } from '#contracts';
import { POOL_SECRET_ALIAS, readContainerTokens } from '#hadoop-auth';

/**
 * The container of YARN that this process runs in; null outside of YARN.
 *
 * @see org.apache.hadoop.yarn.api.ApplicationConstants.Environment
 */
export function containerOf(environment: NodeJS.ProcessEnv): NonNullable<RegisterRequest['container']> | null {
  const { CONTAINER_ID: id = '', NM_HOST: host = '', NM_PORT: port = '' } = environment;
  return id === '' || host === '' || port === '' ? null : { id, node: `${host}:${port}` };
}

/**
 * Secret of the pool that an application's containers are handed in their token file; null where there is none.
 *
 * @throws HADOOP_TOKEN_FILE_INVALID
 */
export function containerSecret(environment: NodeJS.ProcessEnv): string | null {
  const secret = readContainerTokens(environment)?.secrets.get(POOL_SECRET_ALIAS);
  return secret === undefined ? null : Buffer.from(secret).toString('utf8');
}
