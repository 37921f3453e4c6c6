import { AppError } from '#contracts';
import { AuthenticatedHttp, choosePrincipal, connectHadoop, type ClusterSettings, type Identity } from '#hadoop-auth';
import type { Config } from '#runtime';
import { openWebHdfs, type WebHdfsClient } from '#webhdfs';
import { ResourceManagerClient } from '#yarn';

/** The app server's hands on the cluster: as the service, and in the name of end users. */
export interface Cluster {
  readonly settings: ClusterSettings;
  /** Short name of the service: as which Hadoop knows it. */
  readonly serviceUser: string;
  /** As the service. */
  readonly hdfs: WebHdfsClient;
  /** The same in the name of a user. */
  readonly hdfsAs: (userName: string) => WebHdfsClient;
  /** As the service: sees and ends every application of ours. */
  readonly manager: ResourceManagerClient;
  /** The same in the name of a user. */
  managerFor(userName: string): ResourceManagerClient;
  close(): Promise<void>;
}

/** Connects by the configuration; nothing is asked of the cluster yet. @throws HADOOP_CONFIG_INVALID, CONFIG_INVALID */
export function connectCluster(hadoop: Config['hadoop']): Cluster {
  const connection = connectHadoop(hadoop);
  const { settings, transport, identity } = connection;
  if (settings === null || settings.resourceManagers.length === 0)
    throw new AppError(
      'CONFIG_INVALID',
      'compute.driver: yarn needs hadoop.confDir with a yarn-site.xml that names the ResourceManager',
    );
  const urls = settings.resourceManagers.map(({ url }) => url);
  const http = new AuthenticatedHttp(transport, identity);
  const serviceUser = serviceName(hadoop, identity);
  const clientOf = (userName: string | null): ResourceManagerClient => {
    // Hadoop refuses to act for oneself.
    if (userName === null || userName === serviceUser) return new ResourceManagerClient({ http, urls });
    // Without Kerberos nobody proves who he is: the user's name is all that counts.
    if (identity.kind === 'simple')
      return new ResourceManagerClient({
        http: new AuthenticatedHttp(transport, { kind: 'simple', user: userName }),
        urls,
      });
    return new ResourceManagerClient({ http, urls, doAs: userName });
  };
  const hdfs = openWebHdfs(connection, hadoop);
  const clients = new Map<string, ResourceManagerClient>();
  const hdfsClients = new Map<string, WebHdfsClient>();
  return {
    settings,
    serviceUser,
    hdfs,
    hdfsAs(userName) {
      const known = hdfsClients.get(userName) ?? openWebHdfs(connection, hadoop, { kind: 'doAs', user: userName });
      hdfsClients.set(userName, known);
      return known;
    },
    manager: clientOf(null),
    managerFor(userName) {
      const known = clients.get(userName) ?? clientOf(userName);
      clients.set(userName, known);
      return known;
    },
    async close() {
      for (const client of [hdfs, ...hdfsClients.values()]) await client.close();
      connection.close();
    },
  };
}

function serviceName(hadoop: Config['hadoop'], identity: Identity): string {
  if (identity.kind === 'simple') return identity.user;
  return choosePrincipal(hadoop.keytab, hadoop.principal).split(/[/@]/)[0] ?? '';
}
