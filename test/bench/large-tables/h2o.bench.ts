/**
 * A large table from Parquet to a model of boosted trees, beside H2O-3 in the same run: `node test/bench/large-tables/h2o.bench.ts FOLDER [MEMORY] [TREES]`.
 * FOLDER is one of `scripts/bench/generate`; MEMORY is what H2O's server may take (`14g`). Both have two threads and all columns, grow TREES (100) trees
 * of at most 64 leaves on 60 % of the rows and are scored on the other 40 %; H2O keeps no holdout from the trees it has grown, and neither stops early.
 * Ours reads the table twice: once for the profile, which H2O does not make.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonOf } from '../../support/python.ts';
import { runStep } from './step-process.ts';

const DEPTH = 6;
const THREADS = 2;
/** It is ended then, and that is the result. */
const RIVAL_MS_MAX = 90 * 60_000;

const [folder = '.', memory = '14g', trees = '100'] = process.argv.slice(2);
const TREES = Number(trees);
const python = pythonOf('bench-automl/h2o', ['h2o==3.46.0.12', 'pandas==2.3.3', 'pyarrow==22.0.0']);
const stateFolder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-h2o-'));
try {
  const profile = await runStep('profile', folder, stateFolder, { threads: THREADS });
  console.log(JSON.stringify({ ours: 'profile', ...profile }));
  const train = await runStep('train', folder, stateFolder, { threads: THREADS, trees: TREES, leaves: 2 ** DEPTH });
  console.log(JSON.stringify({ ours: 'train', ...train }));
  const rival = await rivalOf(folder);
  console.log(JSON.stringify(rival));
  const ours = { wall: profile.wallSeconds + train.wallSeconds, cpu: profile.cpuSeconds + train.cpuSeconds };
  const peak = Math.max(profile.peakMib, train.peakMib);
  console.log(
    `ours / H2O: wall ${(ours.wall / rival.wallSeconds).toFixed(3)}, CPU ${(ours.cpu / rival.cpuSeconds).toFixed(3)}, peak memory ${(peak / rival.peakMib).toFixed(3)}`,
  );
} finally {
  rmSync(stateFolder, { recursive: true, force: true });
}

interface RivalReport {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMib: number;
}

async function rivalOf(tables: string): Promise<RivalReport> {
  const program = fileURLToPath(new URL('./rival_h2o.py', import.meta.url));
  const child = spawn(python, [program, tables, ...[TREES, DEPTH, THREADS].map(String), memory], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: RIVAL_MS_MAX,
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  await once(child, 'close');
  const line = out.trim().split('\n').at(-1) ?? '';
  if (!line.startsWith('{'))
    throw new Error(`H2O ended without a word, or was ended after ${RIVAL_MS_MAX / 1000} s: ${out}`);
  return JSON.parse(line) as RivalReport; // as rival_h2o.py prints it
}
