/** One step of a large table's way in a process of its own, as a task process does it: profile or train. Prints one JSON line. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatasetProfile, parse, StoredTable, type BatchSource, type FitStops, type TrainTask } from '#contracts';
import { fitModel, forecastTraining, outOfFoldFile, planAutopilot, profileTable } from '#ml';
import { FileObjectStore, binsFolder } from '#object-store';
import { PROGRAM_VERSION } from '#runtime';
import { DEFAULT_INGEST_LIMITS, DuckDb, openInPlace, registerInPlace } from '#tables';
import { binObjects } from '../../../yarn-workers/worker/child/bin-objects.ts';
import { DatasetCache } from '../../../yarn-workers/worker/child/dataset-cache.ts';
import { openFileSpool } from '../../../yarn-workers/worker/child/file-spool.ts';
import { testEngine } from '../../support/boosting-engine.ts';
import { joinRanks, type RankOptions } from '../../support/join-ranks.ts';
import { LocalFiles } from '../../support/local-files.ts';
import { freeIo } from '../../support/modelling-task.ts';

const MIB = 1024 ** 2;
/** As a worker of 4 GiB has them by default. */
const DUCKDB_BYTES = 0.4 * 4096 * MIB;
const CACHE_BYTES = 512 * MIB;
const PIECE_BYTES = 64 * MIB;

const [step = '', folder = '.', stateFolder = '.', options = '{}'] = process.argv.slice(2);
const {
  threads = 2,
  trees = 100,
  leaves = 63,
  numericOnly = false,
  blueprint = 'lightgbm-default',
  ranks = null,
  bins = null,
  stops = null,
} = JSON.parse(options) as {
  readonly threads?: number;
  readonly trees?: number;
  readonly leaves?: number;
  readonly numericOnly?: boolean;
  readonly blueprint?: string;
  readonly ranks?: RankOptions | null;
  /** Folder where bins are kept; the next run finds them there. Not said: they are in a spool. */
  readonly bins?: string | null;
  /** Where the fit ends, as a replay does. */
  readonly stops?: FitStops | null;
};
const scratchDirectory = mkdtempSync(path.join(tmpdir(), 'trainyard-large-'));
mkdirSync(path.join(scratchDirectory, 'spill'));
let diskMax = 0;
const diskWatch = setInterval(() => {
  const files = readdirSync(scratchDirectory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const sizes = files.map(
    (entry) => statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0,
  );
  diskMax = Math.max(
    diskMax,
    sizes.reduce((sum, size) => sum + size, 0),
  );
}, 250);

const files = new LocalFiles();
const duckdb = await DuckDb.open({
  memoryLimitBytes: DUCKDB_BYTES,
  threads,
  tempDirectory: path.join(scratchDirectory, 'spill'),
  tempDirectoryBytesMax: 8 * 4096 * MIB,
  allowedDirectories: [scratchDirectory],
});
await duckdb.rows('SELECT 1');
const stateFile = path.join(stateFolder, 'profiled.json');
const startBytes = process.memoryUsage.rss();
const started = performance.now();
const cpu = process.cpuUsage();
const marks: string[] = [];
const mark = (what: string): void => {
  const { rss, heapTotal, heapUsed, arrayBuffers } = process.memoryUsage();
  const sizes = [rss, heapTotal, heapUsed, arrayBuffers].map((bytes) => Math.round(bytes / MIB)).join(' ');
  const { user, system } = process.cpuUsage(cpu);
  marks.push(
    `${((performance.now() - started) / 1000).toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processors; resident, heap, used, arrays ${sizes} MiB: ${what}`,
  );
};
const found = step === 'profile' ? await profile() : await train();
const { user, system } = process.cpuUsage(cpu);
const hwm = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? NaN) / 1024;
clearInterval(diskWatch);
rmSync(scratchDirectory, { recursive: true, force: true });
process.stdout.write(
  `${JSON.stringify({
    step,
    wallSeconds: (performance.now() - started) / 1000,
    cpuSeconds: (user + system) / 1e6,
    startMib: Math.round(startBytes / MIB),
    peakMib: Math.round(hwm),
    diskMib: Math.round(diskMax / MIB),
    ...found,
    ...(process.env['MARKS'] === undefined ? {} : { marks }),
  })}\n`,
);
process.exit(0);

function source(table: StoredTable) {
  return openInPlace(table, { files, duckdb, scratchDirectory, pieceBytes: PIECE_BYTES });
}

