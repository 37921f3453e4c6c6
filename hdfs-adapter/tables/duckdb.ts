import { realpath } from 'node:fs/promises';
import path from 'node:path';
import bindings from '@duckdb/node-bindings';
import { DuckDBInstance, type DuckDBConnection, type DuckDBDataChunk } from '@duckdb/node-api';
import { AppError } from '#contracts';
import { NativeStrings } from './native-strings.ts';

/** Rows of one native vector: no chunk is longer. */
export const CHUNK_ROWS_MAX = 2_048;

export interface DuckDbOptions {
  /** For all queries together; the process needs some 250 MB besides. */
  readonly memoryLimitBytes: number;
  readonly threads: number;
  /** Where sorts and aggregates spill. */
  readonly tempDirectory: string;
  readonly tempDirectoryBytesMax: number;
  /** The only folders whose files may be read and written. */
  readonly allowedDirectories: readonly string[];
}

/** A value of a small result: an aggregate, a type name, a text. */
export type CellValue = string | number | bigint | boolean | null;

/** One column of a chunk as it lies in native memory. Valid while the chunk is. */
export interface NativeColumn {
  /** Bits of non-null rows, 32 rows a word, or null when all are. */
  readonly validity: Uint32Array | null;
  /** Of a DOUBLE column, else null. */
  readonly doubles: Float64Array | null;
  /** Of a VARCHAR column: four words a row (`NativeStrings`), else null. */
  readonly words: Uint32Array | null;
  /** The text of a VARCHAR cell; null is NULL. */
  text(row: number): string | null;
}

export interface NativeChunk {
  readonly rowCount: number;
  column(index: number): NativeColumn;
}

/**
 * An embedded DuckDB, locked down: no extension is loaded or fetched, nothing outside the allowed folders is read or
 * written, no setting can be changed by a later statement. The only code that knows the native package.
 */
export class DuckDb {
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  /** @throws NATIVE_LIBRARY when the native package cannot be loaded */
  static async open(options: DuckDbOptions): Promise<DuckDb> {
    const folders = new Set<string>();
    for (const folder of options.allowedDirectories) {
      folders.add(path.resolve(folder));
      folders.add(await realpath(folder));
    }
    const instance = await DuckDBInstance.create(':memory:', {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      allow_community_extensions: 'false',
      threads: String(options.threads),
      memory_limit: bytes(options.memoryLimitBytes),
      temp_directory: options.tempDirectory,
      max_temp_directory_size: bytes(options.tempDirectoryBytesMax),
      preserve_insertion_order: 'true',
      // It takes another file of the same name and second for the one that it has in memory (1.5.6).
      enable_external_file_cache: 'false',
    }).catch((err: unknown) => {
      throw new AppError('NATIVE_LIBRARY', 'DuckDB cannot be opened', { cause: err });
    });
    const db = new DuckDb(instance);
    const allowed = [...folders].map((folder) => sqlText(folder.endsWith('/') ? folder : `${folder}/`));
    await db.execute(`SET allowed_directories = [${allowed.join(', ')}]`);
    await db.execute('SET enable_external_access = false');
    await db.execute('SET lock_configuration = true');
    return db;
  }

  /** Runs a statement to its end; its failure, also in the middle, is thrown. */
  async execute(sql: string, signal?: AbortSignal): Promise<void> {
    await this.#withConnection(signal, (connection) => connection.run(sql));
  }

  /** All rows of a small result, materialised: a failure in the middle is thrown. */
  async rows(sql: string, signal?: AbortSignal): Promise<CellValue[][]> {
    return this.#withConnection(signal, async (connection) => {
      const reader = await connection.runAndReadAll(sql);
      return reader.getRows().map((row) => row.map(cellValue));
    });
  }

  /**
   * Streams a large result. **A failure in the middle of a stream is not reported by the native package: it looks like
   * the end.** The caller must count the rows it expects.
   */
  async *stream(sql: string, signal?: AbortSignal): AsyncGenerator<NativeChunk> {
    signal?.throwIfAborted();
    const connection = await this.#instance.connect();
    const interrupt = (): void => {
      connection.interrupt();
    };
    signal?.addEventListener('abort', interrupt, { once: true });
    let ahead: Promise<DuckDBDataChunk | null> | null = null;
    try {
      const result = await connection.stream(sql);
      ahead = result.fetchChunk();
      for (;;) {
        const chunk: DuckDBDataChunk | null = await ahead;
        signal?.throwIfAborted();
        if (chunk === null || chunk.rowCount === 0) return;
        ahead = result.fetchChunk();
        yield { rowCount: chunk.rowCount, column: (index) => nativeColumn(chunk, index) };
      }
    } catch (err) {
      signal?.throwIfAborted();
      throw duckDbError(err);
    } finally {
      signal?.removeEventListener('abort', interrupt);
      // A consumer that stopped early leaves one fetch under way: the connection must outlive it.
      await ahead?.catch(() => null);
      connection.closeSync();
    }
  }

  close(): void {
    this.#instance.closeSync();
  }

  async #withConnection<T>(
    signal: AbortSignal | undefined,
    work: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const connection = await this.#instance.connect();
    const interrupt = (): void => {
      connection.interrupt();
    };
    signal?.addEventListener('abort', interrupt, { once: true });
    try {
      return await work(connection);
    } catch (err) {
      signal?.throwIfAborted();
      throw duckDbError(err);
    } finally {
      signal?.removeEventListener('abort', interrupt);
      connection.closeSync();
    }
  }
}

