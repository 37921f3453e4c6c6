import type { DatasetOptions, HdfsFormat, RegisteredFile } from '#contracts';
import type { DuckDb } from '../duckdb.ts';
import type { IngestLimits } from '../ingest/limits.ts';
import type { InPlaceFiles } from './in-place-files.ts';
import { registerParquet } from './register-parquet.ts';
import { registerText } from './register-text.ts';
import type { RegisteredTable } from './registered-table.ts';

export interface RegisterOptions {
  readonly registered: readonly RegisteredFile[];
  readonly files: InPlaceFiles;
  /** Of all files. */
  readonly format: Exclude<HdfsFormat, 'jsonl'>;
  readonly options: DatasetOptions;
  readonly duckdb: DuckDb;
  /** A folder that `duckdb` may read and write. */
  readonly scratchDirectory: string;
  /** Bytes of a piece of text, unless a record has more. Two, and one as Parquet, are in the scratch folder at a time. */
  readonly pieceBytes: number;
  readonly limits: IngestLimits;
  readonly signal?: AbortSignal;
  /** Share of the files, by their bytes where they are read whole. */
  readonly onProgress?: (fraction: number) => void;
}

/**
 * What is recorded of files that stay where they are: of Parquet its footers are read, of text every byte.
 *
 * @throws as {@link registerParquet} and {@link registerText}
 */
export function registerInPlace(options: RegisterOptions): Promise<RegisteredTable> {
  return options.format === 'parquet' ? registerParquet(options) : registerText(options, options.format);
}
