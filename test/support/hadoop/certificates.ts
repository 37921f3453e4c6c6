import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { makeAuthority, type IssuedCertificate } from '../certificates.ts';
import { mustRun, ownEnvironment } from './command.ts';
import { requireProgram } from './prerequisites.ts';
import type { Sites } from './site.ts';

/** An authority of one cluster and the certificate that all its daemons share. */
export interface Certificates {
  /** PEM. */
  readonly caFile: string;
  /** The certificate of the daemons, PEM. */
  readonly issued: IssuedCertificate;
  /** Of daemons: their key and whom they trust. */
  readonly server: Sites;
  /** Of clients: whom they trust. */
  readonly client: Sites;
}

const PASSWORD = 'changeit';
/** Makes `<folder>/tls`: authority, server key and the PKCS #12 stores that Java reads. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const home = path.join(folder, 'tls');
  await mkdir(home, { mode: 0o700 });
  const options = { cwd: home, env: ownEnvironment() };
  const openssl = (...args: readonly string[]): Promise<unknown> => mustRun(requireProgram('openssl'), args, options);
  const authority = await makeAuthority(home);
  const issued = await authority.issue();
  const store = ['-name', 'server', '-passout', `pass:${PASSWORD}`, '-out', 'server.p12'];
  await openssl('pkcs12', '-export', '-in', 'server.crt', '-inkey', 'server.key', '-certfile', 'ca.crt', ...store);
  const trust = ['-keystore', 'trust.p12', '-storetype', 'PKCS12', '-storepass', PASSWORD];
  await mustRun(
    requireProgram('keytool'),
    ['-importcert', '-noprompt', '-alias', 'ca', '-file', 'ca.crt', ...trust],
    options,
  );
  return { caFile: authority.caFile, issued, ...storeSites(home) };
}

function storeSites(home: string): Pick<Certificates, 'server' | 'client'> {
  const trust = (side: 'server' | 'client'): Record<string, string> => ({
    [`ssl.${side}.truststore.location`]: path.join(home, 'trust.p12'),
    [`ssl.${side}.truststore.password`]: PASSWORD,
    [`ssl.${side}.truststore.type`]: 'pkcs12',
  });
  const key = {
    'ssl.server.keystore.location': path.join(home, 'server.p12'),
    'ssl.server.keystore.password': PASSWORD,
    'ssl.server.keystore.keypassword': PASSWORD,
    'ssl.server.keystore.type': 'pkcs12',
  };
  return { client: { 'ssl-client': trust('client') }, server: { 'ssl-server': { ...key, ...trust('server') } } };
}
