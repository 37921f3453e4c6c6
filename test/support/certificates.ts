import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, ownEnvironment } from './hadoop/command.ts';
import { requireProgram } from './hadoop/prerequisites.ts';

/** A certificate and its key, PEM. */
export interface IssuedCertificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface CertificateWish {
  /** Of the files. @default 'server' */
  readonly fileName?: string;
  /** As OpenSSL names them. @default localhost and 127.0.0.1 */
  readonly names?: readonly string[];
  /** Ended yesterday. @default false */
  readonly expired?: boolean;
}

/** An authority of one test. */
export interface TestAuthority {
  /** PEM. */
  readonly caFile: string;
  /** Makes a key and signs its certificate. */
  issue(wish?: CertificateWish): Promise<IssuedCertificate>;
}

const DAYS = '30';
const DAY_MS = 24 * 3600 * 1000;
/** Elliptic curves: made in milliseconds, unlike RSA. */
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const CA_NAME = ['-subj', '/CN=Trainyard test authority', '-addext', 'basicConstraints=critical,CA:TRUE'];
/** `openssl ca` alone signs for days that are over. */
const CA_SETTINGS = `[ca]
default_ca = own
[own]
database = index
unique_subject = no
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
`;

/** Makes an authority in a folder that is there; node itself can make no certificates. */
export async function makeAuthority(folder: string, name = 'ca'): Promise<TestAuthority> {
  const options = { cwd: folder, env: ownEnvironment() };
  const openssl = (...args: readonly string[]): Promise<unknown> => mustRun(requireProgram('openssl'), args, options);
  const [crt, key] = [`${name}.crt`, `${name}.key`];
  await openssl('req', '-x509', ...NEW_KEY, '-keyout', key, '-out', crt, '-days', DAYS, ...CA_NAME);
  const work = path.join(folder, `${name}-issued`);
  await mkdir(work);
  await writeFile(path.join(folder, `${name}.cnf`), CA_SETTINGS.replace('index', `${name}-issued/index`));
  await writeFile(path.join(work, 'index'), '');
  return {
    caFile: path.join(folder, crt),
    async issue({ fileName = 'server', names = ['DNS:localhost', 'IP:127.0.0.1'], expired = false } = {}) {
      const [certificateFile, keyFile] = [`${fileName}.crt`, `${fileName}.key`];
      const extensions = `subjectAltName=${names.join(',')}\nextendedKeyUsage=serverAuth,clientAuth\n`;
      await writeFile(path.join(work, 'extensions'), extensions);
      await openssl('req', ...NEW_KEY, '-keyout', keyFile, '-out', `${fileName}.csr`, '-subj', '/CN=localhost');
      const shift = expired ? EXPIRED_LIFE_MS : 0;
      const [from, to] = [Date.now() - DAY_MS - shift, Date.now() + (expired ? -DAY_MS : Number(DAYS) * DAY_MS)];
      const signed = ['-config', `${name}.cnf`, '-batch', '-notext', '-in', `${fileName}.csr`, '-out', certificateFile];
      const dates = ['-startdate', asn1Time(from), '-enddate', asn1Time(to)];
      const authority = ['-cert', crt, '-keyfile', key, '-outdir', path.basename(work)];
      await openssl('ca', ...signed, ...dates, ...authority, '-extfile', `${path.basename(work)}/extensions`);
      return { certificateFile: path.join(folder, certificateFile), keyFile: path.join(folder, keyFile) };
    },
  };
}

/** How much earlier an expired certificate began. */
const EXPIRED_LIFE_MS = 10 * DAY_MS;

/** `YYYYMMDDHHMMSSZ` */
const asn1Time = (ms: number): string => `${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '')}Z`;
