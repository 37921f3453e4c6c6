import type { InPlaceFile, StoredColumn } from '#contracts';
import type { DuckDb } from '../duckdb.ts';
import type { InPlaceFiles } from './in-place-files.ts';

/** Some rows of a file, in order, with the wanted columns, as a local file that is the reader's. */
export interface LocalPiece {
  readonly local: string;
  readonly rowCount: number;
  /** The file that it is of. */
  readonly registered: InPlaceFile;
  /** SQL of its rows, in order, with the columns in the form that the table says, and `file_row_number` from 0. */
  readonly relation: () => Promise<string>;
}

/** Columns that are wanted. */
export interface WantedColumns {
  /** Each once, of those that the files have; at least one, so that rows can be counted. */
  readonly stored: readonly StoredColumn[];
  /** Those that partition folders give. */
  readonly partitions: readonly StoredColumn[];
}

/** What pieces are made with. */
export interface PieceOptions {
  readonly files: InPlaceFiles;
  readonly duckdb: DuckDb;
  /** Bytes of a piece, unless a row group or a record of text has more. */
  readonly pieceBytes: number;
}