async function profile() {
  const parquet = readdirSync(folder)
    .filter((name) => name.endsWith('.parquet'))
    .sort();
  const { table } = await registerInPlace({
    registered: parquet.map((name) => LocalFiles.registered(path.join(folder, name))),
    files,
    format: 'parquet',
    options: {},
    duckdb,
    scratchDirectory,
    pieceBytes: PIECE_BYTES,
    limits: DEFAULT_INGEST_LIMITS,
  });
  mark('registered');
  const profiled = await profileTable(table, source(table));
  writeFileSync(stateFile, JSON.stringify({ table, profile: profiled }));
  return {
    rows: table.rowCount,
    columns: table.columns.length,
    types: profiled.features.map(({ type }) => type).join(' '),
  };
}

async function train() {
  const state = JSON.parse(readFileSync(stateFile, 'utf8')) as { table: unknown; profile: unknown };
  const table = parse(StoredTable, state.table, 'table');
  const facts = {
    table,
    profile: parse(DatasetProfile, state.profile, 'profile'),
    parallelTasks: 1,
    threadsPerTask: threads,
  };
  const plan = planAutopilot(
    {
      mode: 'quick',
      target: 'target',
      metric: 'auc',
      seed: 1,
      partitioning: { method: 'stratified', validation: 'tvh', validationFraction: 0.2, holdoutFraction: 0.2 },
    },
    facts,
  );
  const features = numericOnly ? plan.features.filter(({ type }) => type === 'numeric') : plan.features;
  const { target, metric, partitioning, weightColumn, monotonic, seed } = plan;
  const task: TrainTask = {
    ...{ kind: 'train', modelId: 'model', projectId: 'project', datasetId: 'dataset', table, target, features, metric },
    ...{
      partitioning,
      weightColumn,
      monotonic,
      seed,
      blueprintId: blueprint,
      refit: null,
      threadCount: threads,
    },
    parameters: blueprint === 'lightgbm-default' ? { maxIterations: trees, leaves } : {},
    sampleFraction: 1,
    ...(stops === null ? {} : { stops }),
  };
  const forecast = forecastTraining(task);
  let phase = '';
  const engine = testEngine();
  const io = freeIo({
    ...(ranks === null ? {} : { ranks: await joinRanks(engine, ranks) }),
    openSpool: () => openFileSpool(scratchDirectory),
    ...(bins === null
      ? {}
      : { bins: binObjects(new FileObjectStore(bins), binsFolder('project', ''), PROGRAM_VERSION) }),
    log: mark,
    onProgress: async (progress) => {
      if (`${progress.phase} ${progress.message}` !== phase) mark((phase = `${progress.phase} ${progress.message}`));
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  const cache = new DatasetCache(CACHE_BYTES);
  const read: [columns: number, rows: number][] = [];
  const fit = await fitModel(
    task,
    counted(
      cache.source('dataset', table, () => source(table)),
      read,
    ),
    engine,
    io,
  );
  mark('fitted');
  let bytes = 0;
  if (fit.outOfFold !== null) for await (const piece of outOfFoldFile(fit.outOfFold)) bytes += piece.length;
  mark('encoded');
  return {
    predictedMib: Math.round(forecast.peakBytes / MIB),
    forecast: forecast.parts.map(({ what, bytes }) => `${what} ${Math.round(bytes / MIB)}`),
    rows: table.rowCount,
    features: features.length,
    iterations: fit.iterations,
    validation: fit.scores?.validation?.['auc'],
    holdout: fit.scores?.holdout?.['auc'],
    losses: [fit.scores?.validation?.['logLoss'], fit.scores?.holdout?.['logLoss']],
    fittedRows: fit.rowCount,
    outOfFoldBytes: bytes,
    timings: fit.timings,
    read: read.map(([columns, rows]) => `${rows} x ${columns}`),
  };
}

/** The same table; `read` gets the columns and rows of each pass over it. */
function counted(table: BatchSource, read: [columns: number, rows: number][]): BatchSource {
  return {
    rowCount: table.rowCount,
    batches: async function* (request, signal, wanted) {
      const pass: [number, number] = [request.length, 0];
      read.push(pass);
      for await (const batch of table.batches(request, signal, wanted)) {
        pass[1] += batch.rowCount;
        yield batch;
      }
    },
  };
}
