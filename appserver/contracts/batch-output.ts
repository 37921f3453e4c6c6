import { FeatureWarning } from './dataset.ts';
import { Id, nullable, oneOf, strict } from './schema.ts';
import { TABLE_PARTS_MAX, type TablePart } from './table-parts.ts';
import { Type, type Static } from './type.ts';

/** A folder in HDFS that becomes the user's own with the rows in it, Parquet unless csv is asked for. */
export const HdfsOutput = strict({
  type: Type.Literal('hdfs'),
  path: Type.String({ minLength: 1, maxLength: 4096, description: '/path or hdfs://nameservice/path; made anew' }),
  format: Type.Optional(oneOf(['parquet', 'csv'])),
  overwrite: Type.Optional(Type.Boolean({ description: 'replace a folder of files that is there; default false' })),
});
export type HdfsOutput = Static<typeof HdfsOutput>;

/** Where a worker puts the rows of an output until the whole of it is put in place. */
export const StagedOutput = strict({
  format: oneOf(['parquet', 'csv']),
  stagingPath: Type.String({ description: 'folder in HDFS; each attempt has one of its own in it' }),
});
export type StagedOutput = Static<typeof StagedOutput>;

/** Files of one output at most: each has up to {@link OUTPUT_ROWS_PER_FILE} rows. */
export const OUTPUT_FILES_MAX = 100_000;
export const OUTPUT_ROWS_PER_FILE = 1_000_000;

/** Files in HDFS with some rows of an output, in order. */
export const StagedFiles = strict({
  path: Type.String({ description: 'folder in HDFS that has nothing else' }),
  files: Type.Array(
    strict({
      name: Type.String(),
      sizeBytes: Type.Integer({ minimum: 0 }),
      rowCount: Type.Integer({ minimum: 0 }),
    }),
    { maxItems: OUTPUT_FILES_MAX },
  ),
});
export type StagedFiles = Static<typeof StagedFiles>;

/** Digits of a number in a file's name, so that names have the order of the rows. */
const NAME_DIGITS = 5;

const partName = (part: Pick<TablePart, 'index'> | undefined): string =>
  part === undefined ? 'part-' : `part-${String(part.index).padStart(NAME_DIGITS, '0')}-`;

/** Name of one of the files of an output, by number; a part's files come between those of the parts before and behind it. */
export const stagedFileName = (format: StagedOutput['format'], file: number, part?: Pick<TablePart, 'index'>): string =>
  `${partName(part)}${String(file).padStart(NAME_DIGITS, '0')}.${format}`;

/** Folder of the staging folder that one attempt alone writes to. @param attemptName never used twice by the same task */
export const stagedFolder = (
  { stagingPath }: StagedOutput,
  attemptName: string,
  part?: Pick<TablePart, 'index'>,
): string => `${stagingPath}/${part === undefined ? '' : partName(part)}${attemptName}`;

/** Folder of the staging folder that the files of all parts are moved into. */
export const GATHERED_FOLDER = 'rows';

/** Moves the files that the parts of a batch prediction left into one folder. */
export const BatchGatherTask = strict({
  kind: Type.Literal('batch-gather'),
  batchPredictionId: Id,
  datasetId: nullable(Id),
  output: StagedOutput,
  rowCount: Type.Integer({ minimum: 0, description: 'rows of the table' }),
  parts: Type.Array(StagedFiles, { minItems: 1, maxItems: TABLE_PARTS_MAX, description: 'by index' }),
});
export type BatchGatherTask = Static<typeof BatchGatherTask>;

/** Values of one column that are none of the levels that the model knows. */
export const UnseenLevelsFacts = strict({
  feature: Type.Integer({ minimum: 0, description: 'of the model, by position' }),
  column: Type.String(),
  value: Type.String({ description: 'of the first such row, in quotes, cut where it is long' }),
  row: Type.Integer({ minimum: 1, description: 'the first such row of the table, from 1' }),
  rowCount: Type.Integer({ minimum: 1 }),
  known: Type.String({ description: 'what the model knows, in words' }),
});
export type UnseenLevelsFacts = Static<typeof UnseenLevelsFacts>;

export const BatchPredictOutcome = strict({
  kind: Type.Literal('batch-predict'),
  rowCount: Type.Integer({ minimum: 0 }),
  rowsPerSecond: Type.Number({ minimum: 0 }),
  processorSeconds: Type.Optional(
    Type.Number({
      minimum: 0,
      description: 'of the process that predicted, all of its threads; reading and writing too',
    }),
  ),
  warnings: Type.Array(FeatureWarning, { description: 'of a part: without those of levels' }),
  unseenLevels: Type.Optional(Type.Array(UnseenLevelsFacts, { description: 'of a part' })),
  staged: Type.Optional(StagedFiles),
});
export type BatchPredictOutcome = Static<typeof BatchPredictOutcome>;

export const BatchGatherOutcome = strict({
  kind: Type.Literal('batch-gather'),
  staged: StagedFiles,
});
export type BatchGatherOutcome = Static<typeof BatchGatherOutcome>;
