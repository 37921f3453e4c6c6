import { lookup } from 'node:dns/promises';
import type { ClusterSettings, Nameservice } from './cluster-settings.ts';

/** Kind that a NameNode's tokens must be of for YARN to renew them and for NodeManagers to localise with them. */
export const HDFS_TOKEN_KIND = 'HDFS_DELEGATION_TOKEN';

/**
 * The service field of a delegation token as Java clients of this cluster look for it: `ha-hdfs:<nameservice>`, or
 * `ip:port` of the one NameNode's RPC (`host:port` where `hadoop.security.token.service.use_ip` is false).
 *
 * @see HAUtilClient.buildTokenServiceForLogicalUri, SecurityUtil.buildTokenService
 */
export async function tokenServiceOf(
  settings: ClusterSettings,
  nameservice: Nameservice = settings.defaultNameservice,
): Promise<string> {
  if (nameservice.highlyAvailable) return `ha-hdfs:${nameservice.authority}`;
  const [host = '', port = ''] = splitLast(nameservice.nameNodes[0]?.rpcAddress ?? '');
  if (settings.configuration.get('hadoop.security.token.service.use_ip') === 'false') return `${host}:${port}`;
  const { address } = await lookup(host.replace(/^\[|\]$/g, ''), { family: 4 });
  return `${address}:${port}`;
}

function splitLast(address: string): readonly string[] {
  const at = address.lastIndexOf(':');
  return [address.slice(0, at), address.slice(at + 1)];
}
