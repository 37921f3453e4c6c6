/**
 * Peak memory of processes that fit a model together beside that of one which fits it alone, on a made table that `step.ts profile` has seen:
 * `node test/bench/large-tables/ranks.bench.ts FOLDER STATE_FOLDER [OPTIONS]`, options of `step.ts` and `{"size": 2}`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const STEP = fileURLToPath(new URL('./step.ts', import.meta.url));
/** As a worker starts its task process. */
const FLAGS = [
  '--disable-wasm-trap-handler',
  '--max-semi-space-size=4',
  '--initial-old-space-size=64',
  '--heap-growing-percent=50',
  '--max-old-space-size=3072',
];
const MALLOC = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576' };

interface Found {
  readonly peakMib: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly iterations: number;
  readonly validation: number;
  readonly holdout: number;
}

const [folder = '.', stateFolder = '.', text = '{}'] = process.argv.slice(2);
const { size = 2, ...options } = JSON.parse(text) as { readonly size?: number };

async function step(more: object): Promise<Found> {
  const words = ['train', folder, stateFolder, JSON.stringify({ ...options, ...more })];
  const child = spawn(process.execPath, [...FLAGS, STEP, ...words], {
    env: { ...process.env, ...MALLOC, OMP_WAIT_POLICY: 'passive' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null]; // as `close` is declared
  if (code !== 0) throw new Error(`step.ts ended by ${code ?? 'a signal'}: ${out}`);
  const found = JSON.parse(out) as Found; // as step.ts prints it
  console.log(JSON.stringify({ ...more, ...found }));
  return found;
}

const meeting = mkdtempSync(path.join(os.tmpdir(), 'trainyard-ranks-'));
const ranks = await Promise.all(
  Array.from({ length: size }, (_, rank) => step({ ranks: { rank, size, folder: meeting } })),
);
rmSync(meeting, { recursive: true });
const alone = await step({});
const peak = Math.max(...ranks.map(({ peakMib }) => peakMib));
console.log(
  `${size} ranks: peak ${peak} MiB each at most, ${(peak / alone.peakMib).toFixed(3)} of one's ${alone.peakMib}`,
);
console.log(`AUC, holdout: ${ranks[0]?.holdout ?? NaN} of ${size}, ${alone.holdout} of one`);
console.log(
  `CPU: ${ranks.map(({ cpuSeconds }) => cpuSeconds.toFixed(0)).join(' + ')} s, ${alone.cpuSeconds.toFixed(0)} s of one`,
);
