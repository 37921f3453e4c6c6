import {
  AppError,
  type BatchSource,
  type Column,
  type ExplanationsAsked,
  type PredictionIntervals,
  type StoredTable,
} from '#contracts';
import {
  explainedOutput,
  explanationCells,
  explanationColumns,
  explanationOf,
  INTERVAL_COLUMNS,
  type LevelTally,
  type Scorer,
} from '#scoring';
import { intervalColumns } from './interval-columns.ts';

/** Name of the column of values or labels. */
const PREDICTION_COLUMN = 'prediction';

/** A column of the result: exact texts of the input, or numbers. */
export interface ResultColumn {
  readonly name: string;
  readonly kind: 'text' | 'number';
}

/** What is asked for of which columns. */
export interface ScoredColumns {
  readonly table: Pick<StoredTable, 'columns'>;
  readonly passthroughColumns: readonly string[];
  /** Undefined: none. */
  readonly explanations?: ExplanationsAsked | undefined;
  /** Of a regression; undefined: none. */
  readonly intervals?: PredictionIntervals | undefined;
}

/** Some rows of the result, in input order. A batch's arrays are valid until the next batch is asked for. */
export interface ResultBatch {
  readonly firstRow: number;
  readonly rowCount: number;
  /** By result column: texts (null is a missing cell) or numbers. */
  readonly columns: readonly (readonly (string | null)[] | Float64Array)[];
}

/**
 * The columns of a batch prediction: pass-through ones as asked, `prediction`, the ends of its interval or one probability a class, then
 * those of explanations, where they are asked for.
 */
export function resultColumns(spec: Omit<ScoredColumns, 'table'>, scorer: Scorer): ResultColumn[] {
  const { classes } = scorer.manifest.content;
  return [
    ...spec.passthroughColumns.map((name): ResultColumn => ({ name, kind: 'text' })),
    { name: PREDICTION_COLUMN, kind: classes.length === 0 ? 'number' : 'text' },
    ...(spec.intervals === undefined ? [] : INTERVAL_COLUMNS).map((name): ResultColumn => ({ name, kind: 'number' })),
    ...classes.map((label): ResultColumn => ({ name: `probability_${label}`, kind: 'number' })),
    ...(spec.explanations === undefined ? [] : explanationColumns(spec.explanations.top)),
  ];
}

/** Cells that a row has while it is predicted: as they are read, raw scores, the result. */
export const cellCount = (spec: ScoredColumns, scorer: Scorer): number =>
  scorer.columnRequests(spec.table.columns).length + scorer.outputCount + resultColumns(spec, scorer).length;

/** @throws COLUMN_UNKNOWN, PREDICTION_COLUMN_RESERVED, VALIDATION_FAILED for a column that is asked for twice */
export function checkPassthrough(spec: ScoredColumns, scorer: Scorer): void {
  const known = new Set(spec.table.columns.map(({ name }) => name));
  const reserved = new Set(resultColumns({ ...spec, passthroughColumns: [] }, scorer).map(({ name }) => name));
  const seen = new Set<string>();
  for (const [index, name] of spec.passthroughColumns.entries()) {
    const refuse = (code: ConstructorParameters<typeof AppError>[0], message: string) =>
      new AppError(code, `pass-through column ${JSON.stringify(name)} ${message}`, {
        errors: [{ path: `/passthroughColumns/${index}`, message }],
      });
    if (!known.has(name)) throw refuse('COLUMN_UNKNOWN', 'is not in the input');
    if (reserved.has(name)) throw refuse('PREDICTION_COLUMN_RESERVED', 'has the name of a column of the result');
    if (seen.has(name)) throw refuse('VALIDATION_FAILED', 'is asked for twice');
    seen.add(name);
  }
}

/**
 * Predicts all rows of a table, in order: as many rows come out as go in. Memory is bounded by a batch.
 *
 * @param levels counts unseen ones, their rows from 1
 * @throws CELL_UNREADABLE naming row and column; DATA_READ_TRUNCATED; NOT_AVAILABLE for explanations of a model that was
 *   trained without them
 */
export async function* predictTable(
  scorer: Scorer,
  source: BatchSource,
  spec: ScoredColumns,
  levels?: LevelTally,
  signal?: AbortSignal,
): AsyncGenerator<ResultBatch> {
  const inputs = scorer.columnRequests(spec.table.columns);
  const texts = spec.passthroughColumns.map((name) => ({ name, view: 'text' as const }));
  const classCount = scorer.manifest.content.classes.length;
  const answer = scorer.createPrediction();
  let raw = new Float64Array(0);
  for await (const batch of source.batches([...inputs, ...texts], signal)) {
    const { firstRow, rowCount } = batch;
    if (raw.length < rowCount * scorer.outputCount) raw = new Float64Array(rowCount * scorer.outputCount);
    // A column may be both read and passed through, in two views: the scorer finds its columns by name. It names rows in
    // messages only, and people count them from 1, as HTTP answers and ingest do.
    const explained =
      spec.explanations === undefined ? null : explanationWriter(scorer, spec.explanations.top, rowCount);
    scorer.scoreBatch(
      { firstRow: firstRow + 1, rowCount, columns: batch.columns.slice(0, inputs.length) },
      raw,
      explained === null ? undefined : (row, contributions) => explained.add(row, raw, contributions),
      levels,
    );
    const labels = new Array<string>(classCount === 0 ? 0 : rowCount);
    const values = new Float64Array(classCount === 0 ? rowCount : 0);
    const probabilities = Array.from({ length: classCount }, () => new Float64Array(rowCount));
    for (let row = 0; row < rowCount; row += 1) {
      scorer.toPrediction(raw, row * scorer.outputCount, answer);
      if (typeof answer.prediction === 'number') values[row] = answer.prediction;
      else labels[row] = answer.prediction;
      for (let index = 0; index < classCount; index += 1) {
        const column = probabilities[index];
        if (column !== undefined) column[row] = answer.probabilities[index] ?? NaN;
      }
    }
    const passed = batch.columns.slice(inputs.length).map(textsOf);
    const predicted = [
      classCount === 0 ? values : labels,
      ...intervalColumns(spec.intervals, values),
      ...probabilities,
    ];
    yield { firstRow, rowCount, columns: [...passed, ...predicted, ...(explained?.columns ?? [])] };
  }
}

/** Columns of explanations of one batch, filled row by row. */
function explanationWriter(scorer: Scorer, top: number, rowCount: number) {
  const explainer = scorer.explainer();
  const answer = scorer.createPrediction();
  const columns = explanationColumns(top).map(({ kind }) =>
    kind === 'number' ? new Float64Array(rowCount).fill(NaN) : new Array<string | null>(rowCount).fill(null),
  );
  return {
    columns,
    add: (row: number, raw: Float64Array, contributions: Float64Array): void => {
      scorer.toPrediction(raw, row * scorer.outputCount, answer);
      const output = explainedOutput(scorer.manifest.content, answer.classIndex);
      const rawScores = raw.subarray(row * scorer.outputCount, (row + 1) * scorer.outputCount);
      const cells = explanationCells(explanationOf(explainer, { rawScores, contributions }, output, top), top);
      for (const [place, cell] of cells.entries()) {
        const column = columns[place];
        if (column instanceof Float64Array) column[row] = cell === null ? NaN : Number(cell);
        else if (column !== undefined) column[row] = cell === null ? null : String(cell);
      }
    },
  };
}

function textsOf(column: Column): readonly (string | null)[] {
  if (column.view !== 'text') throw new AppError('INTERNAL', `column ${column.name} came in view ${column.view}`);
  return column.values;
}
