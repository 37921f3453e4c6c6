import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import type { PostgresServer } from '../postgres.ts';
import { descendantsOf, isAlive, processOf, until } from '../processes.ts';

/** A PostgreSQL server that can be killed and started again on the same data and port. */
export interface CrashingPostgres {
  /** SIGKILL of the postmaster, which its other processes follow; resolves when all are gone. */
  kill(): Promise<void>;
  /** Starts it again and waits until it answers. */
  restart(): Promise<void>;
  /** Ends what `restart` started. */
  close(): Promise<void>;
}

/** Ends the server with its standard input, as the first one's watcher does. */
const KEEPER = '"$@" >/dev/null 2>&1 </dev/null & server=$!; cat >/dev/null; kill -INT $server; wait $server';

/** The server must run. */
export function crashingPostgres(server: PostgresServer): CrashingPostgres {
  const entry = processOf(server.pid);
  if (entry === null) throw new Error('the PostgreSQL server does not run');
  const { command } = entry;
  let postmaster = server.pid;
  let keeper: ReturnType<typeof spawn> | null = null;
  const close = async (): Promise<void> => {
    if (keeper === null) return;
    const ended = once(keeper, 'exit');
    keeper.stdin?.end();
    await ended;
    keeper = null;
  };
  return {
    close,
    async kill() {
      const children = descendantsOf(postmaster);
      process.kill(postmaster, 'SIGKILL');
      await until('the end of all processes of PostgreSQL', () => !children.some(isAlive));
      await close();
    },
    async restart() {
      const root = process.getuid?.() === 0;
      keeper = spawn('/bin/sh', ['-c', KEEPER, 'sh', ...command], {
        cwd: server.folder,
        stdio: ['pipe', 'ignore', 'inherit'],
        // As whom the data belongs to.
        ...(root ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {}),
      });
      await until('PostgreSQL after its crash', () => answers(server.url));
      const found = descendantsOf(keeper.pid ?? 0).find(({ command: words }) =>
        words.some((word) => word.includes(path.join('native', 'bin', 'postgres'))),
      );
      if (found === undefined || !existsSync(server.folder))
        throw new Error('PostgreSQL runs, but not where it should');
      postmaster = found.pid;
    },
  };
}

/** `nobody`, to whom the data belongs when the tests run as root. */
const UNPRIVILEGED_ID = 65534;

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
