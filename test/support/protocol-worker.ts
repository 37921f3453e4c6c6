import { createHash, randomUUID } from 'node:crypto';
import path from 'node:path';
import {
  ClaimedTask,
  INSIGHT_FILE,
  parse,
  RegisterAnswer,
  toAppError,
  toProblem,
  type EnsembleTask,
  type FeatureProfile,
  type FeatureTypeTask,
  type InsightTask,
  type ManifestFile,
  type SealedFile,
  type StoredTable,
  type TaskOutcome,
  type TrainTask,
} from '#contracts';
import {
  decodeOutOfFold,
  readAsType,
  encodeOutOfFold,
  ensembleManifest,
  manifestOf,
  type BoostingEngine,
  type OutOfFold,
} from '#ml';
import { computeInsight, fitModel, makeEnsemble } from './in-memory.ts';
import type { ObjectStore } from '#object-store';
import { HttpClient, KEY_FILES, readSecret, type Config } from '#runtime';
import { storedMembers } from '../../yarn-workers/worker/tasks/ensemble.ts';
import { readStoredArtifact } from '../../yarn-workers/worker/tasks/stored-artifact.ts';
import { memorySource, storedTable, type MemoryColumn } from './memory-table.ts';
import { mergedProfile, profiledPart, registeredInPlace } from './profile-in-parts.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The baseline and linear models never ask for a native engine. */
const noEngine = new Proxy({} as BoostingEngine, {
  get: (_target, name) => {
    throw new Error(`the test worker has no native engine (${String(name)})`);
  },
});

interface Files {
  readonly files: readonly (readonly [name: string, bytes: Uint8Array])[];
  readonly outcome: TaskOutcome;
}

interface WorkerOptions {
  /** Workers of version 1, the default, are given no ensembles and no insights. */
  readonly protocolVersion?: number;
  /** Of trees; without one only the baseline and linear models can be fitted. */
  readonly engine?: BoostingEngine;
  /** Rows that profiles show; 3 by default. */
  readonly sampleRowCount?: number;
}

/**
 * A worker that speaks the real protocol over HTTP and makes real artefacts of the baseline, linear models and ensembles, one task at a time and only
 * when it is asked to: tests decide when work is done. Whatever was uploaded, every dataset becomes the table given here.
 */
export class ProtocolWorker {
  readonly #http: HttpClient;
  readonly #store: ObjectStore;
  readonly #columns: readonly MemoryColumn[];
  #identity: RegisterAnswer | null = null;
  readonly #config: Config;
  readonly #protocolVersion: number;
  readonly #engine: BoostingEngine;
  readonly #sampleRowCount: number;

  constructor(
    url: string,
    config: Config,
    store: ObjectStore,
    columns: readonly MemoryColumn[],
    options: WorkerOptions = {},
  ) {
    this.#http = new HttpClient({ baseUrl: url });
    this.#config = config;
    this.#store = store;
    this.#columns = columns;
    this.#protocolVersion = options.protocolVersion ?? 1;
    this.#engine = options.engine ?? noEngine;
    this.#sampleRowCount = options.sampleRowCount ?? 3;
  }

