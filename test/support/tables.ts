import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { BatchSource, ColumnRequest, DatasetOptions, StoredTable } from '#contracts';
import { DuckDb, ingest, openTable, type IngestOptions, type IngestResult } from '#tables';

/** A folder of its own with a DuckDB in it, for one suite. */
export class TableLab {
  readonly folder: string;
  readonly duckdb: DuckDb;
  #count = 0;

  private constructor(folder: string, duckdb: DuckDb) {
    this.folder = folder;
    this.duckdb = duckdb;
  }

  static async open(memoryLimitBytes = 1_000_000_000, threads = 2): Promise<TableLab> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-tables-'));
    for (const name of ['in', 'store', 'scratch', 'spill']) await mkdir(path.join(folder, name));
    const duckdb = await DuckDb.open({
      memoryLimitBytes,
      threads,
      tempDirectory: path.join(folder, 'spill'),
      tempDirectoryBytesMax: 1_000_000_000,
      allowedDirectories: [folder],
    });
    return new TableLab(folder, duckdb);
  }

  async close(): Promise<void> {
    this.duckdb.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  at(...parts: readonly string[]): string {
    return path.join(this.folder, ...parts);
  }

  /** Ingests content under a user's file name. */
  async ingest(
    content: string | Uint8Array,
    fileName = 'data.csv',
    options: DatasetOptions = {},
    more: Partial<IngestOptions> = {},
  ): Promise<IngestResult> {
    this.#count += 1;
    const inputPath = this.at('in', `${this.#count}.upload`);
    await writeFile(inputPath, content);
    return this.ingestFile(inputPath, fileName, options, more);
  }

  async ingestFile(
    inputPath: string,
    fileName: string,
    options: DatasetOptions = {},
    more: Partial<IngestOptions> = {},
  ): Promise<IngestResult> {
    this.#count += 1;
    const objectPath = `${this.#count}.parquet`;
    return ingest({
      inputPath,
      fileName,
      options,
      outputPath: this.at('store', objectPath),
      objectPath,
      scratchDirectory: this.at('scratch'),
      duckdb: this.duckdb,
      ...more,
    });
  }

  source(table: StoredTable, batchRows?: number, verify = true): BatchSource {
    return openTable(table, {
      resolve: (objectPath) => this.at('store', objectPath),
      duckdb: this.duckdb,
      verify,
      ...(batchRows === undefined ? {} : { batchRows }),
    });
  }

  /** Exact cell texts by column name. */
  async texts(table: StoredTable): Promise<Map<string, (string | null)[]>> {
    return readTexts(
      this.source(table),
      table.columns.map((column) => column.name),
    );
  }

  async numbers(table: StoredTable, name: string): Promise<number[]> {
    return readNumbers(this.source(table), name);
  }
}

export async function readTexts(
  source: BatchSource,
  names: readonly string[],
): Promise<Map<string, (string | null)[]>> {
  const found = new Map<string, (string | null)[]>(names.map((name) => [name, []]));
  const request = names.map((name): ColumnRequest => ({ name, view: 'text' }));
  for await (const batch of source.batches(request)) {
    for (const column of batch.columns) {
      if (column.view === 'text') for (const text of column.values) found.get(column.name)?.push(text);
    }
  }
  return found;
}

export async function readNumbers(source: BatchSource, name: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { columns } of source.batches([{ name, view: 'number' }])) {
    for (const column of columns) if (column.view === 'number') for (const value of column.values) found.push(value);
  }
  return found;
}

/** Cells as a dictionary read gives them. */
export async function readCodes(source: BatchSource, name: string): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  for await (const { columns } of source.batches([{ name, view: 'dictionary' }])) {
    for (const column of columns) {
      if (column.view !== 'dictionary') continue;
      for (const code of column.codes) found.push(code < 0 ? null : (column.dictionary[code] ?? 'no such code'));
    }
  }
  return found;
}
