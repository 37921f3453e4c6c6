import { AppError } from '#contracts';
import { findHdfsToken, tokenToUrlString, type HadoopConnection, type Nameservice } from '#hadoop-auth';
import type { Config } from '#runtime';
import type { HdfsAccess } from './access.ts';
import { WebHdfsClient } from './webhdfs-client.ts';

/**
 * A client of the cluster's HDFS by its configuration: the NameNodes of `fs.defaultFS`, or the servers of
 * `hadoop.webHdfsUrls`. In a container it works by the container's token unless another access is given.
 *
 * @throws HADOOP_CONFIG_INVALID
 */
export function openWebHdfs(
  connection: HadoopConnection,
  hadoop: Config['hadoop'],
  access: HdfsAccess = defaultAccess(connection),
): WebHdfsClient {
  const { settings, transport, identity } = connection;
  const nameservice = settings?.defaultNameservice;
  const urls =
    hadoop.webHdfsUrls.length > 0 ? hadoop.webHdfsUrls : (nameservice?.nameNodes ?? []).map(({ url }) => url);
  return new WebHdfsClient({
    urls,
    authorities: nameservice === undefined ? [] : authoritiesOf(nameservice),
    transport,
    identity,
    access,
    retries: { attemptsMax: hadoop.retryAttemptsMax, elapsedMsMax: hadoop.retryMsMax },
  });
}

function authoritiesOf({ authority, nameNodes }: Nameservice): readonly string[] {
  return [...new Set([authority, ...nameNodes.map(({ rpcAddress }) => rpcAddress)])];
}

function defaultAccess({ identity, tokens }: HadoopConnection): HdfsAccess {
  if (identity.kind !== 'none') return { kind: 'self' };
  const token = tokens === null ? null : findHdfsToken(tokens);
  if (token === null) throw new AppError('HADOOP_TOKEN_FILE_INVALID', 'Token file: expected an HDFS token, found none');
  const text = tokenToUrlString(token);
  return { kind: 'token', token: () => text };
}
