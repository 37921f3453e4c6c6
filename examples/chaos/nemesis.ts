import { setTimeout as delay } from 'node:timers/promises';
import { LEASE_MS, type Platform } from './platform.ts';
import { signal, type Process } from './processes.ts';

/** Pause between two faults, milliseconds, and how many there are at most: then the job may end in peace. */
const PAUSE_MS = [2_000, 5_000] as const;
const FAULTS_MAX = 12;
/** The fault that is everything at once. */
const POWER_CUT_AT = 2;

/** Part of a program's command line. */
const PROGRAMS = {
  worker: 'yarn-workers/worker/main.ts',
  task: 'yarn-workers/worker/child/main.ts',
  'app server': 'appserver/server/main.ts',
  'prediction server': 'prediction/server/main.ts',
} as const;
type Program = keyof typeof PROGRAMS;

/** What is done to whom: kill -9, or stopped for two leases and let go. */
const FAULTS: readonly (readonly ['kill' | 'stop', Program])[] = [
  ['kill', 'worker'],
  ['kill', 'task'],
  ['kill', 'app server'],
  ['kill', 'prediction server'],
  ['stop', 'worker'],
  ['stop', 'app server'],
];

/** Random numbers in [0, 1) by a seed. @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c (mulberry32) */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Disturbs a platform until the signal is aborted or it has done enough; the faults, in words. */
export async function disturb(
  platform: Platform,
  seed: number,
  done: AbortSignal,
  say: (fault: string) => void,
): Promise<string[]> {
  const next = random(seed);
  const pick = <T>(values: readonly T[]): T | undefined => values[Math.floor(next() * values.length)];
  const faults: string[] = [];
  while (faults.length < FAULTS_MAX) {
    const [least, most] = PAUSE_MS;
    await delay(least + next() * (most - least), undefined, { signal: done }).catch(() => undefined);
    if (done.aborted) break;
    let fault: string | null;
    if (faults.length + 1 === POWER_CUT_AT) fault = await powerCut(platform);
    else fault = await strike(platform, pick(FAULTS), pick);
    if (fault === null) continue;
    faults.push(fault);
    say(fault);
  }
  return faults;
}

async function powerCut(platform: Platform): Promise<string> {
  const count = await platform.killAll();
  await platform.start();
  return `everything at once: kill -9 of ${count} processes; up started again`;
}

/** Null when nobody of that kind runs just now. */
async function strike(
  platform: Platform,
  fault: (typeof FAULTS)[number] | undefined,
  pick: (values: readonly Process[]) => Process | undefined,
): Promise<string | null> {
  if (fault === undefined) return null;
  const [what, program] = fault;
  const victim = pick(
    platform.processes().filter((process) => process.command.some((word) => word.endsWith(PROGRAMS[program]))),
  );
  if (victim === undefined) return null;
  if (what === 'kill') {
    signal(victim, 'SIGKILL');
    return `kill -9 of ${program} ${victim.pid}`;
  }
  signal(victim, 'SIGSTOP');
  await delay(2 * LEASE_MS);
  signal(victim, 'SIGCONT');
  return `${program} ${victim.pid} stopped for ${(2 * LEASE_MS) / 1000} s`;
}
