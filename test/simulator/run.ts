import { interceptFailpoints, useRandomSource } from '#runtime';
import type { Plant } from './plants.ts';
import { Simulation } from './simulation.ts';
import type { DatabaseSource } from './shared-database.ts';

export interface RunOptions {
  readonly seed: number;
  readonly taskCount: number;
  /** @default SQLite in memory */
  readonly source?: DatabaseSource;
  readonly plant?: Plant | null;
  /**
   * Passes of each step so far, filled on: every fault at every step comes in turn, over several seeds, so that a few
   * tasks meet all of them. @default null: the seed picks the fault that it tries most
   */
  readonly rotation?: Map<string, number> | null;
  /** Whether the report has the history although nothing was violated. @default false */
  readonly withHistory?: boolean;
}

/** What became of one seed. */
export interface RunReport {
  readonly seed: number;
  /** Tasks that were accepted. */
  readonly taskCount: number;
  readonly violations: readonly string[];
  /** Faults by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Tasks by their last state. */
  readonly ends: Readonly<Record<string, number>>;
  readonly virtualMs: number;
  readonly eventCount: number;
  /** Statements and rows that the plant altered; 0 without one. */
  readonly alteredCount: number;
  /** SHA-256 of the history: the same for the same seed. */
  readonly historyHash: string;
  /** What happened, one line each; empty unless something was violated or it was asked for. */
  readonly history: readonly string[];
}

/** Runs one seed from the first task to the end of the last worker. One at a time per thread. */
export async function runSeed({
  seed,
  taskCount,
  source = { client: 'sqlite' },
  plant = null,
  rotation = null,
  withHistory = false,
}: RunOptions): Promise<RunReport> {
  const simulation = await Simulation.open({ seed, taskCount, source, plant, rotation });
  const restoreRandom = useRandomSource((count) => simulation.idBytes(count));
  const restoreFailpoints = interceptFailpoints((name) => simulation.nemesis.atFailpoint(name));
  try {
    await simulation.run();
    return await simulation.report(withHistory);
  } finally {
    restoreFailpoints();
    restoreRandom();
    await simulation.close();
  }
}
