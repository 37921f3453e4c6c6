/**
 * Single rows over HTTP: `node test/bench/serving.bench.ts`. A prediction server (the program itself), a bare `node:http`
 * echo that parses the row and answers a constant, and this process as the client: 16 keep-alive connections, each
 * with one request at a time. Rounds alternate between the two; per core means per second of the server's own processor
 * time, which other programs on the machine hardly change. Exits 1 where the budget is missed.
 *
 * `--cpu-prof DIR` writes a profile of the prediction server; `--telemetry` has it tell of each prediction.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { KEY_FILES } from '#runtime';
import type { TreeArrays } from '#scoring';
import { call, until } from '../support/serving/call.ts';
import { startFakeAppServer, TOKEN } from '../support/serving/fake-app-server.ts';
import { API_KEY, createSigner, makeGrant, makeModel, makeRecord } from '../support/serving/models.ts';
import { randomGenerator } from '../unit/prediction/scoring/support.ts';
import { benchContent, CATEGORIES, COLUMNS, LEAVES, NUMERIC, TREES } from './synthetic-model.ts';

const CONNECTIONS = 16;
const ROUNDS = 5;
const ROUND_MS = 2_000;
const WARM_UP_MS = 2_000;
const PER_CORE_MIN = 8_000;
/** Kernel clock ticks a second in /proc: fixed on Linux. @see proc_pid_stat(5) */
const TICKS = 100;

const random = randomGenerator(1);

if (process.argv[2] === '--echo') await echo();
else await main();

async function main(): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-serving-bench-'));
  const signer = createSigner();
  const app = await startFakeAppServer(signer.publicKey);
  const model = makeModel(signer, 'mdl_bench', { content: benchContent(), trees: new Map([['m', makeTrees()]]) });
  app.models.set(model.modelId, model);
  app.publish({ deployments: [makeRecord(signer, model)], apiKeys: [makeGrant()] });
  mkdirSync(path.join(dataDir, 'keys'));
  writeFileSync(path.join(dataDir, 'keys', KEY_FILES.predictionServerToken), TOKEN);
  const profile = process.argv[2] === '--cpu-prof' ? ['--cpu-prof', `--cpu-prof-dir=${process.argv[3] ?? '.'}`] : [];
  const program = fileURLToPath(new URL('../../prediction/server/main.ts', import.meta.url));
  const transport = process.argv.includes('--telemetry') ? 'http' : 'off';
  const flags = {
    dataDir,
    'predictionServer.port': '0',
    'predictionServer.appServerUrl': app.url,
    'telemetry.transport': transport,
  };
  const words = Object.entries(flags).flatMap(([key, value]) => [`--${key}`, value]);
  const server = await startProgram([...profile, program, ...words]);
  const bare = await startProgram([fileURLToPath(import.meta.url), '--echo']);
  try {
    await until(
      'the model is served',
      async () => (await call(`http://127.0.0.1:${server.port}/v2/health/ready`)).status === 200,
    );
    const rows = Array.from({ length: 256 }, () => JSON.stringify(rowOf()));
    const requests = rows.map((row) =>
      Buffer.from(
        `POST /predict/dep_1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${API_KEY}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(row)}\r\n\r\n${row}`,
      ),
    );
    for (const { port } of [server, bare]) await load(port, requests, WARM_UP_MS);
    const results: { server: Figures; bare: Figures }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await measure(server, requests);
      results.push({ server: before, bare: await measure(bare, requests) });
    }
    report(results);
  } finally {
    await Promise.all([server.end(), bare.end()]);
    await app.stop();
    rmSync(dataDir, { recursive: true });
  }
}

interface Program {
  readonly pid: number;
  readonly port: number;
  end(): Promise<void>;
}

/** A Node program that names its port in the first line that has a URL. */
async function startProgram(words: readonly string[]): Promise<Program> {
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  const exited = once(child, 'exit');
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the program ended with ${code ?? 'a signal'}`)));
    createInterface({ input: child.stderr }).on('line', (line) => {
      const found = /http:\/\/127\.0\.0\.1:(\d+)\/predict/.exec(line)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
  });
  return {
    pid: child.pid ?? 0,
    port,
    end: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** The reference: what HTTP and JSON cost without us. */
async function echo(): Promise<void> {
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const row: unknown = JSON.parse(Buffer.concat(parts).toString());
      const body = JSON.stringify({ data: [{ rowIndex: 0, prediction: typeof row }] });
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
      response.end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a listening TCP server has one
  console.error(`http://127.0.0.1:${port}/predict`);
  process.on('SIGTERM', () => process.exit(0));
}

interface Figures {
  readonly perSecond: number;
  readonly perCore: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

async function measure({ pid, port }: Program, requests: readonly Buffer[]): Promise<Figures> {
  const cpuBefore = cpuSeconds(pid);
  const started = performance.now();
  const micros = await load(port, requests, ROUND_MS);
  const seconds = (performance.now() - started) / 1000;
  const cpu = cpuSeconds(pid) - cpuBefore;
  const sorted = Float64Array.from(micros).sort();
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? NaN;
  return {
    perSecond: micros.length / seconds,
    perCore: micros.length / cpu,
    p50Micros: at(0.5),
    p99Micros: at(0.99),
  };
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Latencies in microseconds of all requests within the time. Any answer but 200 is an error. */
async function load(port: number, requests: readonly Buffer[], ms: number): Promise<number[]> {
  const micros: number[] = [];
  const end = performance.now() + ms;
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, start) => client(port, requests, start, end, micros)));
  return micros;
}

