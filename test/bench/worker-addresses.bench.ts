import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startTestAppServer, type TestAppServer } from '../support/app-server.ts';
import { descendantsOf, until } from '../support/processes.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { modelled } from '../support/modelling.ts';
import { adultSample, csvText, type SampleTable } from '../support/sample-data.ts';

/**
 * Addresses that a worker of the runtime archive reserves while it works, beside the memory that it uses, as YARN counts
 * both: sums over its processes. `node test/bench/worker-addresses.bench.ts [MB of container ...]`. MiB.
 */
const MIB = 1024 ** 2;
const RATIO = 2.1;
const SAMPLE_MS = 20;
/** As `appserver/server/pools/launches.ts` gives them to containers. */
const WORKER_OF_CONTAINER = 0.95;
const CACHE_PARTS = 8;

interface Peak {
  virtual: number;
  resident: number;
  /** Most that was reserved beyond what was used. */
  unused: number;
}

function kibOf(pid: number): { virtual: number; resident: number } {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    return { virtual: field('VmSize'), resident: field('VmRSS') };
  } catch {
    return { virtual: 0, resident: 0 };
  }
}

function watch(pid: number): { readonly peak: Peak; readonly stop: () => void } {
  const peak: Peak = { virtual: 0, resident: 0, unused: 0 };
  const timer = setInterval(() => {
    const all = [pid, ...descendantsOf(pid).map((entry) => entry.pid)].map(kibOf);
    const virtual = all.reduce((sum, one) => sum + one.virtual, 0) / 1024;
    const resident = all.reduce((sum, one) => sum + one.resident, 0) / 1024;
    peak.virtual = Math.max(peak.virtual, virtual);
    peak.resident = Math.max(peak.resident, resident);
    peak.unused = Math.max(peak.unused, virtual - resident);
  }, SAMPLE_MS);
  return { peak, stop: () => clearInterval(timer) };
}

async function measure(app: TestAppServer, folder: string, containerMb: number, table: SampleTable): Promise<string> {
  const worker = spawn(path.join(folder, 'bin/worker'), [`--worker.serverUrl=${app.server.url}`], {
    env: {
      TRAINYARD_DATA_DIR: app.config.dataDir,
      TRAINYARD_WORKER_MEMORY_BYTES: String(Math.floor(containerMb * MIB * WORKER_OF_CONTAINER)),
      TRAINYARD_WORKER_THREAD_COUNT: '1',
      TRAINYARD_WORKER_CACHE_BYTES: String(Math.floor((containerMb * MIB) / CACHE_PARTS)),
      MALLOC_ARENA_MAX: '1',
    },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let log = '';
  worker.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const { peak, stop } = watch(worker.pid ?? 0);
  await until('registered', () => log.includes('"worker_registered"'));
  let outcome = 'done';
  try {
    await modelled(
      app.admin,
      { content: csvText(table), fileName: 'adult.csv' },
      { target: 'income', maxModels: 2, seed: 7 },
    );
  } catch (err) {
    outcome = String(err).slice(0, 200);
  }
  stop();
  worker.kill('SIGTERM');
  await once(worker, 'close');
  const cells = [peak.virtual, peak.resident, peak.unused, containerMb * RATIO].map((mib) => Math.round(mib));
  return `| ${containerMb} | ${table.rows.length} | ${cells.join(' | ')} | ${outcome} |`;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-archive-'));
const built = spawnSync(path.join(REPOSITORY_ROOT, 'scripts/bundle'), ['--json'], { encoding: 'utf8' });
const { file } = JSON.parse(built.stdout) as { file: string }; // its own output
spawnSync('tar', ['-xzf', file, '-C', folder]);
const app = await startTestAppServer({ 'queue.claimWaitMs': 500 });
const sizes = process.argv.slice(2).map(Number);
const tables = [adultSample(1_000), adultSample(40_000), repeated(adultSample(40_000), 4)];
console.log('| container | rows | virtual, most | resident, most | reserved beyond use, most | limit | |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const size of sizes.length > 0 ? sizes : [1024, 1536, 2048])
  for (const table of tables) console.log(await measure(app, folder, size, table));
await app.close();
rmSync(folder, { recursive: true });

function repeated({ columns, rows }: SampleTable, times: number): SampleTable {
  return { columns, rows: Array.from({ length: times }, () => rows).flat() };
}
