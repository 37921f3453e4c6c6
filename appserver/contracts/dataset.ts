import { ParseRule } from './parse-rule.ts';
import { Id, Sha256, Timestamp, nullable, oneOf, strict } from './schema.ts';
import { FeatureTypeSchema } from './vocabulary.ts';
import { Type, type Static } from './type.ts';

/** How a column lies in the snapshot's Parquet file. Text formats keep every cell as `string` unless all cells are canonical integers. */
export const STORAGE_TYPES = [
  'string',
  'int64',
  'float64',
  'boolean',
  'decimal',
  'date',
  'timestamp',
  'timestampUtc',
] as const;
export type StorageType = (typeof STORAGE_TYPES)[number];

/** One stored column. The Parquet column of position p is `c<p>`; `v<p>` is its float64 twin where `hasTwin`. */
export const StoredColumn = strict({
  name: Type.String(),
  position: Type.Integer({ minimum: 0 }),
  storage: oneOf(STORAGE_TYPES),
  hasTwin: Type.Boolean({
    description: 'a float64 column v<p> holds the parsed number or time of the text column c<p>',
  }),
  parse: ParseRule,
  isPartition: Type.Optional(
    Type.Boolean({ description: 'a key of partition folders: no file has it, all rows of a file have one value' }),
  ),
});
export type StoredColumn = Static<typeof StoredColumn>;

/** A file of a snapshot; rows are in the order of the list. */
export const StoredFile = strict({
  path: Type.String({ description: 'object store path' }),
  rowCount: Type.Integer({ minimum: 0 }),
  sizeBytes: Type.Integer({ minimum: 0 }),
  sha256: Sha256,
});
export type StoredFile = Static<typeof StoredFile>;

/** Most files of one dataset in HDFS: all of them stand in each of its tasks. */
export const HDFS_FILES_MAX = 10_000;

/** A file in HDFS as it was when it was registered. */
export const RegisteredFile = strict({
  path: Type.String({ description: 'absolute, without scheme' }),
  sizeBytes: Type.Integer({ minimum: 0 }),
  modifiedAt: Type.Integer({ minimum: 0, description: 'milliseconds since 1970, by HDFS' }),
  partition: Type.Optional(
    Type.Record(Type.String(), nullable(Type.String()), {
      description: 'keys and values of the folders `key=value` that it lies in below the source, outermost first',
    }),
  ),
});
export type RegisteredFile = Static<typeof RegisteredFile>;

/** A file that is read where it lies, by columns under their own names; rows are in the order of the list. */
export const InPlaceFile = strict({
  ...RegisteredFile.properties,
  rowCount: Type.Integer({ minimum: 0 }),
  crc32: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 0xffffffff,
      description: 'of the bytes of a text file, all of which are read',
    }),
  ),
});
export type InPlaceFile = Static<typeof InPlaceFile>;

/** Encodings of text files. */
export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'latin-1', 'windows-1252'] as const;

/** How the text files of a table that is read in place are written, plain or gzipped: all of them alike. */
export const InPlaceText = strict({
  delimiter: Type.String({ minLength: 1, maxLength: 1 }),
  header: Type.Boolean({ description: 'each file begins with the names of the columns' }),
  encoding: Type.Optional(oneOf(ENCODINGS, { description: 'default utf-8' })),
});
export type InPlaceText = Static<typeof InPlaceText>;

/** All that a worker needs to read a dataset: a snapshot in the object store, or files that lie where they were made: text or, without `inPlaceText`, Parquet. */
export const StoredTable = strict({
  rowCount: Type.Integer({ minimum: 0 }),
  columns: Type.Array(StoredColumn),
  files: Type.Array(StoredFile),
  inPlaceFiles: Type.Optional(
    Type.Array(InPlaceFile, {
      maxItems: HDFS_FILES_MAX,
      description: 'in HDFS, read by the end user; `files` is empty',
    }),
  ),
  inPlaceText: Type.Optional(InPlaceText),
});
export type StoredTable = Static<typeof StoredTable>;

