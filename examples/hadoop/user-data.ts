import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDb } from '#tables';
import type { HadoopCluster } from '../../test/support/hadoop/index.ts';

const DATA = path.resolve(import.meta.dirname, '../data/adult');
/** Where alice keeps her data, as a job of hers might have written it. */
export const ADULT = '/user/alice/adult';
const FILES = 4;
/** Rows of the larger of both tables. */
const ROWS_MAX = 32_561;

/** Census data as folders of Parquet files, made here and put into HDFS by alice. */
export async function putAdult(cluster: HadoopCluster): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-adult-'));
  try {
    for (const part of ['train', 'test'])
      await writeParquet(path.join(DATA, `${part}.csv.gz`), path.join(folder, part));
    await cluster.fsAs('alice', '-mkdir', '-p', ADULT);
    await cluster.fsAs('alice', '-put', path.join(folder, 'train'), path.join(folder, 'test'), ADULT);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await show(cluster, '-ls', '-R', ADULT);
}

/** Runs `hdfs dfs` as alice and prints what it says. */
export async function show(cluster: HadoopCluster, ...words: readonly string[]): Promise<string> {
  const said = await cluster.fsAs('alice', ...words);
  console.log(`\n$ hdfs dfs ${words.join(' ')}\n${said.trimEnd()}`);
  return said;
}

async function writeParquet(csv: string, folder: string): Promise<void> {
  mkdirSync(folder);
  const duckdb = await DuckDb.open({
    memoryLimitBytes: 256 * 1024 ** 2,
    threads: 1,
    tempDirectory: path.join(folder, 'spill'),
    tempDirectoryBytesMax: 1024 ** 3,
    allowedDirectories: [DATA, folder],
  });
  try {
    const step = Math.ceil(ROWS_MAX / FILES);
    for (let index = 0; index < FILES; index += 1) {
      const rows = `SELECT * FROM read_csv('${csv}', parallel = false) OFFSET ${index * step} LIMIT ${step}`;
      const file = path.join(folder, `part-${String(index).padStart(5, '0')}.snappy.parquet`);
      await duckdb.execute(`COPY (${rows}) TO '${file}' (FORMAT parquet, COMPRESSION snappy)`);
    }
  } finally {
    duckdb.close();
  }
  for (const name of readdirSync(folder))
    if (!name.endsWith('.parquet')) rmSync(path.join(folder, name), { recursive: true });
}
