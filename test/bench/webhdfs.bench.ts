/**
 * Reading and writing one file over WebHDFS against Hadoop's own client, in one run on one cluster:
 * `node test/bench/webhdfs.bench.ts [megabytes]`. Prints the median of the rounds, and the same without the start of the
 * reference's JVM (the time of `FsShell -test -e /`); exits 1 where a budget is missed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import type { WebHdfsClient } from '#webhdfs';
import { hdfsClient, transportOf } from '../support/hadoop/clients.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';

const MEGABYTES = Number(process.argv[2] ?? 1_000);
const ROUNDS = 5;
const CHUNK_BYTES = 1_000_000;
/** Of the speed of `-cat` and `-put`, start of their JVM included (issue 5, "Speed and memory"). */
const READ_RATIO_MIN = 0.9;
const WRITE_RATIO_MIN = 0.8;

const cluster = await startHadoopCluster({ shape: 'plain', nodeManagers: 1 });
const transport = transportOf(cluster);
const local = path.join(cluster.folder, 'tmp', 'bench.bin');
try {
  await main(hdfsClient(cluster, { transport, user: 'hdfs' }));
} finally {
  transport.close();
  await cluster.close();
}

async function main(client: WebHdfsClient): Promise<void> {
  console.log(`${MEGABYTES} MB, Hadoop ${cluster.hadoopVersion} on loopback, Node ${process.version}, ${cpus().length} cores; median of ${ROUNDS}`); // prettier-ignore
  await makeFile();
  const startMs = median(await rounds(() => fsShell(cluster, ['-test', '-e', '/'])));
  const put = [];
  const cat = [];
  const create = [];
  const read = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    put.push(await timed(() => fsShell(cluster, ['-put', '-f', local, '/bench-put'])));
    create.push(await timed(() => client.create('/bench-create', createReadStream(local, { highWaterMark: 1 << 18 }), { overwrite: true }))); // prettier-ignore
    cat.push(await timed(() => fsShell(cluster, ['-cat', '/bench-put'])));
    read.push(await timed(() => drain(client, '/bench-put')));
  }
  const isReadFast = report('read', { ours: median(read), theirs: median(cat), startMs, ratioMin: READ_RATIO_MIN });
  const isWriteFast = report('write', {
    ours: median(create),
    theirs: median(put),
    startMs,
    ratioMin: WRITE_RATIO_MIN,
  });
  if (!isReadFast || !isWriteFast) process.exitCode = 1;
}

interface Figures {
  readonly ours: number;
  readonly theirs: number;
  readonly startMs: number;
  readonly ratioMin: number;
}

function report(what: string, { ours, theirs, startMs, ratioMin }: Figures): boolean {
  const speed = (ms: number): string => `${((MEGABYTES / ms) * 1000).toFixed(0)} MB/s`;
  const ratio = theirs / ours;
  const net = (theirs - startMs) / ours;
  console.log(
    `${what}: WebHDFS ${speed(ours)}, FsShell ${speed(theirs)}; ratio ${ratio.toFixed(2)} (at least ${ratioMin}), without the ${startMs.toFixed(0)} ms of its start ${net.toFixed(2)}`,
  );
  return ratio >= ratioMin;
}

async function makeFile(): Promise<void> {
  const handle = await open(local, 'w');
  const chunk = Buffer.alloc(CHUNK_BYTES, 'trainyard ');
  for (let i = 0; i < MEGABYTES; i += 1) await handle.write(chunk);
  await handle.close();
}

async function drain(client: WebHdfsClient, file: string): Promise<void> {
  let bytes = 0;
  for await (const chunk of client.open(file)) bytes += chunk.byteLength;
  if (bytes !== MEGABYTES * CHUNK_BYTES) throw new Error(`expected ${MEGABYTES} MB, read ${bytes} bytes`);
}

/** With the JVM flags that a person has: the test cluster's own start fast and compile little. */
async function fsShell({ confDir, folder }: HadoopCluster, args: readonly string[]): Promise<void> {
  const classPath = [confDir, path.join(folder, 'home/share/hadoop/common/*')].join(':');
  const java = process.env['JAVA_HOME'] === undefined ? 'java' : path.join(process.env['JAVA_HOME'], 'bin/java');
  const child = spawn(java, ['-Xmx512m', '-cp', classPath, 'org.apache.hadoop.fs.FsShell', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, HADOOP_USER_NAME: 'hdfs' },
  });
  const [code] = (await once(child, 'exit')) as [number | null]; // documented arguments of 'exit'
  if (code !== 0) throw new Error(`FsShell ${args.join(' ')} ended with ${String(code)}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function rounds(work: () => Promise<unknown>): Promise<number[]> {
  const all = [];
  for (let round = 0; round < ROUNDS; round += 1) all.push(await timed(work));
  return all;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
