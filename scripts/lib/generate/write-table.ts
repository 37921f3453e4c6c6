import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson } from '#contracts';
import { DuckDb } from '#tables';
import { madeColumns } from './columns.ts';
import { ROW_ID, rowsSql, TARGET, truthSql, type TableSpec } from './table-sql.ts';

/** Rows of a row group: some 50 MB of 40 columns. */
const ROW_GROUP_ROWS = 245_760;
/** Rows that the truth is reckoned of at most. */
const TRUTH_ROWS_MAX = 1_000_000;
const MEMORY_BYTES = 2 * 1024 ** 3;
/** What was asked for, written first: a folder holds one table. */
const REQUEST_FILE = 'request.json';
/** Written last: the table is whole. */
const MANIFEST_FILE = 'manifest.json';

export interface WriteTableOptions extends TableSpec {
  readonly folder: string;
  readonly fileCount: number;
  /** Files that are written at a time, each by one thread. */
  readonly workerCount: number;
  readonly onFile: (done: number, name: string) => void;
}

export interface TableManifest extends TableSpec {
  readonly rowId: string;
  readonly target: string;
  /** Share of ones among the first rows. */
  readonly targetShare: number;
  /** Area under the curve of the true probabilities of the first rows. */
  readonly bestAuc: number;
  readonly columns: readonly string[];
  readonly files: readonly { readonly name: string; readonly rowCount: number; readonly sizeBytes: number }[];
}

/** A folder that holds another table. */
export class OtherTable extends Error {}

/**
 * Writes the table's files, several at a time, each under another name until it is whole; what is whole stays, so that a run that was ended
 * goes on where it was. `manifest.json` is written last.
 *
 * @throws OtherTable where the folder was begun with another request
 */
export async function writeTable(options: WriteTableOptions): Promise<TableManifest> {
  const { folder, rowCount, columnCount, seed, fileCount, workerCount } = options;
  const spec: TableSpec = { rowCount, columnCount, seed };
  await mkdir(folder, { recursive: true });
  await claimFolder(folder, { ...spec, fileCount });
  const duckdbs = await Promise.all(Array.from({ length: workerCount }, () => openDuckDb(folder)));
  try {
    let next = 0;
    let done = 0;
    const work = async (duckdb: DuckDb): Promise<void> => {
      for (let file = next++; file < fileCount; file = next++) {
        await writeFileOf(options, file, duckdb);
        done += 1;
        options.onFile(done, fileName(file));
      }
    };
    await Promise.all(duckdbs.map(work));
    const manifest = await manifestOf(options, duckdbs);
    await writeWhole(path.join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } finally {
    for (const duckdb of duckdbs) duckdb.close();
  }
}

const openDuckDb = (folder: string): Promise<DuckDb> =>
  DuckDb.open({
    memoryLimitBytes: MEMORY_BYTES,
    threads: 1,
    tempDirectory: path.join(folder, '.spill'),
    tempDirectoryBytesMax: MEMORY_BYTES,
    allowedDirectories: [folder],
  });

const fileName = (file: number): string => `part-${String(file).padStart(5, '0')}.parquet`;

/** Row number with which a file begins; that of the file after the last one is the number of rows. */
const firstRowOf = ({ rowCount, fileCount }: WriteTableOptions, file: number): number =>
  Math.floor((rowCount / fileCount) * file);

async function claimFolder(folder: string, request: TableSpec & { readonly fileCount: number }): Promise<void> {
  const file = path.join(folder, REQUEST_FILE);
  if (!existsSync(file)) return writeWhole(file, `${JSON.stringify(request)}\n`);
  const found: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (canonicalJson(found) !== canonicalJson(request))
    throw new OtherTable(
      `${folder} holds another table: it was begun with ${JSON.stringify(found)}, asked for is ${JSON.stringify(request)}; name another folder or remove it`,
    );
}

async function writeFileOf(options: WriteTableOptions, file: number, duckdb: DuckDb): Promise<void> {
  const place = path.join(options.folder, fileName(file));
  if (existsSync(place)) return;
  const partial = `${place}.partial`;
  await rm(partial, { force: true });
  const rows = rowsSql(options, firstRowOf(options, file), firstRowOf(options, file + 1));
  await duckdb.execute(
    `COPY (${rows}) TO '${partial.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
  );
  await rename(partial, place);
}

async function manifestOf(options: WriteTableOptions, [duckdb]: readonly DuckDb[]): Promise<TableManifest> {
  const { rowCount, columnCount, seed, fileCount, folder } = options;
  const truth = await duckdb?.rows(truthSql(options, Math.min(rowCount, TRUTH_ROWS_MAX)));
  const [targetShare, bestAuc] = truth?.[0]?.map(Number) ?? [];
  const files = await Promise.all(
    Array.from({ length: fileCount }, async (_, file) => ({
      name: fileName(file),
      rowCount: firstRowOf(options, file + 1) - firstRowOf(options, file),
      sizeBytes: (await stat(path.join(folder, fileName(file)))).size,
    })),
  );
  const columns = madeColumns(columnCount, seed).map(({ name }) => name);
  return {
    ...{ rowCount, columnCount, seed, rowId: ROW_ID, target: TARGET },
    ...{ targetShare: targetShare ?? NaN, bestAuc: bestAuc ?? NaN, columns, files },
  };
}

/** Never half-written. */
async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.partial`, text);
  await rename(`${file}.partial`, file);
}
