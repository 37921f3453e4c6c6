import { readFileSync } from 'node:fs';
import { HttpTransport, keytabNegotiator, type Identity } from '#hadoop-auth';
import { WebHdfsClient, type HdfsAccess, type RetryBudget } from '#webhdfs';
import type { HadoopCluster } from './types.ts';

/** A transport that trusts the cluster's own authority. */
export function transportOf(cluster: HadoopCluster, timeoutMs = 30_000): HttpTransport {
  const { security } = cluster;
  return new HttpTransport({
    timeoutMs,
    ...(security === undefined ? {} : { ca: readFileSync(security.caFile, 'utf8') }),
  });
}

/** A user by name, or in a secured cluster by keytab; libkrb5 of this process reads the cluster's krb5.conf from now on. */
export function identityOf(cluster: HadoopCluster, user: string): Identity {
  const { security } = cluster;
  if (security === undefined) return { kind: 'simple', user };
  process.env['KRB5_CONFIG'] = security.krb5Conf;
  return { kind: 'kerberos', negotiator: keytabNegotiator({ keytab: security.keytab(user), principal: '' }) };
}

export interface TestClientOptions {
  readonly user?: string;
  readonly access?: HdfsAccess;
  readonly retries?: RetryBudget;
  readonly urls?: readonly string[];
  readonly transport: HttpTransport;
}

/** A client of a cluster, by default as the service user. */
export function hdfsClient(cluster: HadoopCluster, options: TestClientOptions): WebHdfsClient {
  const { user = 'trainyard', access, retries, urls = cluster.nameNodeUrls, transport } = options;
  return new WebHdfsClient({
    urls,
    authorities: ['test'],
    transport,
    identity: identityOf(cluster, user),
    ...(access === undefined ? {} : { access }),
    ...(retries === undefined ? {} : { retries }),
  });
}
