/** `examples/large-data/run [ROWS]`: see README.md. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startHadoopCluster, type HadoopCluster } from '../../test/support/hadoop/index.ts';
import { freePorts } from '../../test/support/platform.ts';
import { AppServer } from '../hadoop/app-server.ts';
import { CommandLine } from '../hadoop/commands.ts';
import { install } from '../hadoop/install.ts';
import { writeConfig } from '../hadoop/site.ts';
import { putTable } from './table.ts';
import { work } from './work.ts';

const ROWS = 2_000_000;
/** What is left of a NodeManager of 4,096 MB beside a master of 512. */
const LARGEST_CONTAINER_MB = 3_584;

const started = performance.now();
const say = (text: string): void => {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`\n== ${seconds.padStart(5)} s  ${text}`);
};

/** What has to go at the end, the newest first, however it comes to it. */
const closers: (() => Promise<void>)[] = [];
let closing: Promise<void> | null = null;
async function closeAll(): Promise<void> {
  for (const close of closers.toReversed()) await close();
}
const close = (): Promise<void> => (closing ??= closeAll());

async function story(cluster: HadoopCluster, dataDir: string, rowCount: number): Promise<void> {
  const [port = 0] = await freePorts(1);
  const config = writeConfig(cluster, dataDir, port, { containerMemoryMaxMb: LARGEST_CONTAINER_MB });
  say('install');
  await install(new CommandLine(config), cluster);
  const server = new AppServer(config, port);
  closers.push(() => server.stop());
  await server.ready();
  const key = await server.createUser('alice');
  say(`alice: ${rowCount} rows of 40 columns as Parquet in HDFS`);
  await putTable(cluster, rowCount, dataDir);
  const api = server.client(key);
  try {
    await work(cluster, new CommandLine(config, { TRAINYARD_URL: server.url, TRAINYARD_API_KEY: key }), api, say);
  } finally {
    api.close();
  }
}

async function main(rowCount: number): Promise<number> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-large-example-'));
  const removeData = (): void => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  const stop = (): void =>
    void close()
      .then(removeData)
      .finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let isDone = false;
  try {
    say('a cluster');
    const cluster = await startHadoopCluster({ shape: 'plain' });
    closers.push(() => cluster.close());
    await story(cluster, dataDir, rowCount);
    isDone = true;
  } catch (err) {
    process.stderr.write(`${err instanceof Error ? err.message : String(err)}\n`);
  } finally {
    await close();
    if (isDone) removeData();
    else process.stderr.write(`log of the app server: ${dataDir}/server.log\n`);
  }
  return isDone ? 0 : 1;
}

const [word = String(ROWS), ...others] = process.argv.slice(2);
if (others.length > 0 || !/^[1-9]\d{3,8}$/.test(word)) {
  process.stderr.write('usage: run [ROWS], from 1000 to 999999999\n');
  process.exit(2);
}
process.exitCode = await main(Number(word));
