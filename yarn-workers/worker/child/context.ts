import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { AppError, type BatchSource, type StoredTable } from '#contracts';
import { FileObjectStore, type ObjectStore } from '#object-store';
import { DuckDb, openTable } from '#tables';
import type { BoostingEngine } from '#ml';
import type { ConfigureMessage } from '../ipc/messages.ts';
import { openLightgbm } from '../native/lightgbm.ts';
import { DatasetCache } from './dataset-cache.ts';

/** Part of the memory limit that DuckDB may use; the JavaScript heap, LightGBM and the data cache have the rest. */
const DUCKDB_OF_MEMORY = 0.4;
/** Bytes that sorts may spill to the work folder, as a multiple of the memory limit. */
const SPILL_OF_MEMORY = 8;

const FOLDER_PREFIX = 'task-';

/** What the tasks of one child share. */
export interface TaskContext {
  readonly configuration: ConfigureMessage;
  readonly store: ObjectStore;
  /** May read and write the object store's and this child's own folder, and read the allow-listed folders. */
  readonly duckdb: DuckDb;
  readonly engine: BoostingEngine;
  /** Folder of this child alone; removed when it ends by itself, else by the next child on this host. */
  readonly workDir: string;
  readonly cache: DatasetCache;
  /** The table, read anew each time: for what reads columns once. */
  openTable(table: StoredTable, batchRows?: number): BatchSource;
  /** The table of a dataset, its decoded columns kept for later tasks. */
  openDataset(datasetId: string, table: StoredTable): BatchSource;
  close(): Promise<void>;
}

/**
 * Loads the native libraries and opens what tasks share.
 *
 * @throws NATIVE_LIBRARY, STORE_UNAVAILABLE
 */
export async function openContext(configuration: ConfigureMessage): Promise<TaskContext> {
  const { worker, objectStore, ingest } = configuration;
  await mkdir(worker.workDir, { recursive: true });
  await mkdir(objectStore.root, { recursive: true });
  await sweepWorkDir(worker.workDir);
  const workDir = await mkdtemp(path.join(worker.workDir, `${FOLDER_PREFIX}${hostname()}-${process.pid}-`));
  const store = new FileObjectStore(objectStore.root);
  const engine = openLightgbm({
    libraryPath: worker.lightgbmLibrary === '' ? 'lib_lightgbm.so' : worker.lightgbmLibrary,
    ...(worker.libgompLibrary === '' ? {} : { libgompPath: worker.libgompLibrary }),
  });
  const duckdb = await DuckDb.open({
    memoryLimitBytes: worker.memoryBytes * DUCKDB_OF_MEMORY,
    threads: worker.threadCount,
    tempDirectory: path.join(workDir, 'spill'),
    tempDirectoryBytesMax: worker.memoryBytes * SPILL_OF_MEMORY,
    allowedDirectories: [objectStore.root, workDir, ...ingest.pathRoots.filter((root) => existsSync(root))],
  });
  // The first query loads what the library defers: better now than in the first task.
  await duckdb.rows('SELECT 1');
  const cache = new DatasetCache(worker.cacheBytes);
  const openUncached: TaskContext['openTable'] = (table, batchRows) =>
    openTable(table, {
      duckdb,
      resolve: (file) => localFile(store, file),
      ...(batchRows === undefined ? {} : { batchRows }),
    });
  return {
    configuration,
    store,
    duckdb,
    engine,
    workDir,
    cache,
    openTable: openUncached,
    openDataset: (datasetId, table) => cache.source(datasetId, table, () => openUncached(table)),
    async close() {
      cache.close();
      duckdb.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}

/** The local file of an object. @throws NOT_AVAILABLE for a store whose objects are no local files */
export function localFile(store: ObjectStore, objectPath: string): string {
  const file = store.localPath(objectPath);
  if (file === null) throw new AppError('NOT_AVAILABLE', `object ${objectPath}: this object store has no local files`);
  return file;
}

/** Removes folders of children of this host that were killed. */
async function sweepWorkDir(folder: string): Promise<void> {
  const mine = `${FOLDER_PREFIX}${hostname()}-`;
  for (const name of await readdir(folder)) {
    if (!name.startsWith(mine)) continue;
    const pid = Number(name.slice(mine.length).split('-')[0]);
    if (!existsSync(`/proc/${pid}`)) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}
