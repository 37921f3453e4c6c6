/**
 * Memory of `trainyard up` at rest and while it models: `node test/bench/modelling-memory.bench.ts FOLDER [--sets a,b]
 * [--models 12 | --budget 60]`. The folder is one of `automl/README.md`. Without a time budget the job is the same work wherever it
 * runs, and the last column is a hash of the content hashes of all models, equal where nothing that was made differs. Proportional
 * set sizes (pages shared by n processes counted as 1/n), MiB, looked at every 200 ms.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { PROGRAM_SOURCES, type ProgramName } from '#runtime';
import { Job } from '#contracts';
import { Api } from '../support/api.ts';
import { newProject, startAutopilot } from '../support/modelling.ts';
import { startPlatform } from '../support/platform.ts';
import { benchSets, type BenchSet } from './automl/data-sets.ts';
import { bytesOf, meter, treeMemory, type ProcessMemory } from './automl/meter.ts';

const MIB = 1024 ** 2;
const SEED = 1;
/** Programs of the table's columns. */
const PROGRAMS: readonly ProgramName[] = ['cli', 'server', 'worker', 'task-child', 'prediction-server'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: { type: 'string', default: '' },
    models: { type: 'string', default: '12' },
    budget: { type: 'string' },
  },
});

/** How much is modelled. */
const extent = () =>
  values.budget === undefined ? { maxModels: Number(values.models) } : { timeBudgetSeconds: Number(values.budget) };

const mib = (bytes: number): string => String(Math.round(bytes / MIB));

/** Memory of each program, of the task processes each by itself. */
const byProgram = (list: readonly ProcessMemory[]): string[] =>
  PROGRAMS.map((name) =>
    list
      .filter(({ entry }) => entry.command.some((word) => word.endsWith(PROGRAM_SOURCES[name])))
      .map(({ bytes }) => mib(bytes))
      .join(' + '),
  );

/** One hash of the content hashes of all models below a folder, whatever order they were made in. */
function modelsIn(folder: string): { readonly count: number; readonly hash: string } {
  const hashes = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => path.basename(file) === 'manifest.json')
    .map((file) => (JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as { contentHash: string }).contentHash)
    .sort();
  return { count: hashes.length, hash: createHash('sha256').update(hashes.join(' ')).digest('hex').slice(0, 12) };
}

async function measure({ name, file, target, targetType, metric, positiveClass }: BenchSet): Promise<void> {
  const platform = await startPlatform();
  try {
    const api = new Api(platform.url, platform.adminKey);
    const content = new Uint8Array(readFileSync(file('train.csv.gz')));
    const projectId = await newProject(api, await api.dataset({ content, fileName: 'train.csv.gz' }));
    const idle = treeMemory(platform.pid);
    const watched = meter(platform.pid);
    const startedAt = performance.now();
    const positive = positiveClass === null ? {} : { positiveClass };
    const request = { target, targetType, metric, ...positive, seed: SEED, ...extent() };
    const { id } = await startAutopilot(api, projectId, request);
    let job: Job;
    do job = await api.call('GET', `/jobs/${id}`, 200, Job, { headers: { prefer: 'wait=60' } });
    while (job.finishedAt === null);
    const { cpuSeconds, peakBytes, atPeak } = watched.stop();
    const seconds = (performance.now() - startedAt) / 1_000;
    if (job.state !== 'succeeded') throw new Error(`Autopilot ${job.state}: ${JSON.stringify(job.error)}`);
    const idleBytes = bytesOf(idle);
    const models = modelsIn(platform.dataDir);
    const cells = [name, mib(idleBytes), mib(peakBytes), mib(peakBytes - idleBytes), ...byProgram(atPeak)];
    const work = [seconds.toFixed(0), cpuSeconds.toFixed(0), `${models.count} ${models.hash}`];
    console.log(`| ${[...cells, ...work].join(' | ')} |`);
    console.log(`| idle | ${[mib(idleBytes), '', '', ...byProgram(idle), '', '', ''].join(' | ')} |`);
  } finally {
    await platform.close();
  }
}

console.log(
  '| set | idle | peak | beyond idle | up | app server | supervisors | task processes | prediction server | s | processor s | models |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
for (const set of benchSets(
  positionals[0] ?? '.',
  values.sets.split(',').filter((word) => word !== ''),
))
  await measure(set);
