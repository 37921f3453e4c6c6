import path from 'node:path';
import { debianPackages, TRIPLET } from './debian-packages.ts';

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

/**
 * The programs from the cache, which apt fills the first time (about 2 MB).
 * @throws MissingPrerequisite
 */
export async function kerberosPrograms(): Promise<KerberosPrograms> {
  const root = await debianPackages('kerberos', PACKAGES);
  return {
    program: (program) => path.join(root, 'usr', program.startsWith('ki') ? 'bin' : 'sbin', program),
    env: { LD_LIBRARY_PATH: path.join(root, 'usr/lib', TRIPLET) },
    databaseModules: path.join(root, 'usr/lib', TRIPLET, 'krb5/plugins/kdb'),
  };
}