  async register(): Promise<RegisterAnswer> {
    const json = {
      protocolVersion: this.#protocolVersion,
      programVersion: 'test',
      pool: 'default',
      hostName: 'test',
      processId: process.pid,
      memoryBytes: 1,
      threadCount: 1,
    };
    const token = readSecret(path.join(this.#config.keys.dir, KEY_FILES.poolSecret));
    const answer = await this.#http.request({ method: 'POST', path: '/internal/v1/workers', json, token });
    this.#identity = parse(RegisterAnswer, answer.json, 'register answer');
    return this.#identity;
  }

  /** The next task, or null when there is none. */
  async claim(): Promise<ClaimedTask | null> {
    const { workerId, workerToken } = this.#identity ?? (await this.register());
    const json = { workerId, requestId: randomUUID(), waitMs: 0, cachedDatasets: [] };
    const answer = await this.#http.request({ method: 'POST', path: '/internal/v1/claims', json, token: workerToken });
    return answer.status === 204 ? null : parse(ClaimedTask, answer.json, 'claimed task');
  }

  /** Does one task; false when there is none. `alter` changes what is sealed. */
  async workOnce(alter: (made: Files) => Files = (made) => made): Promise<boolean> {
    const task = await this.claim();
    if (task === null) return false;
    await this.#say(task, 'start', { fence: task.fence, progress: null, memoryBytes: 0, log: ['started'] });
    await this.#finish(task, alter(await this.#make(task)));
    return true;
  }

  /** Does tasks until there is none; how many. */
  async workAll(): Promise<number> {
    let count = 0;
    while (await this.workOnce()) count += 1;
    return count;
  }

  /** Claims a task and reports that it failed. */
  async failOnce(err: unknown): Promise<void> {
    const task = await this.claim();
    if (task === null) throw new Error('there is no task to fail');
    await this.#say(task, 'start', { fence: task.fence, progress: null, memoryBytes: 0, log: [] });
    const problem = toProblem(toAppError(err), null);
    await this.#say(task, 'fail', { fence: task.fence, blame: 'user', problem, log: ['failed'] });
  }

  close(): void {
    this.#http.close();
  }

  async #finish(task: ClaimedTask, { files, outcome }: Files): Promise<void> {
    const sealed: SealedFile[] = [];
    for (const [name, bytes] of files)
      sealed.push({ name, ...(await this.#store.write(`${task.attemptPath}/${name}`, bytes)) });
    await this.#say(task, 'seal', { fence: task.fence, files: sealed, outcome, log: ['sealed'] });
    await this.#say(task, 'commit', { fence: task.fence });
  }

  async #say(task: ClaimedTask, verb: string, json: unknown): Promise<void> {
    const route = `/internal/v1/tasks/${task.taskId}/${verb}`;
    await this.#http.request({ method: 'POST', path: route, json, token: task.leaseToken });
  }

  async #make({ spec, attemptPath }: ClaimedTask): Promise<Files> {
    switch (spec.kind) {
      case 'ingest':
        return registeredInPlace(spec, this.#columns) ?? ingested(this.#columns, attemptPath, this.#sampleRowCount);
      case 'feature-type':
        return retyped(spec, this.#columns);
      case 'train':
        return trained(spec, this.#columns, this.#engine);
      case 'train-part':
        throw new Error('this worker is in no group');
      case 'ensemble':
        return blended(spec, this.#store);
      case 'insight':
        return explained(spec, this.#columns, this.#store, this.#engine);
      case 'batch-predict': {
        const rows = Buffer.from('prediction\r\n1\r\n');
        const outcome = { kind: spec.kind, rowCount: spec.table?.rowCount ?? 1, rowsPerSecond: 1, warnings: [] };
        return { files: ['rows.csv', 'rows.ndjson', 'rows.parquet'].map((name) => [name, rows] as const), outcome };
      }
      case 'profile-part':
        return profiledPart(spec, this.#columns, this.#store);
      case 'profile-merge':
        return mergedProfile(spec, this.#store);
      case 'batch-gather':
        throw new Error('this worker has no HDFS');
    }
  }
}

function ingested(columns: readonly MemoryColumn[], attemptPath: string, sampleRowCount: number): Files {
  const bytes = Buffer.from('not really Parquet: nobody reads it here');
  const path = `${attemptPath}/part-0.parquet`;
  const stored = storedTable(columns);
  const file = { path, rowCount: stored.rowCount, sizeBytes: bytes.length, sha256: sha256(bytes) };
  const table: StoredTable = { ...stored, files: [file] };
  const profile = {
    features: columns.map(featureOf),
    distinctValues: columns.map(({ cells }) =>
      [...Map.groupBy(cells, (cell) => cell ?? '')].map(([value, found]) => ({ value, count: found.length })),
    ),
    sampleRows: Array.from({ length: sampleRowCount }, (_, row) => columns.map(({ cells }) => cells[row] ?? null)),
  };
  const outcome = { kind: 'ingest' as const, table, profile, warnings: [], sizeBytes: bytes.length };
  return { files: [['part-0.parquet', bytes]], outcome };
}

async function retyped(spec: FeatureTypeTask, columns: readonly MemoryColumn[]): Promise<Files> {
  const read = await readAsType(spec, ({ columns: stored }) =>
    memorySource(columns.map((column, at) => ({ ...column, parse: stored[at]?.parse ?? column.parse }))),
  );
  return { files: [], outcome: { kind: spec.kind, ...read } };
}

function featureOf({ name, cells, parse: rule }: MemoryColumn, position: number): FeatureProfile {
  const type = rule.kind === 'number' ? 'numeric' : 'categorical';
  const numbers = type === 'numeric' ? cells.map(Number) : [];
  return {
    name,
    position,
    type,
    inferredType: type,
    missingCount: 0,
    uniqueCount: new Set(cells).size,
    uniqueIsEstimate: false,
    infiniteCount: 0,
    min: type === 'numeric' ? Math.min(...numbers) : null,
    max: type === 'numeric' ? Math.max(...numbers) : null,
    mean: null,
    std: null,
    quantiles: null,
    topValues: [],
    histogram: null,
    warnings: [],
  };
}

async function trained(spec: TrainTask, columns: readonly MemoryColumn[], engine: BoostingEngine): Promise<Files> {
  const io = { sha256, now: () => performance.now(), remainingMs: () => null };
  const fit = await fitModel(spec, memorySource(columns), engine, io);
  const { described, outOfFoldFile } = heldBackFiles(fit.outOfFold);
  const manifest = manifestOf(spec, fit, { createdAt: new Date().toISOString(), files: described });
  const manifestBytes = Buffer.from(JSON.stringify(manifest));
  const outcome = {
    kind: spec.kind,
    contentHash: fit.contentHash,
    rowCount: fit.rowCount,
    iterations: fit.iterations,
    ...(fit.content.calibration === undefined ? {} : { calibration: fit.content.calibration }),
    scores: fit.scores,
    fitMs: 1,
    predictMicrosPerRow: 1,
    sizeBytes: manifestBytes.length + fit.blob.length,
    peakMemoryBytes: 1,
    stoppedByDeadline: false,
  };
  return { files: [['blob', fit.blob], ...outOfFoldFile, ['manifest.json', manifestBytes]], outcome };
}

async function blended(spec: EnsembleTask, store: ObjectStore): Promise<Files> {
  const io = { sha256, now: () => performance.now(), remainingMs: () => null };
  const ensemble = await makeEnsemble(spec, storedMembers(spec, store), io);
  const { described, outOfFoldFile } = heldBackFiles(ensemble.outOfFold);
  const manifest = ensembleManifest(spec, ensemble, { createdAt: new Date().toISOString(), files: described });
  const manifestBytes = Buffer.from(JSON.stringify(manifest));
  const outcome = {
    kind: spec.kind,
    contentHash: ensemble.contentHash,
    rowCount: ensemble.rowCount,
    scores: ensemble.scores,
    ensemble: ensemble.facts,
    partWeights: ensemble.partWeights,
    ...(ensemble.partLayers.length === 0 ? {} : { partLayers: ensemble.partLayers }),
    partBest: ensemble.partBest,
    fitMs: 1,
    predictMicrosPerRow: 1,
    sizeBytes: manifestBytes.length + ensemble.blob.length,
    peakMemoryBytes: 1,
  };
  return { files: [['blob', ensemble.blob], ...outOfFoldFile, ['manifest.json', manifestBytes]], outcome };
}

async function explained(
  spec: InsightTask,
  columns: readonly MemoryColumn[],
  store: ObjectStore,
  engine: BoostingEngine,
): Promise<Files> {
  const { manifest, blob } = await readStoredArtifact(store, spec);
  const file = await store.readAll(`${spec.artifactPath}/out-of-fold.bin`, { maxBytes: 2 ** 26 });
  const input = { manifest, blob, outOfFold: decodeOutOfFold(file), source: memorySource(columns), engine };
  const insight = await computeInsight(spec, input, { sha256, now: () => 0 });
  const outcome = { kind: spec.kind, rowCount: insight.rowCount };
  return { files: [[INSIGHT_FILE, Buffer.from(JSON.stringify(insight))]], outcome };
}

/** The file of out-of-fold predictions, and how the manifest describes it; none of a refit. */
function heldBackFiles(data: OutOfFold | null): {
  readonly described: ManifestFile[];
  readonly outOfFoldFile: readonly (readonly [name: string, bytes: Uint8Array])[];
} {
  if (data === null) return { described: [], outOfFoldFile: [] };
  const bytes = encodeOutOfFold(data);
  const described = { name: 'out-of-fold.bin', sizeBytes: bytes.length, sha256: sha256(bytes) };
  return { described: [described], outOfFoldFile: [[described.name, bytes]] };
}