/** Something a person should know about a feature, with what will be done about it. */
export const FeatureWarning = strict({
  code: Type.String({
    description:
      'stable: ALL_MISSING, CONSTANT, MIXED_TYPES, INFINITE_VALUES, HIGH_CARDINALITY, ID_LIKE, NEAR_DUPLICATE, DISGUISED_MISSING, EXCESS_ZEROS, OUTLIERS, FUTURE_DATES, UNREADABLE_PLACES, DUPLICATE_NAME, ...',
  }),
  message: Type.String(),
  handling: Type.String({ description: 'what will be done about it' }),
});
export type FeatureWarning = Static<typeof FeatureWarning>;

/** One value with its count; `value` is the exact text of the first cell that had it. */
export const ValueCount = strict({ value: Type.String(), count: Type.Integer({ minimum: 0 }) });
export type ValueCount = Static<typeof ValueCount>;

/** Distinct values are kept exactly up to this many. A classification target needs all of its classes among them. */
export const DISTINCT_VALUES_MAX = 1_000;

/** Where the places of a feature lie, in degrees. */
export const BoundingBox = strict({
  south: Type.Number(),
  west: Type.Number(),
  north: Type.Number(),
  east: Type.Number(),
});
export type BoundingBox = Static<typeof BoundingBox>;

/** A feature's profile as `GET /datasets/{id}/features` shows it. Numbers are null where they have no meaning. */
export const FeatureProfile = strict({
  name: Type.String(),
  position: Type.Integer({ minimum: 0 }),
  type: FeatureTypeSchema,
  inferredType: FeatureTypeSchema,
  missingCount: Type.Integer({ minimum: 0 }),
  uniqueCount: Type.Integer({ minimum: 0, description: 'distinct non-missing values' }),
  uniqueIsEstimate: Type.Boolean(),
  infiniteCount: Type.Integer({ minimum: 0 }),
  min: nullable(Type.Number({ description: 'over finite values; dates in seconds since 1970' })),
  max: nullable(Type.Number()),
  mean: nullable(Type.Number()),
  std: nullable(Type.Number({ description: 'sample standard deviation (n - 1)' })),
  quantiles: nullable(
    strict({
      p01: Type.Number(),
      p05: Type.Number(),
      p25: Type.Number(),
      p50: Type.Number(),
      p75: Type.Number(),
      p95: Type.Number(),
      p99: Type.Number(),
    }),
  ),
  topValues: Type.Array(ValueCount, { description: 'most frequent first, at most 20' }),
  histogram: nullable(
    strict({
      edges: Type.Array(Type.Number(), { description: 'n + 1 edges, ascending; the last bin includes its upper edge' }),
      counts: Type.Array(Type.Integer({ minimum: 0 })),
    }),
  ),
  boundingBox: Type.Optional(BoundingBox),
  warnings: Type.Array(FeatureWarning),
});
export type FeatureProfile = Static<typeof FeatureProfile>;

/** Rows of a date column by time, exact: what boundaries of partitions are decided from. */
export const TimeCounts = strict({
  unitSeconds: Type.Number({
    minimum: 0,
    description: '0: each date by itself; else dates of a multiple of it together',
  }),
  starts: Type.Array(Type.Number(), {
    description: 'seconds since 1970, ascending: the date, or the multiple below it',
  }),
  counts: Type.Array(Type.Integer({ minimum: 1 })),
});
export type TimeCounts = Static<typeof TimeCounts>;

