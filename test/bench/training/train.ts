/** Our side: the worker's own path from snapshot to artefact, in a process of its own. Prints one JSON line. */
import path from 'node:path';
import { parse, StoredTable, type TrainTask } from '#contracts';
import { fitModel, outOfFoldFile } from '#ml';
import { DuckDb, openTable } from '#tables';
import { DatasetCache } from '../../../yarn-workers/worker/child/dataset-cache.ts';
import { openFileSpool } from '../../../yarn-workers/worker/child/file-spool.ts';
import { freeIo } from '../../support/modelling-task.ts';
import { testEngine } from '../../support/boosting-engine.ts';

const [folder = '.', tableText = '', trees = '100', leaves = '63', threads = '2'] = process.argv.slice(2);
const table = parse(StoredTable, JSON.parse(tableText), 'table');
const engine = testEngine();
const duckdb = await DuckDb.open({
  memoryLimitBytes: 1024 ** 3,
  threads: Number(threads),
  tempDirectory: path.join(folder, 'spill'),
  tempDirectoryBytesMax: 1024 ** 3,
  allowedDirectories: [folder],
});
await duckdb.rows('SELECT 1');

const featureCount = table.columns.length - 2;
const task: TrainTask = {
  kind: 'train',
  modelId: 'model',
  projectId: 'project',
  datasetId: 'dataset',
  table,
  target: {
    name: 'target',
    targetType: 'binary',
    classes: ['0', '1'].map((label) => ({ label, texts: [label], rowCount: table.rowCount / 2 })),
    positiveClass: 1,
  },
  features: table.columns
    .slice(0, featureCount)
    .map(({ name }) => ({ name, type: 'numeric', uniqueCount: table.rowCount })),
  metric: 'auc',
  partitioning: {
    method: 'column',
    validation: 'tvh',
    folds: 1,
    validationFraction: 0.2,
    holdoutFraction: 0,
    column: 'part',
    seed: 1,
  },
  weightColumn: null,
  monotonic: { increasing: [], decreasing: [] },
  blueprintId: 'lightgbm-default',
  parameters: { maxIterations: Number(trees), leaves: Number(leaves), earlyStoppingRounds: 0 },
  sampleFraction: 1,
  refit: null,
  seed: 1,
  threadCount: Number(threads),
};
const started = performance.now();
const cpu = process.cpuUsage();
const cache = new DatasetCache(512 * 1024 ** 2);
const source = cache.source('dataset', table, () =>
  openTable(table, { duckdb, resolve: (file) => path.join(folder, file) }),
);
const fit = await fitModel(task, source, engine, freeIo({ openSpool: () => openFileSpool(folder) }));
let bytes = 0;
if (fit.outOfFold !== null) for await (const piece of outOfFoldFile(fit.outOfFold)) bytes += piece.length;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(
  `${JSON.stringify({
    wallSeconds: (performance.now() - started) / 1000,
    cpuSeconds: (user + system) / 1e6,
    auc: fit.scores?.validation?.['auc'],
    timings: fit.timings,
    outOfFoldBytes: bytes,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  })}\n`,
);
process.exit(0);
