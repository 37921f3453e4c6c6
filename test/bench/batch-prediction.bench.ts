/**
 * Rows that one core predicts in a batch, stage by stage: `node test/bench/batch-prediction.bench.ts [rows]`. 100 trees of 31 leaves
 * over 30 numeric features. Seconds are those of the processor, of all threads of this process, so that other work on the
 * machine moves them little; the median of the rounds. Exits 1 where rows that are decoded are predicted more slowly than the budget.
 */
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { BatchSource, ColumnBatch } from '#contracts';
import type { UnpackedContent } from '#scoring';
import { DEFAULT_INGEST_LIMITS, DuckDb, openInPlace, registerInPlace, writeRows } from '#tables';
import { predictTable, resultColumns, type ResultBatch } from '../../yarn-workers/worker/tasks/predict-table.ts';
import { LocalFiles } from '../support/local-files.ts';
import { randomGenerator } from '../unit/prediction/scoring/support.ts';
import { bestFirstTrees, openBench } from './synthetic-trees.ts';

const ROWS = Number(process.argv[2] ?? 200_000);
const FEATURES = 30;
const TREES = 100;
const LEAVES = 31;
const ROUNDS = 5;
const TREE_ROWS = 8_192;
const BATCH_ROWS = 65_536;
const ROWS_PER_SECOND_MIN = 400_000;
const MIB = 1024 ** 2;

const random = randomGenerator(1);
const features = Array.from({ length: FEATURES }, (_, index) => `x${index}`);
const content: UnpackedContent = {
  targetType: 'binary',
  target: 'y',
  classes: ['no', 'yes'],
  positiveClass: 1,
  threshold: null,
  link: 'logit',
  features: features.map((name) => ({ name, type: 'numeric', parse: { kind: 'number', nullMarkers: [''] } })),
  steps: features.map((_, feature) => ({ kind: 'numeric', feature })),
  members: [
    {
      weight: 1,
      steps: features.map((_, index) => index),
      model: { kind: 'trees', prefix: 'm', outputCount: 1, treeCount: TREES, averageOutput: false },
    },
  ],
};
const sample = Float64Array.from({ length: TREE_ROWS * FEATURES }, () => random.next());
const trees = bestFirstTrees(
  {
    values: sample,
    rowCount: TREE_ROWS,
    columnCount: FEATURES,
    numericCount: FEATURES,
    treeCount: TREES,
    leafCount: LEAVES,
  },
  random,
);
const scorer = openBench(content, trees);
const scoring = {
  table: {
    columns: features.map((name, position) => ({
      name,
      position,
      storage: 'float64' as const,
      hasTwin: false,
      parse: { kind: 'number' as const, nullMarkers: [''] },
    })),
  },
  passthroughColumns: [],
};

const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-batch-'));
for (const name of ['spill', 'scratch']) await mkdir(path.join(folder, name));
const duckdb = await DuckDb.open({
  memoryLimitBytes: 400 * MIB,
  threads: 1,
  tempDirectory: path.join(folder, 'spill'),
  tempDirectoryBytesMax: 4_000 * MIB,
  allowedDirectories: [folder],
});
try {
  const file = path.join(folder, 'in.parquet');
  const columns = features.map((name) => `random() AS ${name}`).join(', ');
  await duckdb.execute(`COPY (SELECT ${columns} FROM range(${ROWS})) TO '${file}' (FORMAT parquet, COMPRESSION zstd)`);
  const files = new LocalFiles();
  const place = { files, duckdb, scratchDirectory: path.join(folder, 'scratch'), pieceBytes: 16 * MIB };
  const { table } = await registerInPlace({
    ...place,
    registered: [LocalFiles.registered(file)],
    format: 'parquet',
    options: {},
    limits: DEFAULT_INGEST_LIMITS,
  });
  const source = openInPlace(table, { ...place, batchRows: BATCH_ROWS });
  const decoded = await decodedBatches(source);

  console.log(
    `batch prediction, Node ${process.version}: ${ROWS} rows, ${FEATURES} numeric features, ${TREES} trees x ${LEAVES} leaves`,
  );
  const raw = new Float64Array(BATCH_ROWS);
  const scored = await measured('decoded rows to raw scores (scoreBatch)', () => {
    for (const batch of decoded.kept) scorer.scoreBatch(batch, raw);
  });
  await measured('decoded rows to results (predictTable)', () => drained(predictTable(scorer, decoded, scoring)));
  await measured('Parquet in place to decoded rows', () =>
    drained(source.batches(scorer.columnRequests(table.columns))),
  );
  await measured('Parquet in place to results', () => drained(predictTable(scorer, source, scoring)));
  for (const format of ['csv', 'parquet'] as const)
    await measured(`Parquet in place to ${format} on the disk`, () =>
      written(predictTable(scorer, source, scoring), format),
    );

  if (scored < ROWS_PER_SECOND_MIN) {
    console.log(`BUDGET MISSED: ${Math.round(scored)} decoded rows/s, budget ${ROWS_PER_SECOND_MIN}`);
    process.exitCode = 1;
  }
} finally {
  duckdb.close();
  await rm(folder, { recursive: true, force: true });
}

/** All rows in memory, as batches of their own. */
async function decodedBatches(source: BatchSource): Promise<BatchSource & { readonly kept: readonly ColumnBatch[] }> {
  const kept: ColumnBatch[] = [];
  for await (const batch of source.batches(scorer.columnRequests(scoring.table.columns)))
    kept.push({
      ...batch,
      columns: batch.columns.map((column) =>
        column.view === 'number' ? { ...column, values: column.values.slice() } : column,
      ),
    });
  return {
    kept,
    rowCount: source.rowCount,
    async *batches() {
      yield* kept;
    },
  };
}

async function drained(items: AsyncIterable<unknown>): Promise<void> {
  const each = items[Symbol.asyncIterator]();
  while ((await each.next()).done !== true);
}

async function written(batches: AsyncIterable<ResultBatch>, format: 'csv' | 'parquet'): Promise<void> {
  const csv = path.join(folder, 'out.csv');
  const parquet = path.join(folder, 'out.parquet');
  const columns = resultColumns(scoring, scorer);
  await writeRows({ columns, batches, files: format === 'csv' ? { csv } : { csv, parquet }, duckdb });
  for (const made of [csv, parquet]) await rm(made, { force: true });
}

/** Prints and returns rows a second of the processor. */
async function measured(name: string, run: () => void | Promise<void>): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const from = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(from);
    // The first round warms the compiler up.
    if (round > 0) seconds.push((user + system) / 1e6);
  }
  const median = seconds.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? NaN;
  console.log(`${name.padEnd(44)} ${median.toFixed(3)} s, ${Math.round(ROWS / median)} rows/s`);
  return ROWS / median;
}
