import { readFileSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { cached, shortHash } from '../../../scripts/lib/cache.ts';
import { mustRun, ownEnvironment } from './command.ts';
import { requireProgram } from './prerequisites.ts';

/** MIT Kerberos, unpacked and not installed: no service starts and nothing outside the cache changes. */
export interface KerberosPrograms {
  /** Absolute path of a program of it. */
  program(name: 'krb5kdc' | 'kdb5_util' | 'kadmin.local' | 'kinit'): string;
  /** What its programs need beside their configuration. */
  readonly env: Readonly<Record<string, string>>;
  /** The database module of the KDC lies there. */
  readonly databaseModules: string;
}

/** Debian 12 has no `libverto-libevent1`, which krb5-kdc would take first. */
const PACKAGES = [
  ...['krb5-kdc', 'krb5-admin-server', 'krb5-user', 'libkadm5srv-mit12', 'libkadm5clnt-mit12', 'libkdb5-10'],
  ...['libgssrpc4', 'libverto1', 'libverto-libev1', 'libev4', 'libgssapi-krb5-2', 'libkrb5-3', 'libk5crypto3'],
  ...['libkrb5support0', 'libcom-err2'],
];
const TRIPLET = 'x86_64-linux-gnu';
const FETCH_LIMIT_MS = 5 * 60_000;

/**
 * The programs from the cache (`kerberos/<release>-<hash of the list>`), which apt fills the first time.
 * @throws MissingPrerequisite
 */
export async function kerberosPrograms(): Promise<KerberosPrograms> {
  const name = `kerberos/${releaseName()}-${shortHash(PACKAGES.join(' '))}`;
  const root = await cached(name, fetchPackages);
  return {
    program: (program) => path.join(root, 'usr', program.startsWith('ki') ? 'bin' : 'sbin', program),
    env: { LD_LIBRARY_PATH: path.join(root, 'usr/lib', TRIPLET) },
    databaseModules: path.join(root, 'usr/lib', TRIPLET, 'krb5/plugins/kdb'),
  };
}

/** Libraries fit the release they were built for. */
function releaseName(): string {
  const text = readFileSync('/etc/os-release', 'utf8');
  const field = (key: string): string => new RegExp(`^${key}="?([\\w.]+)"?$`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${field('ID')}-${field('VERSION_ID')}`;
}

/** With package lists of its own: root is not needed, and those of the machine may be old or missing. */
async function fetchPackages(work: string): Promise<void> {
  console.error('fetching the Debian packages of MIT Kerberos (about 2 MB)');
  const apt = path.join(work, 'apt');
  for (const name of ['lists/partial', 'cache/archives/partial', 'debs']) {
    await mkdir(path.join(apt, name), { recursive: true });
  }
  const settings = [`Dir::State::lists=${apt}/lists`, `Dir::Cache=${apt}/cache`, 'APT::Sandbox::User=root'];
  const flags = ['-q', ...settings.flatMap((text) => ['-o', text])];
  const inDebs = { cwd: path.join(apt, 'debs'), env: ownEnvironment(), timeoutMs: FETCH_LIMIT_MS };
  await mustRun(requireProgram('apt-get'), [...flags, 'update'], inDebs);
  await mustRun(requireProgram('apt-get'), [...flags, 'download', ...PACKAGES], inDebs);
  for (const file of await readdir(inDebs.cwd)) {
    await mustRun(requireProgram('dpkg'), ['-x', file, work], inDebs);
  }
  await rm(apt, { recursive: true });
}
