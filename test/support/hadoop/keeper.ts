import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { processOf, type ProcessEntry } from '../processes.ts';

/** Every daemon and tool of a cluster has it in its environment, with the cluster's folder as value. */
export const MARK = 'TRAINYARD_TEST_CLUSTER';
/** YARN gives it to every container, and not the NodeManager's own environment. */
const CONTAINER_MARK = 'LOCAL_DIRS';

/**
 * Waits until its standard input ends, which the kernel sees to even for a test process that was killed. Then it ends
 * every process of the cluster, orphaned containers included, and removes the folder. What a container has started
 * with another environment is known by its working folder.
 */
const KEEPER = `
folder=$1
marked() {
  grep -lzE -- "^(${MARK}=$folder|${CONTAINER_MARK}=$folder/.*)$" /proc/[0-9]*/environ
  find /proc -mindepth 2 -maxdepth 2 -name cwd -lname "$folder/data/*"
}
cat >/dev/null
for attempt in $(seq 100); do
  pids=$(marked 2>/dev/null | tr -dc '0-9\\n')
  [ -n "$pids" ] || break
  kill -KILL $pids 2>/dev/null
  sleep 0.05
done
rm -rf -- "$folder"
`;

/** Holds the life of a cluster. */
export interface Keeper {
  /** Ends all processes of the cluster and removes its folder. */
  close(): Promise<void>;
}

/** Starts the process that ends the cluster when this process ends, however that happens. */
export function startKeeper(folder: string): Keeper {
  const child = spawn('/bin/sh', ['-c', KEEPER, 'sh', folder], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'inherit'],
    // Ctrl-C on the terminal must not end it before it has cleaned up.
    detached: true,
  });
  const ended = once(child, 'exit');
  child.unref();
  // Node gives the pipe of a child as a socket.
  if (child.stdin instanceof Socket) child.stdin.unref();
  return {
    async close() {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}

/** All processes of the cluster in this folder: daemons, tools and containers, also those whose NodeManager is gone. */
export function processesOf(folder: string): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && belongsTo(folder, name))
    .flatMap((name) => processOf(Number(name)) ?? []);
}

function belongsTo(folder: string, pid: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/data/`)) return true;
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return variables.some((text) => text === `${MARK}=${folder}` || text.startsWith(`${CONTAINER_MARK}=${folder}/`));
  } catch {
    return false; // it has ended, or is somebody else's
  }
}
