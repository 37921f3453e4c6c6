import { rmSync } from 'node:fs';
import path from 'node:path';
import type { HadoopCluster } from '../../test/support/hadoop/index.ts';
import { program } from '../hadoop/commands.ts';

/** Where alice keeps the table, as a job of hers might have written it. */
export const WIDE = '/user/alice/wide';

/** Makes the table here and puts it into HDFS: numbers, categories, dates, texts and flags, with missing cells and a known signal. */
export async function putTable(cluster: HadoopCluster, rowCount: number, folder: string): Promise<void> {
  const made = path.join(folder, 'wide');
  const said = await program('bench/generate', [made, '--rows', String(rowCount)]);
  console.log(said.trimEnd().split('\n').at(-1));
  // What generate keeps for itself is no part of the table.
  for (const name of ['manifest.json', 'request.json']) rmSync(path.join(made, name), { force: true });
  await cluster.fsAs('alice', '-put', made, WIDE);
  rmSync(made, { recursive: true });
  console.log(`\n$ hdfs dfs -count -h ${WIDE}\n${(await cluster.fsAs('alice', '-count', '-h', WIDE)).trimEnd()}`);
}
