/** `examples/hadoop/run [--secure]`: see README.md. */
import type { HadoopCluster } from '../../test/support/hadoop/index.ts';
import { freePorts } from '../../test/support/platform.ts';
import { AppServer } from './app-server.ts';
import { CommandLine } from './commands.ts';
import { install } from './install.ts';
import { removeAll, work } from './modelling.ts';
import { administrator, entriesOf, OBJECTS, writeConfig } from './site.ts';
import { closers, say, tell } from './story.ts';

/** What the end user's work left in HDFS: all that it made was written by his containers, in his name. */
async function showObjects(cluster: HadoopCluster, user: string): Promise<void> {
  const made = (await entriesOf(cluster, OBJECTS)).filter(
    (entry) => entry.owner === user && entry.line.startsWith('-'),
  );
  console.log(`\n$ hdfs dfs -ls -R ${OBJECTS}     (files of ${user})`);
  for (const { line } of made) console.log(line);
  if (!made.some((entry) => entry.path.startsWith(`${OBJECTS}/models/`)))
    throw new Error(`expected files of ${user} in ${OBJECTS}/models, found none`);
}

async function modelOnYarn(cluster: HadoopCluster, config: string, port: number): Promise<void> {
  const server = new AppServer(config, port);
  closers.push(() => server.stop());
  await server.ready();
  const key = await server.createUser('alice');
  say('alice: Parquet in HDFS, Autopilot in queue ml, predictions back into HDFS');
  const api = server.client(key);
  try {
    await work(cluster, new CommandLine(config, { TRAINYARD_URL: server.url, TRAINYARD_API_KEY: key }), api);
  } finally {
    api.close();
  }
  await showObjects(cluster, 'alice');
  await removeAll(cluster);
  say('the app server stops');
  await server.stop();
}

async function story(cluster: HadoopCluster, dataDir: string): Promise<boolean> {
  const [port = 0] = await freePorts(1);
  const config = writeConfig(cluster, dataDir, port);
  const trainyard = new CommandLine(config);
  const before = new Set((await entriesOf(cluster, '/')).map((entry) => entry.path));
  say('what the cluster is like, before anything is installed');
  await trainyard.doctor('--as', 'alice');
  say('install');
  await install(trainyard, cluster);
  say('once more: no problem may be left');
  await trainyard.hadoop('doctor', '--as', 'alice', '--no-probe');
  say('an app server');
  await modelOnYarn(cluster, config, port);
  say('uninstall');
  await trainyard.hadoop('uninstall', '--yes', '--kill', '--with-data', ...administrator(cluster));
  const left = (await entriesOf(cluster, '/')).filter((entry) => !before.has(entry.path));
  say(`left in HDFS that was not there before: ${left.length === 0 ? 'nothing' : ''}`);
  for (const { line } of left) console.log(line);
  return left.length === 0;
}

const flags = process.argv.slice(2);
if (flags.some((flag) => flag !== '--secure')) {
  process.stderr.write('usage: run [--secure]\n');
  process.exit(2);
}
process.exitCode = await tell('hadoop', flags.includes('--secure') ? 'secured' : 'plain', story);
