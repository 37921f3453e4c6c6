import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { BatchSource, RowSpan, StoredTable } from '#contracts';
import { connectHadoop, type HadoopConnection } from '#hadoop-auth';
import { openObjectStore, storeTokens, type ObjectStore } from '#object-store';
import { DuckDb, hdfsFiles, openInPlace, openTable } from '#tables';
import { openWebHdfs, type HdfsAccess, type WebHdfsClient } from '#webhdfs';
import type { ConfigureMessage } from '../ipc/messages.ts';
import { openEngines, type Engines } from '../native/engines.ts';
import { DatasetCache } from './dataset-cache.ts';
import { LocalObjects } from './local-objects.ts';
import { explainByFiles } from './lost-files.ts';

/** Part of the memory limit that DuckDB may use; the JavaScript heap, LightGBM and the data cache have the rest. */
const DUCKDB_OF_MEMORY = 0.4;
/** Bytes that sorts may spill to the work folder, as a multiple of the memory limit. */
const SPILL_OF_MEMORY = 8;

const FOLDER_PREFIX = 'task-';

/** What the tasks of one child share. */
export interface TaskContext {
  readonly configuration: ConfigureMessage;
  readonly store: ObjectStore;
  /** Its objects as local files. */
  readonly objects: LocalObjects;
  /** May read and write the object store's and this child's own folder, and read the allow-listed folders. */
  readonly duckdb: DuckDb;
  readonly engine: Engines;
  /** Folder of this child alone; removed when it ends by itself, else by the next child on this host. */
  readonly workDir: string;
  readonly cache: DatasetCache;
  /** The cluster's HDFS as the user in whose name this child runs. @throws CONFIG_INVALID where no cluster is configured */
  hdfs(): WebHdfsClient;
  /** The table, read anew each time: for what reads columns once. */
  openTable(table: StoredTable, batchRows?: number): BatchSource;
  /** Rows of whole units of a table in place, see `spanOfUnits`. */
  openRows(table: StoredTable, rows: RowSpan, batchRows?: number): BatchSource;
  /** The table of a dataset, its decoded columns kept for later tasks. */
  openDataset(datasetId: string, table: StoredTable): BatchSource;
  /** The newest token for an object store that wants one. */
  setStoreToken(token: string): void;
  /** Why a run with this folder failed: {@link explainByFiles} of what this child keeps on disk. */
  explain(err: unknown, scratchDir: string): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Loads the native libraries and opens what tasks share.
 *
 * @throws NATIVE_LIBRARY, STORE_UNAVAILABLE
 */
export async function openContext(configuration: ConfigureMessage): Promise<TaskContext> {
  const { worker, objectStore, ingest, hadoop } = configuration;
  await mkdir(worker.workDir, { recursive: true });
  const isLocal = objectStore.driver === 'file';
  if (isLocal) await mkdir(objectStore.root, { recursive: true });
  await sweepWorkDir(worker.workDir);
  const workDir = await mkdtemp(path.join(worker.workDir, `${FOLDER_PREFIX}${hostname()}-${process.pid}-`));
  const tokens = storeTokens(process.env);
  const opened = openObjectStore({ objectStore, hadoop }, tokens?.access);
  const { store } = opened;
  const objectsDir = path.join(workDir, 'objects');
  await mkdir(objectsDir);
  const objects = new LocalObjects({ store, folder: objectsDir, bytesMax: worker.objectCacheBytes });
  const engine = openEngines(worker);
  const duckdb = await DuckDb.open({
    memoryLimitBytes: worker.memoryBytes * DUCKDB_OF_MEMORY,
    threads: worker.threadCount,
    tempDirectory: path.join(workDir, 'spill'),
    tempDirectoryBytesMax: worker.memoryBytes * SPILL_OF_MEMORY,
    allowedDirectories: [
      ...(isLocal ? [objectStore.root] : []),
      workDir,
      ...ingest.pathRoots.filter((root) => existsSync(root)),
    ],
  });
  // The first query loads what the library defers: better now than in the first task.
  await duckdb.rows('SELECT 1');
  const cache = new DatasetCache(worker.cacheBytes);
  const hdfs = lazyHdfs(hadoop, tokens?.access);
  const inPlace = () => ({
    files: hdfsFiles(hdfs.client()),
    duckdb,
    scratchDirectory: workDir,
    pieceBytes: worker.readAheadBytes,
  });
  const openUncached: TaskContext['openTable'] = (table, batchRows) => {
    const rows = batchRows === undefined ? {} : { batchRows };
    if (table.inPlaceFiles === undefined)
      return openTable(table, { duckdb, resolve: (file) => objects.file(file), ...rows });
    return openInPlace(table, { ...inPlace(), ...rows });
  };
  return {
    configuration,
    store,
    objects,
    duckdb,
    engine,
    workDir,
    cache,
    hdfs: () => hdfs.client(),
    openTable: openUncached,
    openRows: (table, rows, batchRows) =>
      openInPlace(table, { ...inPlace(), rows, ...(batchRows === undefined ? {} : { batchRows }) }),
    openDataset: (datasetId, table) => cache.source(datasetId, table, () => openUncached(table)),
    setStoreToken: (token) => tokens?.set(token),
    explain: (err, scratchDir) => explainByFiles(err, [workDir, objectsDir, scratchDir, ...objects.copiesInUse]),
    async close() {
      cache.close();
      duckdb.close();
      await opened.close();
      await hdfs.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}

/** Connects when it is first asked for. */
function lazyHdfs(
  hadoop: ConfigureMessage['hadoop'],
  access: HdfsAccess | undefined,
): { client(): WebHdfsClient; close(): Promise<void> } {
  let open: { client: WebHdfsClient; connection: HadoopConnection } | null = null;
  return {
    client() {
      if (open === null) {
        const connection = connectHadoop(hadoop);
        open = { client: openWebHdfs(connection, hadoop, access), connection };
      }
      return open.client;
    },
    async close() {
      await open?.client.close();
      open?.connection.close();
    },
  };
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
