import { AppError } from '#contracts';
import { readAuthorities, type Config } from '#runtime';
import type { Identity } from './authenticated-http.ts';
import { loadClusterSettings, type ClusterSettings } from './cluster-settings.ts';
import { HttpTransport } from './http-transport.ts';
import { keytabNegotiator } from './negotiator.ts';
import { findHdfsToken, readContainerTokens, type TokenFile } from './token-file.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A cluster as this program reaches it. */
export interface HadoopConnection {
  /** Null where no configuration folder is given: then `hadoop.webHdfsUrls` says where to go. */
  readonly settings: ClusterSettings | null;
  readonly transport: HttpTransport;
  /** Who this program is; `none` in a container of a secured cluster, which has tokens only. */
  readonly identity: Identity;
  /** Tokens and secrets of this container, or null outside of one. */
  readonly tokens: TokenFile | null;
  close(): void;
}

/**
 * What a program needs to speak to the cluster of its configuration: nothing is asked of the cluster yet.
 *
 * @throws HADOOP_CONFIG_INVALID, CONFIG_INVALID, KERBEROS_LOGIN_FAILED, HADOOP_TOKEN_FILE_INVALID
 */
export function connectHadoop(hadoop: Config['hadoop'], env: Environment = process.env): HadoopConnection {
  const confDir = confDirOf(hadoop, env);
  if (confDir === '' && hadoop.webHdfsUrls.length === 0)
    throw new AppError(
      'CONFIG_INVALID',
      'hadoop.confDir: expected the folder with the cluster’s core-site.xml, found neither it nor HADOOP_CONF_DIR nor hadoop.webHdfsUrls',
    );
  const settings = confDir === '' ? null : loadClusterSettings(confDir);
  const tokens = readContainerTokens(env);
  const identity = identityOf(hadoop, settings, tokens);
  const ca = hadoop.caFile === '' ? undefined : readAuthorities(hadoop.caFile, 'hadoop.caFile');
  const transport = new HttpTransport({ timeoutMs: hadoop.timeoutMs, ...(ca === undefined ? {} : { ca }) });
  return { settings, transport, identity, tokens, close: () => transport.close() };
}

function identityOf(hadoop: Config['hadoop'], settings: ClusterSettings | null, tokens: TokenFile | null): Identity {
  if (tokens !== null && findHdfsToken(tokens) !== null) return { kind: 'none' };
  const security = securityOf(hadoop, settings);
  if (security === 'simple') return { kind: 'simple', user: hadoop.user };
  if (hadoop.keytab === '') {
    const found = `${settings?.folder ?? 'the cluster'} says hadoop.security.authentication=kerberos`;
    throw new AppError('CONFIG_INVALID', `hadoop.keytab: expected the service’s keytab, found nothing; ${found}`);
  }
  const { keytab, principal } = hadoop;
  return { kind: 'kerberos', negotiator: keytabNegotiator({ keytab, principal }) };
}

/**
 * Whether the cluster of a configuration knows who asks (`kerberos`) or believes everybody (`simple`). Nothing is asked.
 *
 * @throws HADOOP_CONFIG_INVALID
 */
export function clusterSecurity(hadoop: Config['hadoop'], env: Environment = process.env): 'simple' | 'kerberos' {
  const confDir = confDirOf(hadoop, env);
  return securityOf(hadoop, confDir === '' ? null : loadClusterSettings(confDir));
}

const confDirOf = ({ confDir }: Config['hadoop'], env: Environment): string =>
  confDir === '' ? (env['HADOOP_CONF_DIR'] ?? '') : confDir;

const securityOf = ({ keytab }: Config['hadoop'], settings: ClusterSettings | null): 'simple' | 'kerberos' =>
  settings?.security ?? (keytab === '' ? 'simple' : 'kerberos');
