/**
 * What processes that fit a model together take beside one which fits it alone, on a made table that `step.ts profile` has seen:
 * `node test/bench/large-tables/ranks.bench.ts FOLDER STATE_FOLDER [OPTIONS]`, options of `step.ts`, `{"size": 2}`, and `{"keeps": false}` for
 * spools instead of bins that are kept in a temporary folder. Where they are kept a second model follows, which finds them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runStep, type StepReport } from './step-process.ts';

const [folder = '.', stateFolder = '.', text = '{}'] = process.argv.slice(2);
const { size = 2, keeps = true, ...options } = JSON.parse(text) as { readonly size?: number; readonly keeps?: boolean };

const temporary: string[] = [];
function newFolder(name: string): string {
  const made = mkdtempSync(path.join(os.tmpdir(), `trainyard-${name}-`));
  temporary.push(made);
  return made;
}

async function fit(more: object): Promise<StepReport> {
  const found = await runStep('train', folder, stateFolder, { ...options, ...more });
  console.log(JSON.stringify({ ...more, ...found }));
  return found;
}

const group = (bins: object): Promise<StepReport[]> => {
  const meeting = newFolder('ranks');
  return Promise.all(
    Array.from({ length: size }, (_, rank) => fit({ ...bins, ranks: { rank, size, folder: meeting } })),
  );
};

const bins = keeps ? { bins: newFolder('bins') } : {};
const ranks = await group(bins);
const next = keeps ? await group(bins) : [];
const alone = await fit(keeps ? { bins: newFolder('bins') } : {});
for (const made of temporary) rmSync(made, { recursive: true });

const of = (all: readonly StepReport[], valueOf: (report: StepReport) => number): string =>
  all.map((report) => valueOf(report).toFixed(0)).join(' + ');
for (const [name, all] of [
  [`${size} ranks`, ranks],
  [`${size} ranks, the second model`, next],
  ['one process', [alone]],
] as const) {
  if (all.length === 0) continue;
  console.log(
    `${name}: ${of(all, ({ cpuSeconds }) => cpuSeconds)} s of processors, ${of(all, ({ wallSeconds }) => wallSeconds)} s, local disk ${of(all, ({ diskMib }) => diskMib)} MiB`,
  );
  for (const [rank, { read }] of all.entries()) console.log(`  ${rank} has read ${read.join(', ')}`);
}
const peak = Math.max(...ranks.map(({ peakMib }) => peakMib));
console.log(`peak ${peak} MiB each at most, ${(peak / alone.peakMib).toFixed(3)} of one's ${alone.peakMib}`);
console.log(`AUC, holdout: ${ranks[0]?.holdout ?? NaN} of ${size}, ${alone.holdout} of one`);
