import type { Addresses } from './addresses.ts';
import type { Realm } from './kdc.ts';
import type { Properties, Sites } from './site.ts';

/** Where the services stand that only a secured cluster has. */
export interface SecuredAddresses extends Addresses {
  readonly kms: number;
  readonly httpFs: number;
}

/** What clients know: Kerberos, TLS only, and everything encrypted on the way. */
export function securedClientSites(addresses: SecuredAddresses, realm: string): Sites {
  const [nameNode] = addresses.nameNodes;
  const service = `/_HOST@${realm}`;
  return {
    'core-site': {
      'fs.defaultFS': `hdfs://localhost:${nameNode.rpc}`,
      'hadoop.security.authentication': 'kerberos',
      'hadoop.security.authorization': 'true',
      'hadoop.rpc.protection': 'privacy',
      'hadoop.security.key.provider.path': `kms://https@localhost:${addresses.kms}/kms`,
      'hadoop.ssl.client.conf': 'ssl-client.xml',
    },
    'hdfs-site': {
      'dfs.http.policy': 'HTTPS_ONLY',
      'dfs.namenode.rpc-address': `localhost:${nameNode.rpc}`,
      'dfs.namenode.https-address': `localhost:${nameNode.web}`,
      'dfs.block.access.token.enable': 'true',
      'dfs.data.transfer.protection': 'privacy',
      'dfs.encrypt.data.transfer.cipher.suites': 'AES/CTR/NoPadding',
      'dfs.namenode.kerberos.principal': `hdfs${service}`,
      'dfs.datanode.kerberos.principal': `hdfs${service}`,
      'dfs.web.authentication.kerberos.principal': `HTTP${service}`,
    },
    'yarn-site': {
      'yarn.http.policy': 'HTTPS_ONLY',
      'yarn.acl.enable': 'true',
      'yarn.admin.acl': 'yarn',
      'yarn.resourcemanager.principal': `yarn${service}`,
      'yarn.nodemanager.principal': `yarn${service}`,
      // True ends a NodeManager without Hadoop's native library, which Maven does not have.
      'yarn.log-aggregation-enable': 'false',
    },
  };
}

/** What daemons know beside it: their keys. */
export function securedDaemonSites(realm: Realm, secretFile: string): Sites {
  const http = `HTTP/_HOST@${realm.name}`;
  const httpKeys = realm.keytab('HTTP');
  return {
    'core-site': {
      'hadoop.http.filter.initializers': 'org.apache.hadoop.security.AuthenticationFilterInitializer',
      'hadoop.http.authentication.type': 'kerberos',
      'hadoop.http.authentication.simple.anonymous.allowed': 'false',
      'hadoop.http.authentication.kerberos.principal': http,
      'hadoop.http.authentication.kerberos.keytab': httpKeys,
      'hadoop.http.authentication.signature.secret.file': secretFile,
      'hadoop.ssl.server.conf': 'ssl-server.xml',
      'hadoop.proxyuser.httpfs.hosts': '127.0.0.1',
      'hadoop.proxyuser.httpfs.groups': '*',
    },
    'hdfs-site': {
      'dfs.namenode.keytab.file': realm.keytab('hdfs'),
      'dfs.datanode.keytab.file': realm.keytab('hdfs'),
      'dfs.web.authentication.kerberos.keytab': httpKeys,
      'dfs.permissions.superusergroup': 'supergroup',
    },
    'yarn-site': {
      // All NodeManagers are of one host, the one in their principal.
      'yarn.scheduler.include-port-in-node-name': 'true',
      'yarn.resourcemanager.keytab': realm.keytab('yarn'),
      'yarn.resourcemanager.webapp.spnego-principal': http,
      'yarn.resourcemanager.webapp.spnego-keytab-file': httpKeys,
      'yarn.resourcemanager.webapp.delegation-token-auth-filter.enabled': 'true',
      'yarn.resourcemanager.proxy-user-privileges.enabled': 'false',
      'yarn.nodemanager.keytab': realm.keytab('yarn'),
      'yarn.nodemanager.webapp.spnego-principal': http,
      'yarn.nodemanager.webapp.spnego-keytab-file': httpKeys,
    },
    'capacity-scheduler': queueRights(),
  };
}

/** By default everybody may submit to and administer every queue; here `high` is closed, and `yarn` administers. */
function queueRights(): Properties {
  const prefix = 'yarn.scheduler.capacity.root';
  return {
    [`${prefix}.acl_administer_queue`]: 'yarn',
    [`${prefix}.acl_submit_applications`]: ' ',
    [`${prefix}.default.acl_submit_applications`]: '*',
    [`${prefix}.ml.acl_submit_applications`]: '*',
    [`${prefix}.high.acl_submit_applications`]: 'yarn',
    ...Object.fromEntries(
      ['default', 'ml', 'high'].map((queue) => [`${prefix}.${queue}.acl_administer_queue`, 'yarn']),
    ),
  };
}

/** The key server. Everybody may use every key: what is tested is the way, not the rights. */
export function kmsSites(folder: string, port: number, realm: Realm, secretFile: string): Sites {
  const prefix = 'hadoop.kms.authentication';
  const may = ['MANAGEMENT', 'GENERATE_EEK', 'DECRYPT_EEK', 'READ'];
  return {
    'kms-site': {
      'hadoop.kms.key.provider.uri': `jceks://file@${folder}/data/kms.keystore`,
      'hadoop.kms.http.host': 'localhost',
      'hadoop.kms.http.port': String(port),
      'hadoop.kms.ssl.enabled': 'true',
      [`${prefix}.type`]: 'kerberos',
      [`${prefix}.kerberos.keytab`]: realm.keytab('HTTP'),
      [`${prefix}.kerberos.principal`]: 'HTTP/localhost',
      [`${prefix}.kerberos.name.rules`]: 'DEFAULT',
      [`${prefix}.signature.secret.file`]: secretFile,
      // Who writes for others in the zone: DataNodes, the KMS itself, HttpFS.
      ...Object.fromEntries(
        ['hdfs', 'HTTP', 'httpfs'].flatMap((user) =>
          ['hosts', 'users'].map((what) => [`hadoop.kms.proxyuser.${user}.${what}`, '*']),
        ),
      ),
    },
    'kms-acls': Object.fromEntries(may.map((right) => [`default.key.acl.${right}`, '*'])),
  };
}

/** The gateway that speaks WebHDFS for clients that reach no DataNode. */
export function httpFsSites(confDir: string, port: number, realm: Realm, secretFile: string): Sites {
  const front = 'httpfs.authentication';
  const back = 'httpfs.hadoop.authentication';
  return {
    'httpfs-site': {
      'httpfs.http.hostname': 'localhost',
      'httpfs.http.port': String(port),
      'httpfs.ssl.enabled': 'true',
      'httpfs.hadoop.config.dir': confDir,
      'hadoop.http.authentication.type': 'kerberos',
      [`${front}.type`]: 'kerberos',
      [`${front}.kerberos.principal`]: `HTTP/localhost@${realm.name}`,
      [`${front}.kerberos.keytab`]: realm.keytab('HTTP'),
      [`${front}.signature.secret.file`]: secretFile,
      [`${back}.type`]: 'kerberos',
      [`${back}.kerberos.principal`]: `httpfs/localhost@${realm.name}`,
      [`${back}.kerberos.keytab`]: realm.keytab('httpfs'),
      'httpfs.proxyuser.trainyard.hosts': '127.0.0.1,localhost',
      'httpfs.proxyuser.trainyard.groups': 'users',
    },
  };
}
