/** `examples/large-data/run [ROWS]`: see README.md. */
import type { HadoopCluster } from '../../test/support/hadoop/index.ts';
import { freePorts } from '../../test/support/platform.ts';
import { AppServer } from '../hadoop/app-server.ts';
import { CommandLine } from '../hadoop/commands.ts';
import { install } from '../hadoop/install.ts';
import { writeConfig } from '../hadoop/site.ts';
import { closers, say, tell } from '../hadoop/story.ts';
import { putTable } from './table.ts';
import { work } from './work.ts';

const ROWS = 2_000_000;
/** What is left of a NodeManager of 4,096 MB beside a master of 512. */
const LARGEST_CONTAINER_MB = 3_584;

async function story(cluster: HadoopCluster, dataDir: string, rowCount: number): Promise<boolean> {
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
    await work(cluster, new CommandLine(config, { TRAINYARD_URL: server.url, TRAINYARD_API_KEY: key }), api);
  } finally {
    api.close();
  }
  return true;
}

const [word = String(ROWS), ...others] = process.argv.slice(2);
if (others.length > 0 || !/^[1-9]\d{3,8}$/.test(word)) {
  process.stderr.write('usage: run [ROWS], from 1000 to 999999999\n');
  process.exit(2);
}
process.exitCode = await tell('large', 'plain', (cluster, dataDir) => story(cluster, dataDir, Number(word)));
