import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import {
  parse,
  TaskOutcome,
  type Checkpoint,
  type DatasetProfile,
  type IngestOutcome,
  type IngestTask,
  type SealedFile,
  type StoredTable,
  type TaskSpec,
  type TrainTask,
} from '#contracts';
import { loadConfig } from '#runtime';
import { ingest } from '#tables';
import { AttemptFolder } from '../../../yarn-workers/worker/child/attempt-folder.ts';
import { Checkpoints } from '../../../yarn-workers/worker/child/checkpoints.ts';
import { openContext, type TaskContext } from '../../../yarn-workers/worker/child/context.ts';
import type { TaskRun } from '../../../yarn-workers/worker/child/task-run.ts';

const MIB = 1024 ** 2;

/** What a handler told. */
export interface Told {
  readonly progress: {
    readonly fraction: number;
    readonly phase: string;
    readonly message: string;
    readonly iteration?: number | null;
  }[];
  readonly log: string[];
  readonly checkpoints: { readonly file: SealedFile; readonly position: number }[];
}

/** A task child's context inside the test, in a folder of its own. */
export async function openWorkbench(flags: Record<string, unknown> = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-tasks-'));
  mkdirSync(path.join(folder, 'data'));
  const { config } = loadConfig({
    env: {},
    cwd: folder,
    flags: {
      'worker.lightgbmLibrary': process.env['TRAINYARD_LIGHTGBM_LIBRARY'] ?? '',
      'worker.xgboostLibrary': process.env['TRAINYARD_XGBOOST_LIBRARY'] ?? '',
      'worker.memoryBytes': 1024 * MIB,
      'ingest.pathRoots': [path.join(folder, 'data')],
      ...flags,
    },
  });
  const { objectStore, hadoop, ingest, worker, retention } = config;
  const context = await openContext({ type: 'configure', objectStore, hadoop, ingest, worker, retention });
  return {
    folder,
    context,
    /** Folder of the object store. */
    storeRoot: objectStore.root,
    /** A new attempt at a task, with a record of what it tells. */
    run<S extends TaskSpec>(
      spec: S,
      remainingMs: number | null = null,
      checkpoint: Checkpoint | null = null,
    ): TaskRun<S> & { readonly told: Told; readonly checkpoints: Checkpoints } {
      const told: Told = { progress: [], log: [], checkpoints: [] };
      const scratchDir = mkdtempSync(path.join(context.workDir, 'run-'));
      const taskId = path.basename(scratchDir);
      const attemptPath = `models/${taskId}/1-x`;
      const startedAt = performance.now();
      const attempt = new AttemptFolder(context.store, attemptPath);
      return {
        told,
        context,
        scratchDir,
        attempt,
        checkpoints: new Checkpoints({
          store: context.store,
          attempt,
          earlier: checkpoint,
          intervalMs: config.worker.checkpointMs,
          tell: (file, position) => void told.checkpoints.push({ file, position }),
          log: (line) => void told.log.push(line),
          now: () => performance.now(),
        }),
        task: { taskId, fence: 1, attemptPath, remainingMs, spec, checkpoint, group: null },
        meeting: { ask: () => Promise.reject(new Error('the task is of no group')) },
        remainingMs: () => (remainingMs === null ? null : Math.max(0, remainingMs - (performance.now() - startedAt))),
        reporter: {
          progress: (progress) => void told.progress.push(progress),
          log: (line) => void told.log.push(line),
          breathe: () => new Promise((resolve) => setImmediate(resolve)),
          collect: () => undefined,
        },
      };
    },
    /** An ingest task for a text as a file of the allowed folder. */
    ingestTask(text: string | Uint8Array, name = 'table.csv'): IngestTask {
      const file = path.join(folder, 'data', name);
      writeFileSync(file, text);
      return { kind: 'ingest', datasetId: 'ds_1', input: { type: 'path', path: file }, options: {} };
    },
    async close(): Promise<void> {
      await context.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export type Workbench = Awaited<ReturnType<typeof openWorkbench>>;

/** The outcome of an ingest that has profiled its table. */
export function profiledOutcome(outcome: TaskOutcome): IngestOutcome & { readonly profile: DatasetProfile } {
  const checked = parse(TaskOutcome, outcome, 'outcome');
  if (checked.kind !== 'ingest') expect.fail(checked.kind);
  const { profile, ...found } = checked;
  return { ...found, profile: profile ?? expect.fail('no profile') };
}

/** Objects of a folder of the store, by name. */
export async function objectNames(context: TaskContext, folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of context.store.list(folder)) names.push(entry.path.slice(folder.length + 1));
  return names;
}

/** A table with a number, a category, a date and a text to learn from: `label` follows from the first two. */
export function churnCsv(rowCount: number): string {
  const lines = ['id,age,plan,since,label'];
  for (let row = 0; row < rowCount; row += 1) {
    const age = 20 + ((row * 7) % 50);
    const plan = ['basic', 'plus', 'pro'][row % 3] ?? '';
    const since = `2026-${String(1 + (row % 12)).padStart(2, '0')}-15`;
    const isLeaving = age + (plan === 'pro' ? 20 : 0) + ((row * 13) % 11) > 55;
    lines.push(
      `${1_000 + row},${row % 17 === 0 ? '' : age},${row % 23 === 0 ? '' : plan},${since},${isLeaving ? 'yes' : 'no'}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The churn table, ingested into a workbench's store. */
export async function churnTable(bench: Workbench, rowCount: number): Promise<StoredTable> {
  const { context } = bench;
  const { input } = bench.ingestTask(churnCsv(rowCount));
  const objectPath = 'datasets/ds_1/1-x/rows.parquet';
  const { table } = await ingest({
    inputPath: input.type === 'path' ? input.path : '',
    fileName: 'table.csv',
    options: {},
    outputPath: await context.objects.file(objectPath),
    objectPath,
    scratchDirectory: context.workDir,
    duckdb: context.duckdb,
  });
  return table;
}

/** A train task on the churn table. */
export function churnTask(table: TrainTask['table'], blueprintId: string, more: Partial<TrainTask> = {}): TrainTask {
  const features = [
    { name: 'age', type: 'numeric', uniqueCount: 50 },
    { name: 'plan', type: 'categorical', uniqueCount: 3 },
    { name: 'since', type: 'date', uniqueCount: 12 },
  ] as const;
  return {
    kind: 'train',
    modelId: 'm_1',
    projectId: 'p_1',
    datasetId: 'ds_1',
    table,
    target: {
      name: 'label',
      targetType: 'binary',
      classes: [
        { label: 'no', texts: ['no'], rowCount: 1 },
        { label: 'yes', texts: ['yes'], rowCount: 1 },
      ],
      positiveClass: 1,
    },
    features: [...features],
    metric: 'logLoss',
    partitioning: {
      method: 'stratified',
      validation: 'cv',
      folds: 3,
      validationFraction: null,
      holdoutFraction: 0.2,
      column: null,
      seed: 1,
    },
    weightColumn: null,
    monotonic: { increasing: [], decreasing: [] },
    blueprintId,
    parameters: {},
    sampleFraction: 1,
    refit: null,
    seed: 1,
    threadCount: 1,
    ...more,
  };
}
