import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonOf } from '../../support/python.ts';
import { predictedColumns, type BenchSet, type PredictedColumns } from './data-sets.ts';
import { meter } from './meter.ts';

/** What each run is given. */
export interface RunRequest {
  readonly set: BenchSet;
  readonly budgetSeconds: number;
  readonly seed: number;
  readonly threads: number;
}

/** What one run of one system came to. */
export interface RunReport {
  readonly version: string;
  readonly predicted: PredictedColumns;
  /** From the first call to the model. */
  readonly fitSeconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** Memory of what runs anyhow, before the run; part of the peak. */
  readonly idleBytes: number;
  /** What the system says of its model, where it says something. */
  readonly said?: string;
}

export type System = (request: RunRequest) => Promise<RunReport>;

const RIVALS = {
  lightgbm: 'lightgbm_defaults.py',
  flaml: 'flaml_automl.py',
  h2o: 'h2o_automl.py',
  autogluon: 'autogluon_medium.py',
} as const;

export type RivalName = keyof typeof RIVALS;
export const RIVAL_NAMES = Object.keys(RIVALS) as RivalName[]; // keys of the constant above

const FOLDER = fileURLToPath(new URL('rivals/', import.meta.url));

/** A rival in a process of its own. It may take as long as it likes: that it overruns its budget is a result. */
export function rival(name: RivalName): System {
  const python = pythonOf(`bench-automl/${name}`, packagesOf(name));
  return async ({ set, budgetSeconds, seed, threads }) => {
    const folder = mkdtempSync(path.join(tmpdir(), `automl-${name}-`));
    const out = path.join(folder, 'predictions.csv');
    const request = {
      train: set.file('train.parquet'),
      test: set.file('test.parquet'),
      trainCsv: set.file('train.csv.gz'),
      testCsv: set.file('test.csv.gz'),
      target: set.target,
      task: set.targetType,
      metric: set.metric,
      budgetSeconds,
      seed,
      threads,
      out,
    };
    try {
      const child = spawn(python, [path.join(FOLDER, RIVALS[name]), JSON.stringify(request)], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, OMP_NUM_THREADS: String(threads) },
      });
      const watched = meter(child.pid ?? 0);
      let output = '';
      let errors = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      const closed = once(child, 'close');
      await closed;
      const used = watched.stop();
      if (child.exitCode !== 0)
        throw new Error(
          `${name} on ${set.name} ended by ${child.exitCode ?? child.signalCode ?? '?'}:\n${errors.slice(-2_000)}`,
        );
      // The last line is what run.py prints.
      const told = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as { fitSeconds: number; version: string };
      return { ...told, ...used, idleBytes: 0, predicted: predictedColumns(set, readFileSync(out, 'utf8')) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

function packagesOf(name: RivalName): string[] {
  const line = readFileSync(path.join(FOLDER, 'requirements.txt'), 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}: `));
  if (line === undefined) throw new Error(`requirements.txt has no line for ${name}`);
  return line.slice(name.length + 2).split(' ');
}