/** What profiling keeps beside the public profile. */
export const DatasetProfile = strict({
  features: Type.Array(FeatureProfile),
  distinctValues: Type.Array(nullable(Type.Array(ValueCount)), {
    description:
      'by feature position: all non-missing values in order of first appearance, null above DISTINCT_VALUES_MAX',
  }),
  timeCounts: Type.Optional(
    Type.Array(nullable(TimeCounts), {
      description: 'by feature position: of columns that are read as dates; absent in profiles of older programs',
    }),
  ),
  sampleRows: Type.Array(Type.Array(nullable(Type.String())), {
    description: 'exact cell texts, by position, at most SAMPLE_ROWS_MAX rows',
  }),
});
export type DatasetProfile = Static<typeof DatasetProfile>;

/** Sample rows kept at profile time. */
export const SAMPLE_ROWS_MAX = 1_000;

/** Reading options of an upload. */
export const DatasetOptions = strict({
  delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 1 })),
  encoding: Type.Optional(oneOf(ENCODINGS)),
  header: Type.Optional(Type.Boolean({ description: 'the first row has the names', default: true })),
  nullMarkers: Type.Optional(
    Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100, description: 'replace the default markers' }),
  ),
  sheet: Type.Optional(Type.String()),
});
export type DatasetOptions = Static<typeof DatasetOptions>;

/** Formats of files in HDFS. Parquet is read in place; so are larger csv and tsv; other text becomes an exact snapshot. */
export const HDFS_FORMATS = ['parquet', 'csv', 'tsv', 'jsonl'] as const;
export type HdfsFormat = (typeof HDFS_FORMATS)[number];

/** Files in HDFS: one, those of a folder, or those of a pattern with `*`, `?`, `[...]`, `{a,b}`. */
export const HdfsSource = strict({
  type: Type.Literal('hdfs'),
  path: Type.String({ minLength: 1, maxLength: 4096, description: '/path or hdfs://nameservice/path' }),
  format: Type.Optional(oneOf(HDFS_FORMATS, { description: 'default by name, else by the first bytes' })),
});
export type HdfsSource = Static<typeof HdfsSource>;

/** Where a dataset comes from. Kinds that are not built yet answer NOT_AVAILABLE. */
export const DatasetSource = Type.Union([
  strict({ type: Type.Literal('url'), url: Type.String({ minLength: 1, maxLength: 4096 }) }),
  strict({ type: Type.Literal('path'), path: Type.String({ minLength: 1, maxLength: 4096 }) }),
  HdfsSource,
  strict({
    type: Type.Literal('hive'),
    connectionId: Id,
    database: Type.String(),
    table: Type.String(),
    where: Type.Optional(Type.String()),
  }),
  strict({
    type: Type.Literal('jdbc'),
    connectionId: Id,
    schema: Type.Optional(Type.String()),
    table: Type.Optional(Type.String()),
    query: Type.Optional(Type.String()),
  }),
  strict({ type: Type.Literal('s3'), connectionId: Type.Optional(Id), bucket: Type.String(), key: Type.String() }),
]);
export type DatasetSource = Static<typeof DatasetSource>;

/** A dataset as the REST API shows it. */
export const Dataset = strict(
  {
    id: Id,
    name: Type.String(),
    state: oneOf(['ingesting', 'ready', 'failed']),
    rowCount: nullable(Type.Integer()),
    featureCount: nullable(Type.Integer()),
    sizeBytes: nullable(Type.Integer({ description: 'of the snapshot, or of the files that are read in place' })),
    source: Type.Unknown({ description: '{type:"upload", fileName, sizeBytes} or the source that was given' }),
    inPlace: Type.Boolean({ description: 'read where it lies: a change of the files is an error from then on' }),
    version: Type.Integer({ minimum: 1 }),
    basedOn: nullable(
      Type.String({ description: 'id of the version whose rows this one reads with another type; null: none' }),
    ),
    createdAt: Timestamp,
    createdBy: Id,
    warnings: Type.Array(FeatureWarning, { description: 'about the table as a whole' }),
    error: nullable(Type.Unknown({ description: 'problem document when failed' })),
  },
  { $id: 'Dataset' },
);
export type Dataset = Static<typeof Dataset>;
