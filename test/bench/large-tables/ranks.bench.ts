/**
 * Peak memory of processes that fit a model together beside that of one which fits it alone, on a made table that `step.ts profile` has seen:
 * `node test/bench/large-tables/ranks.bench.ts FOLDER STATE_FOLDER [OPTIONS]`, options of `step.ts` and `{"size": 2}`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runStep, type StepReport } from './step-process.ts';

const [folder = '.', stateFolder = '.', text = '{}'] = process.argv.slice(2);
const { size = 2, ...options } = JSON.parse(text) as { readonly size?: number };

async function fit(more: object): Promise<StepReport> {
  const found = await runStep('train', folder, stateFolder, { ...options, ...more });
  console.log(JSON.stringify({ ...more, ...found }));
  return found;
}

const meeting = mkdtempSync(path.join(os.tmpdir(), 'trainyard-ranks-'));
const ranks = await Promise.all(
  Array.from({ length: size }, (_, rank) => fit({ ranks: { rank, size, folder: meeting } })),
);
rmSync(meeting, { recursive: true });
const alone = await fit({});
const peak = Math.max(...ranks.map(({ peakMib }) => peakMib));
console.log(
  `${size} ranks: peak ${peak} MiB each at most, ${(peak / alone.peakMib).toFixed(3)} of one's ${alone.peakMib}`,
);
console.log(`AUC, holdout: ${ranks[0]?.holdout ?? NaN} of ${size}, ${alone.holdout} of one`);
console.log(
  `CPU: ${ranks.map(({ cpuSeconds }) => cpuSeconds.toFixed(0)).join(' + ')} s, ${alone.cpuSeconds.toFixed(0)} s of one`,
);
