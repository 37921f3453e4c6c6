/** Bounds of what is taken in. Each has a key in the configuration; the defaults are these. */
export interface IngestLimits {
  readonly columnsMax: number;
  /** Of one cell's text in UTF-8. */
  readonly cellBytesMax: number;
  /** Of one row's text, quotes included. */
  readonly rowBytesMax: number;
  /** Of the text after decompression: what a small gzip file may grow to. */
  readonly textBytesMax: number;
}

export const DEFAULT_INGEST_LIMITS: IngestLimits = {
  columnsMax: 10_000,
  cellBytesMax: 1_048_576,
  rowBytesMax: 64 * 1_048_576,
  textBytesMax: 256 * 1_073_741_824,
};

/** Bytes that formats, encodings and delimiters are told by. */
export const HEAD_BYTES = 256 * 1024;
