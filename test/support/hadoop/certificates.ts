import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, ownEnvironment } from './command.ts';
import { requireProgram } from './prerequisites.ts';
import type { Sites } from './site.ts';

/** An authority of one cluster and the certificate that all its daemons share. */
export interface Certificates {
  /** PEM. */
  readonly caFile: string;
  /** Of daemons: their key and whom they trust. */
  readonly server: Sites;
  /** Of clients: whom they trust. */
  readonly client: Sites;
}

const PASSWORD = 'changeit';
const DAYS = '30';
/** Elliptic curves: made in milliseconds, unlike RSA. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const EXTENSIONS = 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n';

/** Makes `<folder>/tls`: authority, server key and the PKCS #12 stores that Java reads. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const home = path.join(folder, 'tls');
  await mkdir(home, { mode: 0o700 });
  const options = { cwd: home, env: ownEnvironment() };
  const openssl = (...args: readonly string[]): Promise<unknown> => mustRun(requireProgram('openssl'), args, options);
  await openssl('req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', DAYS, ...CA_NAME);
  await openssl('req', ...NEW_KEY, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await writeFile(path.join(home, 'extensions'), EXTENSIONS);
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions'];
  await openssl('x509', '-req', '-in', 'server.csr', ...authority, '-days', DAYS, '-out', 'server.crt');
  const store = ['-name', 'server', '-passout', `pass:${PASSWORD}`, '-out', 'server.p12'];
  await openssl('pkcs12', '-export', '-in', 'server.crt', '-inkey', 'server.key', '-certfile', 'ca.crt', ...store);
  const trust = ['-keystore', 'trust.p12', '-storetype', 'PKCS12', '-storepass', PASSWORD];
  await mustRun(
    requireProgram('keytool'),
    ['-importcert', '-noprompt', '-alias', 'ca', '-file', 'ca.crt', ...trust],
    options,
  );
  return { caFile: path.join(home, 'ca.crt'), ...storeSites(home) };
}

const CA_NAME = ['-subj', '/CN=Trainyard test authority', '-addext', 'basicConstraints=critical,CA:TRUE'];

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
