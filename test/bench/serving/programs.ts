import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { createInterface } from 'node:readline';

/** Kernel clock ticks a second in /proc: fixed on Linux. @see proc_pid_stat(5) */
const TICKS = 100;
const PAGE_BYTES = 4096;
const START_TIMEOUT_MS = 240_000;
/** Lines of a program that did not start which are shown. */
const LINES_SHOWN = 20;

/** A server under load, with all processes that it started. */
export interface Program {
  readonly port: number;
  /** Milliseconds until it listened. */
  readonly startedInMs: number;
  /** Time on processors so far, seconds, of all its processes together. */
  cpuSeconds(): number;
  /** Resident memory of all its processes together; what they share counts in each. */
  residentBytes(): number;
  /** SIGTERM to all of them; resolves when the first is gone. */
  end(): Promise<void>;
}

export interface ProgramOptions {
  readonly words: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Finds the port in a line that the program writes, on either output. */
  readonly listening: (line: string) => number | null;
}

/** The core of servers; the load comes from the other one. Null on a machine of one. */
const serverCore: number | null = os.availableParallelism() > 1 ? 1 : null;

/** Keeps this process, which makes the load, off the servers' core. */
export function keepToOwnCore(): void {
  if (serverCore !== null) execFileSync('taskset', ['-a', '-c', '-p', '0', String(process.pid)], { stdio: 'ignore' });
}

/** Starts a server on one core, in a process group of its own. @throws Error with its last lines where it ends or does not listen */
export async function startProgram({ words, cwd, env, listening }: ProgramOptions): Promise<Program> {
  const started = performance.now();
  const [command = '', ...rest] = serverCore === null ? words : ['taskset', '-c', String(serverCore), ...words];
  const child = spawn(command, rest, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const group = child.pid ?? 0;
  const exited = once(child, 'exit');
  const lines: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`${words.join(' ')}: ${what}\n${lines.join('\n')}`));
    const timer = setTimeout(() => fail(`does not listen after ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    child.once('error', (err) => fail(err.message));
    child.once('exit', (code) => fail(`ended with ${code ?? 'a signal'}`));
    for (const output of [child.stdout, child.stderr])
      createInterface({ input: output }).on('line', (line) => {
        lines.push(line);
        if (lines.length > LINES_SHOWN) lines.shift();
        const found = listening(line);
        if (found === null) return;
        clearTimeout(timer);
        resolve(found);
      });
  }).catch((err: unknown) => {
    endGroup(group);
    throw err;
  });
  return {
    port,
    startedInMs: performance.now() - started,
    cpuSeconds: () => sumOf(group, (fields) => (Number(fields[11]) + Number(fields[12])) / TICKS),
    residentBytes: () => sumOf(group, (fields) => Number(fields[21]) * PAGE_BYTES),
    end: async () => {
      endGroup(group);
      await exited;
    },
  };
}

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
}

/** Adds up what the processes of a group have in `/proc/<pid>/stat`; `fields[0]` is their state. */
function sumOf(group: number, of: (fields: readonly string[]) => number): number {
  let sum = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = fieldsOf(name);
    if (Number(fields[2]) === group) sum += of(fields);
  }
  return sum;
}

function fieldsOf(pid: string): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return []; // it ended meanwhile
  }
}
