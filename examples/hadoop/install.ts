import path from 'node:path';
import { buildApplicationMaster } from '../../scripts/lib/java/application-master.ts';
import type { HadoopCluster } from '../../test/support/hadoop/index.ts';
import { program, type CommandLine } from './commands.ts';
import { administrator } from './site.ts';

/** Builds the programs of containers and installs them as an administrator does. */
export async function install(trainyard: CommandLine, cluster: HadoopCluster): Promise<void> {
  const { file } = JSON.parse(await program('bundle', ['--json'])) as { file: string }; // what scripts/bundle prints
  const { jar, clientJars } = await buildApplicationMaster();
  const jars = [jar, ...clientJars].map((one) => path.dirname(one));
  const places = ['--archive', file, '--jars', [...new Set(jars)].join(',')];
  await trainyard.hadoop('install', ...places, ...administrator(cluster));
}