/** A text as a SQL literal; NUL, which would end the statement, as `chr(0)`. */
export function sqlText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\0') ? `(${quoted.replaceAll('\0', "' || chr(0) || '")})` : quoted;
}

const GLOB_CHARACTERS = /[*?]|\[[^\]]*\]/;

/**
 * A local file's name as a SQL literal. Names that would be taken as a pattern are refused: they come from the
 * operator's choice of folders, never from users (object paths cannot have these characters).
 *
 * @throws CONFIG_INVALID
 */
export function sqlFile(file: string): string {
  const absolute = path.resolve(file);
  if (GLOB_CHARACTERS.test(absolute)) {
    throw new AppError('CONFIG_INVALID', `Folder ${path.dirname(absolute)}: expected a name without * ? [ ]`);
  }
  return sqlText(absolute);
}

/** A name as a quoted SQL identifier. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function bytes(count: number): string {
  return `${Math.floor(count)}B`;
}

/** What DuckDB says about the machine (disk, memory) as our error; anything else as it is, for the caller to name. */
function duckDbError(err: unknown): unknown {
  if (!(err instanceof Error) || err instanceof AppError) return err;
  if (/No space left on device|Disk quota exceeded|max_temp_directory_size/i.test(err.message)) {
    return new AppError('DISK_FULL', 'A table cannot be written: no space left', { cause: err });
  }
  if (/^Out of Memory Error/.test(err.message)) {
    return new AppError('TASK_MEMORY', 'A table does not fit into the memory limit', { cause: err });
  }
  return err;
}

function cellValue(value: unknown): CellValue {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    default:
      if (value === null) return null;
      throw new AppError('INTERNAL', 'A small result has a value of a type that is not read here');
  }
}

function nativeColumn(chunk: DuckDBDataChunk, index: number): NativeColumn {
  const vector = chunk.getColumnVector(index);
  // The package's classes keep these fields private in their types only; what is read here is checked before it is used.
  const fields = vector as unknown as { items?: unknown; dataView?: unknown; validity?: { data?: unknown } };
  const bits = fields.validity?.data;
  if (bits !== null && !(bits instanceof BigUint64Array)) {
    throw new AppError('NATIVE_LIBRARY', 'DuckDB vectors are laid out in another way than this version knows');
  }
  const validity = bits === null ? null : new Uint32Array(bits.buffer, bits.byteOffset, bits.length * 2);
  const isValid = (row: number): boolean => validity === null || ((validity[row >>> 5] ?? 0) & (1 << (row & 31))) !== 0;
  const { items, dataView } = fields;
  const doubles = items instanceof Float64Array ? items : null;
  const cells = dataView instanceof DataView && dataView.buffer instanceof ArrayBuffer ? dataView : null;
  const strings =
    cells === null ? null : new NativeStrings(cells, isValid, (offset, count) => readCells(cells, offset, count));
  const text = (row: number): string | null => {
    if (strings === null) throw new AppError('INTERNAL', 'A text was asked for of a column that is none');
    return strings.text(row);
  };
  return { validity, doubles, words: strings?.words ?? null, text };
}

function readCells(cells: DataView, offset: number, count: number): Uint8Array {
  if (!(cells.buffer instanceof ArrayBuffer)) throw new AppError('INTERNAL', 'Native strings are in shared memory');
  // The one call of the native package that `@duckdb/node-api` does not pass on.
  return bindings.get_data_from_pointer(cells.buffer, cells.byteOffset + offset, count);
}
