import { statSync } from 'node:fs';
import { readKeytabPrincipals, type Identity } from '#hadoop-auth';
import type { SetupCluster } from '../cluster.ts';
import { check, ok, problem, warning, type Check, type Finding } from './check.ts';

/** Whether the cluster knows who asks, whether we can prove who we are, and whether others can listen. */
export async function checkSecurity(cluster: SetupCluster, signal: AbortSignal | undefined): Promise<readonly Check[]> {
  const { identity, settings } = cluster;
  const urls = [...settings.defaultNameservice.nameNodes, ...settings.resourceManagers].map(({ url }) => url);
  const transport = await check('encryption', signal, () => judgeEncryption(urls, settings.security));
  if (identity.kind !== 'kerberos') return [{ name: 'security', ...UNSECURED }, transport];
  const { keytab, principal } = cluster.config.hadoop;
  return [
    await check('security', signal, () => ok('Kerberos')),
    await check('keytab', signal, () => judgeKeytab(keytab, principal)),
    await check('kerberos login', signal, () => logIn(identity, urls[0] ?? '')),
    transport,
  ];
}

const UNSECURED = warning(
  'UNSECURED: without Kerberos everybody who reaches the cluster can act as anybody',
  'Nothing here protects data from other users of the network; hadoop.security.authentication=kerberos in core-site.xml does.',
);

/** Everything over HTTPS, or a sentence of what is not. */
export function judgeEncryption(urls: readonly string[], security: 'simple' | 'kerberos'): Finding {
  const open = urls.filter((url) => url.startsWith('http:'));
  if (open.length === 0) return ok('HTTPS for all addresses');
  const text = `plain HTTP: ${open.join(', ')}`;
  const remedy = 'Set dfs.http.policy and yarn.http.policy to HTTPS_ONLY; data and tokens can be read on the way.';
  return security === 'kerberos' ? warning(`${text}: tokens can be stolen on the way`, remedy) : warning(text, remedy);
}

function judgeKeytab(keytab: string, principal: string): Finding {
  const principals = readKeytabPrincipals(keytab);
  const { mode } = statSync(keytab);
  if ((mode & 0o077) !== 0) {
    const found = `${keytab}: others of this host may read it (mode ${(mode & 0o777).toString(8)})`;
    return problem(found, `chmod 600 ${keytab}`);
  }
  const others = principals.length > 1 && principal === '';
  const text = `${keytab}: ${principals.join(', ')}`;
  return others ? warning(text, 'Say which of them by hadoop.principal; the first is taken.') : ok(text);
}

/** One ticket for the first NameNode: keytab, KDC, clock and the service's principal at once. */
async function logIn(identity: Extract<Identity, { kind: 'kerberos' }>, url: string): Promise<Finding> {
  const { hostname } = new URL(url);
  const negotiation = await identity.negotiator.negotiate(hostname);
  negotiation.close();
  return ok(`${identity.negotiator.principal}: the KDC gave a ticket for HTTP/${hostname}`);
}