/** One connection, one request at a time. Answers are small: each has its length, and arrives in one piece or two. */
function client(
  port: number,
  requests: readonly Buffer[],
  start: number,
  end: number,
  micros: number[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = start;
    let sent = 0;
    let text = '';
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const send = () => {
      next = (next + 1) % requests.length;
      sent = performance.now();
      socket.write(requests[next] ?? '');
    };
    socket.setEncoding('latin1');
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (part: string) => {
      text += part;
      const head = text.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? '0';
      if (text.length < head + 4 + Number(length)) return;
      if (!text.startsWith('HTTP/1.1 200 ')) reject(new Error(text));
      micros.push((performance.now() - sent) * 1000);
      text = '';
      if (performance.now() < end) send();
      else socket.destroy();
    });
  });
}

function report(results: readonly { readonly server: Figures; readonly bare: Figures }[]): void {
  const median = (pick: (result: (typeof results)[number]) => number) =>
    results.map(pick).toSorted((a, b) => a - b)[Math.floor(results.length / 2)] ?? NaN;
  console.log(`one row per request, Node ${process.version}: ${TREES} trees x ${LEAVES} leaves, ${COLUMNS} features (${CATEGORIES.length} categorical), ${CONNECTIONS} connections`); // prettier-ignore
  for (const [name, pick] of [
    ['bare node:http echo', (result: (typeof results)[number]) => result.bare],
    ['prediction server', (result: (typeof results)[number]) => result.server],
  ] as const) {
    const of = (key: keyof Figures) => median((result) => pick(result)[key]);
    console.log(
      `${name.padEnd(20)} ${of('perSecond').toFixed(0).padStart(7)} requests/s, ${of('perCore').toFixed(0).padStart(7)} per core second ` +
        `(${(1e6 / of('perCore')).toFixed(1)} us of processor each), p50 ${of('p50Micros').toFixed(0)} us, p99 ${of('p99Micros').toFixed(0)} us`,
    );
  }
  const ratio = median((result) => result.server.perCore / result.bare.perCore);
  console.log(`ratio to the echo: ${ratio.toFixed(2)} per core`);
  const perCore = median((result) => result.server.perCore);
  if (perCore >= PER_CORE_MIN) return;
  console.log(`BUDGET MISSED: ${perCore.toFixed(0)} requests per core second, budget ${PER_CORE_MIN}`);
  process.exitCode = 1;
}

function rowOf(): Record<string, unknown> {
  return Object.fromEntries(
    Array.from({ length: COLUMNS }, (_, column): [string, unknown] =>
      column < NUMERIC
        ? [`number_${column}`, random.integer(1000) / 10]
        : [`category_${column}`, `value ${random.integer(CATEGORIES[column - NUMERIC] ?? 1)}`],
    ),
  );
}

/** A random leaf is split until there are enough, as LightGBM numbers nodes and leaves. */
function makeTrees(): TreeArrays {
  const nodes: { column: number; threshold: number; left: number; right: number }[] = [];
  const bits: number[] = [];
  for (let tree = 0; tree < TREES; tree += 1) {
    const own: typeof nodes = [];
    for (let leaf = 1; leaf < LEAVES; leaf += 1) {
      const split = random.integer(leaf);
      for (const node of own) {
        if (node.left === ~split) node.left = own.length;
        else if (node.right === ~split) node.right = own.length;
      }
      const column = random.integer(COLUMNS);
      if (column >= NUMERIC) bits.push(random.integer(2 ** 32), random.integer(2 ** 32));
      const threshold = column < NUMERIC ? random.integer(1000) / 10 : bits.length / 2 - 1;
      own.push({ column, threshold, left: ~split, right: ~leaf });
    }
    nodes.push(...own);
  }
  return {
    outputCount: 1,
    treeCount: TREES,
    averageOutput: false,
    nodeOffset: Int32Array.from({ length: TREES + 1 }, (_, tree) => tree * (LEAVES - 1)),
    leafOffset: Int32Array.from({ length: TREES + 1 }, (_, tree) => tree * LEAVES),
    splitFeature: Int32Array.from(nodes, (node) => node.column),
    threshold: Float64Array.from(nodes, (node) => node.threshold),
    decisionType: Uint8Array.from(nodes, (node) => (node.column < NUMERIC ? 10 : 1)),
    left: Int32Array.from(nodes, (node) => node.left),
    right: Int32Array.from(nodes, (node) => node.right),
    leafValue: Float64Array.from({ length: TREES * LEAVES }, () => (random.next() - 0.5) / 10),
    leafCover: null,
    catBoundaries: Int32Array.from({ length: bits.length / 2 + 1 }, (_, set) => 2 * set),
    catBits: Uint32Array.from(bits),
  };
}
