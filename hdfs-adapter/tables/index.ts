export { DuckDb, type DuckDbOptions } from './duckdb.ts';
export { ingest, type IngestOptions, type IngestProgress, type IngestResult } from './ingest/ingest.ts';
export type { ColumnWarning } from './ingest/column-names.ts';
export type { IngestFormat } from './ingest/detect-format.ts';
export { DEFAULT_INGEST_LIMITS, type IngestLimits } from './ingest/limits.ts';
export { cachedSource, type CachedSource, type CachedSourceOptions } from './read/cached-source.ts';
export { openTable, type OpenTableOptions } from './read/open-table.ts';
export { writeRows, type RowBatch, type RowColumn, type WriteRowsOptions } from './write/write-rows.ts';
