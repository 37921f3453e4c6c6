import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';

const MIB = 1024 ** 2;
const EVERY_MS = 1_000;

/** A process of a container, as it was seen last. */
export interface SeenProcess {
  readonly pid: number;
  readonly container: string;
  /** `worker`: the supervisor; `task`: what it runs tasks in; `master`: the application master. */
  readonly role: 'worker' | 'task' | 'master';
  /** Peak of its resident memory so far, MiB. */
  peakMib: number;
  /** Seconds of processors so far. */
  cpuSeconds: number;
  readonly firstSeenMs: number;
  lastSeenMs: number;
}

/** Follows the processes and the local folders of all containers on this machine: what the operating system says, not what the programs say of themselves. */
export class ContainerWatch {
  readonly processes = new Map<string, SeenProcess>();
  /** Largest sum of the files that containers of the folder had at one time, MiB; what YARN unpacked for them is left out. */
  diskMib = 0;
  readonly #folder: string;
  readonly #timer: NodeJS.Timeout;

  /** @param folder of the cluster: only what runs below it is counted */
  constructor(folder: string) {
    this.#folder = folder;
    this.#timer = setInterval(() => this.look(), EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.look();
  }

  /** Kills the worker that was started last, and so its container, as preemption does. @returns whether there was one */
  killNewestWorker(): boolean {
    this.look();
    const [newest] = [...this.processes.values()]
      .filter(({ role, lastSeenMs }) => role === 'worker' && performance.now() - lastSeenMs < EVERY_MS)
      .toSorted((a, b) => b.firstSeenMs - a.firstSeenMs);
    if (newest === undefined) return false;
    process.kill(newest.pid, 'SIGKILL');
    return true;
  }

  look(): void {
    for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) this.#lookAt(Number(name));
    this.diskMib = Math.max(this.diskMib, this.#diskBytes() / MIB);
  }

  #lookAt(pid: number): void {
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
      const container = /container_[\w]+/.exec(cwd)?.[0];
      if (container === undefined || !cwd.startsWith(this.#folder)) return;
      const role = roleOf(words);
      if (role === null) return;
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = Number(fields[11]) + Number(fields[12]);
      const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
      const key = `${pid} ${fields[19] ?? ''}`;
      const now = performance.now();
      const seen = this.processes.get(key) ?? {
        pid,
        container,
        role,
        peakMib: 0,
        cpuSeconds: 0,
        firstSeenMs: now,
        lastSeenMs: now,
      };
      seen.peakMib = Math.max(seen.peakMib, Number(peak ?? 0) / 1024);
      // A hundred ticks a second on every Linux that Node is built for.
      seen.cpuSeconds = ticks / 100;
      seen.lastSeenMs = now;
      this.processes.set(key, seen);
    } catch {
      // It has ended meanwhile, or is another user's.
    }
  }

  #diskBytes(): number {
    let bytes = 0;
    const walk = (folder: string): void => {
      for (const entry of entriesOf(folder)) {
        const place = path.join(folder, entry.name);
        if (entry.isDirectory()) walk(place);
        else if (entry.isFile()) bytes += statSync(place, { throwIfNoEntry: false })?.size ?? 0;
      }
    };
    for (const node of entriesOf(path.join(this.#folder, 'data')))
      for (const user of entriesOf(path.join(this.#folder, 'data', node.name, 'local/usercache')))
        walk(path.join(this.#folder, 'data', node.name, 'local/usercache', user.name, 'appcache'));
    return bytes;
  }
}

function roleOf([program = '', ...words]: readonly string[]): SeenProcess['role'] | null {
  if (path.basename(program) === 'java') return 'master';
  if (path.basename(program) !== 'node') return null;
  // As the launcher of the bundle starts the supervisor.
  return words.includes('--jitless') ? 'worker' : 'task';
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
