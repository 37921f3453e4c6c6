import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { programFile } from '#runtime';
import { startTestAppServer } from '../support/app-server.ts';
import { memoryOf } from '../support/memory.ts';
import { descendantsOf, until } from '../support/processes.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';

/**
 * Memory of a worker that has no task, started from source and from its runtime archive, with each flag of the launcher
 * added to those before it: `node test/bench/worker-memory.bench.ts`. Numbers are MiB; resident memory is a sum in which
 * shared pages count twice, as YARN counts.
 */
const MIB = 1024 ** 2;
const IDLE_MS = 3_000;
/** Time between ready and the reading: what starting leaves behind is collected or not. */
const SETTLE_MS = 2_000;

interface Variant {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
}

function variantsIn(folder: string): Variant[] {
  const native = path.join(folder, 'lib/native');
  const paths = { LD_LIBRARY_PATH: native, TRAINYARD_LIGHTGBM_LIBRARY: path.join(native, 'lib_lightgbm.so') };
  const node = path.join(folder, 'bin/node');
  const bundle = path.join(folder, 'lib/worker.mjs');
  const arenas = { ...paths, MALLOC_ARENA_MAX: '2' };
  const wasm = '--disable-wasm-trap-handler';
  const heap = ['--max-semi-space-size=1', '--max-old-space-size=128'];
  return [
    { name: 'source', command: [node, programFile('worker')], env: paths },
    { name: 'bundle', command: [node, bundle], env: paths },
    { name: '+ MALLOC_ARENA_MAX=2', command: [node, bundle], env: arenas },
    { name: `+ ${wasm}`, command: [node, wasm, bundle], env: arenas },
    { name: '+ --v8-pool-size=1', command: [node, wasm, '--v8-pool-size=1', bundle], env: arenas },
    { name: '+ small heap', command: [node, wasm, '--v8-pool-size=1', ...heap, bundle], env: arenas },
    { name: 'bin/worker (with --jitless)', command: [path.join(folder, 'bin/worker')], env: {} },
  ];
}

async function measure(
  { name, command: [program, ...words], env }: Variant,
  flags: readonly string[],
): Promise<string> {
  const worker = spawn(program, [...words, ...flags], { env, stdio: ['pipe', 'ignore', 'pipe'] });
  let log = '';
  worker.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const pid = worker.pid ?? 0;
  await until('registered', () => log.includes('"worker_registered"'));
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const child = memoryOf(descendantsOf(pid)[0]?.pid ?? 0);
  const both = memoryOf(pid);
  await until('rest', () => log.includes('"child_rested"'));
  const alone = memoryOf(pid);
  worker.kill('SIGTERM');
  await once(worker, 'close');
  const cells = [alone.residentBytes, both.residentBytes, alone.virtualBytes, child.virtualBytes, both.virtualBytes];
  return `| ${name} | ${cells.map((bytes) => Math.round(bytes / MIB)).join(' | ')} |`;
}

/** What one `fetch` adds to the address space of a process: its HTTP parser is WebAssembly. */
function fetchCost(flags: readonly string[]): string {
  const script = `
    const size = () => Number(/VmSize:\\s+(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
    const server = require('node:http').createServer((_, answer) => answer.end()).listen(0, '127.0.0.1', async () => {
      const before = size();
      await fetch('http://127.0.0.1:' + server.address().port);
      console.log(Math.round(size() - before));
      process.exit();
    });`;
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' });
  return stdout.trim() || (/\w*Error.*/.exec(stderr)?.[0] ?? 'failed');
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-archive-'));
const built = spawnSync(path.join(REPOSITORY_ROOT, 'scripts/bundle'), ['--json'], { encoding: 'utf8' });
const { file } = JSON.parse(built.stdout) as { file: string }; // its own output
spawnSync('tar', ['-xzf', file, '-C', folder]);
const app = await startTestAppServer({ 'queue.claimWaitMs': 500 });
const flags = [
  `--dataDir=${app.config.dataDir}`,
  `--worker.serverUrl=${app.server.url}`,
  `--worker.memoryBytes=${1024 * MIB}`,
  `--worker.childIdleMs=${IDLE_MS}`,
];
console.log(
  '| worker | resident, resting | resident, with child | virtual, resting | virtual, child | virtual, both |',
);
console.log('| --- | --- | --- | --- | --- | --- |');
for (const variant of variantsIn(folder)) console.log(await measure(variant, flags));
console.log(
  `\none fetch adds ${fetchCost([])} MiB of addresses, ${fetchCost(['--disable-wasm-trap-handler'])} with the flag`,
);
await app.close();
rmSync(folder, { recursive: true });
