import type { Change } from './history.ts';

interface Recovery {
  readonly fault: string;
  readonly what: string;
  readonly seconds: number;
}

/** Within this time a worker that can hear again is told that it has lost its task, and stops, milliseconds. */
export const TOLD_MS_MAX = 10_000;

const recoveries: Recovery[] = [];

/** What went on again, and how long that may take. */
export interface Expected {
  /** @default 'work goes on' */
  readonly what?: string;
  /** Milliseconds, far beyond what is usual: a loaded machine keeps them, a program that waits for nothing does not. */
  readonly limitMs: number;
}

/** Notes and prints how long it took from a fault until things went on. @throws Error when that was too long */
export function noteRecovery(fault: string, ms: number, { what = 'work goes on', limitMs }: Expected): void {
  if (!(ms <= limitMs)) throw new Error(`${fault}: ${what} after ${ms} ms; expected at most ${limitMs} ms`);
  const seconds = Math.max(0, ms) / 1000;
  recoveries.push({ fault, what, seconds });
  console.log(`      ${what} after ${seconds.toFixed(2)} s`);
}

const IN_WORK = ['RUNNING', 'COMMITTING', 'SUCCEEDED'];
const HELD = ['LEASED', 'RUNNING', 'COMMITTING'];

/**
 * When, after a fault, the work went on: every task that was held at the fault was begun, sealed or committed anew; if
 * none was, any task. Null: that never happened.
 */
export function wentOnAtMs(history: readonly Change[], faultAtMs: number): number | null {
  const states = new Map<string, { readonly fence: number; readonly state: string }>();
  const held = new Set<string>();
  let isAfter = false;
  for (const { relation, row, atMs } of history) {
    if (relation !== 'task') continue;
    if (!isAfter && atMs >= faultAtMs) {
      isAfter = true;
      for (const [id, { state }] of states) if (HELD.includes(state)) held.add(id);
    }
    const id = String(row['id']);
    const now = { fence: Number(row['fence']), state: String(row['state']) };
    const before = states.get(id);
    const isNews = before?.state !== now.state || before.fence !== now.fence;
    states.set(id, now);
    if (!isAfter || !isNews || !IN_WORK.includes(now.state)) continue;
    held.delete(id);
    if (held.size === 0) return atMs;
  }
  return null;
}

// Loaded by a test file, so that this becomes a hook of the root suite.
if (typeof after === 'function')
  after(() => {
    if (recoveries.length === 0) return;
    console.log('\n| fault | until | s |\n| --- | --- | --- |');
    for (const { fault, what, seconds } of recoveries) console.log(`| ${fault} | ${what} | ${seconds.toFixed(2)} |`);
  });
