import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { chooseAddresses, type Some } from './addresses.ts';
import { makeCertificates, type Certificates } from './certificates.ts';
import { runCommand } from './command.ts';
import type { Daemon } from './daemon.ts';
import { HOME_FOLDERS, makeHomes, type Put } from './homes.ts';
import { javaDaemon, type Bed, type JavaDaemonOptions } from './jvm.ts';
import { makeRealm, type Realm } from './kdc.ts';
import type { PortBlock } from './ports.ts';
import { requireProgram } from './prerequisites.ts';
import { httpFsSites, kmsSites, securedClientSites, securedDaemonSites } from './secured-settings.ts';
import type { SecuredAddresses } from './secured-settings.ts';
import { commonSites, daemonSites, fileStores, resourceManagerSites } from './settings.ts';
import { formatNameNode, hadoopDaemons, urlsOf, type ShapeInput, type ShapePlan } from './shape.ts';
import { mergeSites, type Sites } from './site.ts';

/** Hadoop 3.4 reaches into the Java platform, which Java 17 does not allow by itself. */
const OPENED = [
  ...['lang', 'util', 'io', 'net', 'nio'].flatMap((name) => ['--add-opens', `java.base/java.${name}=ALL-UNNAMED`]),
  ...['--add-exports', 'java.base/sun.nio.ch=ALL-UNNAMED'],
  ...['--add-exports', 'java.security.jgss/sun.security.krb5=ALL-UNNAMED'],
];
const ZONE = '/secure';
const ZONE_KEY = 'zone';

/** Kerberos, HTTPS only, encrypted RPC and block transfer, block tokens, key server with an encryption zone, HttpFS. */
export async function securedShape(bare: Bed, ports: PortBlock, input: ShapeInput): Promise<ShapePlan> {
  const { folder } = bare;
  const nodeHosts = Array.from({ length: input.nodeManagers }, () => 'localhost');
  const addresses: SecuredAddresses = {
    ...(await chooseAddresses(ports, { masters: 1, nodeHosts })),
    kms: await ports.next(),
    httpFs: await ports.next(),
  };
  const [realm, certificates] = await Promise.all([makeRealm(folder, await ports.next()), makeCertificates(folder)]);
  const jvmArgs = [...OPENED, `-Djava.security.krb5.conf=${realm.krb5Conf}`];
  const bed = { ...bare, jvmArgs };
  const client = mergeSites(
    commonSites(),
    securedClientSites(addresses, realm.name),
    resourceManagerSites(addresses.resourceManagers[0], { tls: true }),
    certificates.client,
    input.properties,
  );
  const daemons = await securedDaemons({ bed, addresses, realm, certificates, client });
  const urls = urlsOf(addresses, 'https');
  return {
    bed,
    client,
    daemons: [realm.kdc, ...daemons],
    ...urls,
    security: {
      realm: realm.name,
      krb5Conf: realm.krb5Conf,
      caFile: certificates.caFile,
      httpFsUrl: `https://localhost:${addresses.httpFs}`,
      kmsUrl: `https://localhost:${addresses.kms}`,
      keytab: (shortName) => realm.keytab(shortName),
      administer: (...commands) => realm.administer(...commands),
      encryptionZone: ZONE,
    },
    identity: async (user) => ({ env: { KRB5CCNAME: await realm.ticket(user) } }),
    async start(run) {
      const [nameNode, ...others] = daemons;
      await realm.kdc.start();
      const formatted = formatNameNode(bed).then(() => nameNode.start());
      await Promise.all([formatted, ...others.map((daemon) => daemon.start())]);
      const ticket = await realm.ticket('hdfs');
      const folders = [...HOME_FOLDERS, { path: ZONE, owner: 'hdfs', group: 'supergroup', permission: '777' }];
      const env = { KRB5_CONFIG: realm.krb5Conf, KRB5CCNAME: ticket };
      await makeHomes(urls.nameNodeUrls[0], folders, curlPut(certificates.caFile, folder, env));
      await run('org.apache.hadoop.crypto.key.KeyShell', 'create', ZONE_KEY);
      await run('org.apache.hadoop.hdfs.tools.CryptoAdmin', '-createZone', '-keyName', ZONE_KEY, '-path', ZONE);
    },
  };
}

interface Parts {
  readonly bed: Bed;
  readonly addresses: SecuredAddresses;
  readonly realm: Realm;
  readonly certificates: Certificates;
  readonly client: Sites;
}

async function securedDaemons({ bed, addresses, realm, certificates, client }: Parts): Promise<Some<Daemon>> {
  const { folder } = bed;
  const secretFile = path.join(folder, 'kerberos/http.secret');
  await writeFile(secretFile, randomBytes(32).toString('base64'), { mode: 0o600 });
  const server = mergeSites(
    daemonSites(folder, addresses.dataNode, true),
    fileStores(folder),
    securedDaemonSites(realm, secretFile),
    certificates.server,
    client,
  );
  const hadoop = await hadoopDaemons(bed, { addresses, server, tls: true });
  const kms = await webService(bed, {
    name: 'kms',
    mainClass: 'org.apache.hadoop.crypto.key.kms.server.KMSWebServer',
    sites: mergeSites(kmsSites(folder, addresses.kms, realm, secretFile), server),
  });
  const httpFs = await webService(bed, {
    name: 'httpfs',
    mainClass: 'org.apache.hadoop.fs.http.server.HttpFSServerWebServer',
    sites: mergeSites(httpFsSites(path.join(folder, 'conf/httpfs'), addresses.httpFs, realm, secretFile), server),
  });
  return [...hadoop, kms, httpFs];
}

/** Key server and HttpFS take their folders from system properties of their own name. */
function webService(bed: Bed, options: Pick<JavaDaemonOptions, 'name' | 'mainClass' | 'sites'>): Promise<Daemon> {
  const { name } = options;
  const confDir = path.join(bed.folder, 'conf', name);
  const folders = { home: bed.folder, config: confDir, log: path.join(bed.folder, 'logs'), temp: `${bed.folder}/tmp` };
  const jvmArgs = Object.entries(folders).map(([key, folder]) => `-D${name}.${key}.dir=${folder}`);
  const logging = `-Dlog4j.configuration=file:${confDir}/log4j.properties`;
  return javaDaemon(bed, { ...options, jvmArgs: [...jvmArgs, logging], ready: [/Started @\d+ms/] });
}

/** WebHDFS as whom the ticket names, by the SPNEGO of curl: a JVM for each folder would take 20 s. */
function curlPut(caFile: string, cwd: string, env: Readonly<Record<string, string>>): Put {
  return async (url) => {
    const args = ['--silent', '--show-error', '--negotiate', '--user', ':', '--cacert', caFile, '--request', 'PUT'];
    const format = ['--write-out', '\n%{http_code}', '--max-time', '30', url];
    const { code, stdout, stderr } = await runCommand(requireProgram('curl'), [...args, ...format], { cwd, env });
    if (code !== 0) throw new Error(`curl ended with ${String(code)}: ${stderr}`);
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
  };
}
