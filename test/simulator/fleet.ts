import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RunReport } from './run.ts';
import { addReport, newTotals, type Totals } from './totals.ts';

/** A report as another process prints it. */
export type FleetReport = Omit<RunReport, 'history'> & { readonly cpuMs: number };

export interface FleetOptions {
  readonly firstSeed: number;
  readonly seedCount: number;
  readonly taskCount: number;
  /** Processes that run seeds side by side. */
  readonly processCount: number;
  /** Called with each report as it comes. */
  readonly onReport?: (report: FleetReport) => void;
}

/** What all seeds together came to. */
export interface FleetTotals extends Totals {
  /** Each with its seed and the command that runs it again. */
  readonly violations: readonly string[];
  /** Processor time of the seeds; starts of processes excepted. */
  readonly cpuMs: number;
}

const PROGRAM = fileURLToPath(new URL('./simulate.ts', import.meta.url));

/** The command that runs one seed again. */
export const replayCommand = (seed: number, taskCount: number): string =>
  `node test/simulator/simulate.ts --seed ${seed} --tasks ${taskCount}`;

/** Runs seeds in several processes. @throws when one of them ends without its reports */
export async function runFleet(options: FleetOptions): Promise<FleetTotals> {
  const { firstSeed, seedCount, processCount, taskCount } = options;
  const share = Math.ceil(seedCount / processCount);
  const totals = { ...newTotals(), violations: [] as string[], cpuMs: 0 };
  const add = (report: FleetReport): void => {
    addReport(totals, report);
    totals.cpuMs += report.cpuMs;
    for (const finding of report.violations) {
      totals.violations.push(`seed ${report.seed}: ${finding}; replay: ${replayCommand(report.seed, taskCount)}`);
    }
    options.onReport?.(report);
  };
  const runs: Promise<void>[] = [];
  for (let done = 0; done < seedCount; done += share) {
    runs.push(runShare(firstSeed + done, Math.min(share, seedCount - done), taskCount, add));
  }
  await Promise.all(runs);
  return totals;
}

async function runShare(seed: number, seeds: number, tasks: number, add: (report: FleetReport) => void): Promise<void> {
  const flags = { seed, seeds, tasks };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, ['--max-semi-space-size=64', PROGRAM, '--quiet', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    count += 1;
    add(JSON.parse(line) as FleetReport); // printed by simulate.ts
  }
  await closed;
  if (count !== seeds) throw new Error(`seeds ${seed} and following: expected ${seeds} reports; found ${count}`);
}
