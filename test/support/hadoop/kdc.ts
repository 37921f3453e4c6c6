import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { mustRun } from './command.ts';
import { createDaemon, type Daemon } from './daemon.ts';
import { kerberosPrograms, type KerberosPrograms } from './kerberos-programs.ts';
import { MARK } from './keeper.ts';

/** A Kerberos realm of one cluster. */
export interface Realm {
  readonly name: string;
  readonly krb5Conf: string;
  readonly kdc: Daemon;
  /** Path of the file with the keys of one principal. @throws Error when there is no such principal */
  keytab(shortName: string): string;
  /** Logs in with the keytab and gives the file with the ticket. */
  ticket(shortName: string): Promise<string>;
  /** Runs commands of kadmin.local on the realm's database. */
  administer(...commands: readonly string[]): Promise<void>;
}

const REALM = 'TRAINYARD.TEST';
/** Principals by short name. Services have the host in theirs, as Hadoop demands; people and the service user do not. */
const PRINCIPALS: Readonly<Record<string, string>> = {
  hdfs: 'hdfs/localhost',
  yarn: 'yarn/localhost',
  HTTP: 'HTTP/localhost',
  httpfs: 'httpfs/localhost',
  trainyard: 'trainyard',
  alice: 'alice',
  bob: 'bob',
};

/** Makes the realm's database and keytabs in `<folder>/kerberos`; its KDC does not run yet. */
export async function makeRealm(folder: string, port: number): Promise<Realm> {
  const programs = await kerberosPrograms();
  const home = path.join(folder, 'kerberos');
  await mkdir(home, { mode: 0o700 });
  const krb5Conf = path.join(home, 'krb5.conf');
  await writeFile(krb5Conf, clientConfiguration(port));
  await writeFile(path.join(home, 'kdc.conf'), kdcConfiguration(folder, port, programs));
  const env = environment(folder, programs);
  const run = (program: Parameters<KerberosPrograms['program']>[0], args: string[], input = ''): Promise<unknown> =>
    mustRun(programs.program(program), args, { cwd: home, env, input });
  await run('kdb5_util', ['create', '-s', '-r', REALM, '-P', 'of-a-test']);
  await run('kadmin.local', ['-r', REALM], principalCommands(home));
  const keytab = (shortName: string): string => {
    if (PRINCIPALS[shortName] !== undefined) return path.join(home, `${shortName}.keytab`);
    throw new Error(`the realm has no principal ${shortName}; it has ${Object.keys(PRINCIPALS).join(', ')}`);
  };
  return {
    name: REALM,
    krb5Conf,
    kdc: kdcDaemon(folder, programs, env),
    keytab,
    async ticket(shortName) {
      const file = path.join(home, `${shortName}.ticket`);
      await run('kinit', ['-k', '-t', keytab(shortName), '-c', `FILE:${file}`, PRINCIPALS[shortName] ?? '']);
      return file;
    },
    async administer(...commands) {
      await run('kadmin.local', ['-r', REALM], `${commands.join('\n')}\n`);
    },
  };
}

/** `-norandkey`: a second `ktadd` would otherwise invalidate the first one's file. */
function principalCommands(home: string): string {
  const lines = Object.entries(PRINCIPALS).flatMap(([shortName, principal]) => [
    `addprinc -randkey ${principal}`,
    `ktadd -k ${path.join(home, `${shortName}.keytab`)} -norandkey ${principal}`,
  ]);
  return `${lines.join('\n')}\n`;
}

function kdcDaemon(folder: string, programs: KerberosPrograms, env: Readonly<Record<string, string>>): Daemon {
  const logs = path.join(folder, 'logs');
  return createDaemon({
    name: 'kdc',
    command: programs.program('krb5kdc'),
    args: ['-n'],
    env,
    cwd: path.join(folder, 'kerberos'),
    logFile: path.join(logs, 'kdc.log'),
    outputFile: path.join(logs, 'kdc.out'),
    ready: [/commencing operation/],
  });
}

function environment(folder: string, programs: KerberosPrograms): Record<string, string> {
  const home = path.join(folder, 'kerberos');
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    ...programs.env,
    KRB5_CONFIG: path.join(home, 'krb5.conf'),
    KRB5_KDC_PROFILE: path.join(home, 'kdc.conf'),
    [MARK]: folder,
  };
}

/** TCP only and no look-ups by DNS: Java and MIT read the same file. @see krb5.conf(5) */
function clientConfiguration(port: number): string {
  return `[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  forwardable = true
  ticket_lifetime = 10h
  renew_lifetime = 7d
[realms]
  ${REALM} = {
    kdc = 127.0.0.1:${port}
  }
[domain_realm]
  localhost = ${REALM}
`;
}

/** @see kdc.conf(5) */
function kdcConfiguration(folder: string, port: number, programs: KerberosPrograms): string {
  const home = path.join(folder, 'kerberos');
  const log = path.join(folder, 'logs');
  return `[kdcdefaults]
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}
[realms]
  ${REALM} = {
    database_name = ${home}/principal
    key_stash_file = ${home}/stash
    acl_file = ${home}/kadm5.acl
    max_life = 10h
    max_renewable_life = 7d
    supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
    database_module = db2
  }
[dbmodules]
  db_module_dir = ${programs.databaseModules}
  db2 = {
    db_library = db2
  }
[logging]
  kdc = FILE:${log}/kdc.log
  admin_server = FILE:${log}/kadmin.log
  default = FILE:${log}/kerberos.log
`;
}
