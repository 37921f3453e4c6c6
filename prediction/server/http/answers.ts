import { AppError } from '#contracts';
import { explanationColumns, type ColumnDifferences, type RawRow, type RowPrediction } from '#scoring';
import type { ServedDeployment } from '../deployments.ts';
import type { AnswerEvents } from '../telemetry/telemetry.ts';
import { templateOf, type AnswerTemplate } from './answer-template.ts';
import { associationId, checkPassthrough } from './carried.ts';
import { csvAnswer } from './csv-answer.ts';
import { checkExplanations } from './explanations.ts';
import { refusal } from './humility.ts';
import { jsonAnswer } from './json-answer.ts';
import { checkProbabilities } from './probabilities.ts';
import type { InputRows } from './rows.ts';
import { scorerRows, type ScorerRows } from './scorer-rows.ts';
import { NAMED_COLUMNS_MAX } from './warnings.ts';

export type AnswerFormat = 'json' | 'csv';

/** What an answer is to have beside predictions. */
export interface Wanted {
  /** Features that each row's explanation names; 0 for none. */
  readonly top: number;
  /** Classes that a row's probabilities name, the most likely first; 0 for all in class order. */
  readonly likely: number;
  /** Columns of the request that each row of the answer has too. */
  readonly passthrough: readonly string[];
  /** The column whose cell is a row's association id, where the request has it. */
  readonly associationColumn: string;
}

/** An answer being made, some rows at a time, so that a large request does not hold up the others. */
export interface AnswerInProgress {
  readonly rowCount: number;
  /** Its rows take a hundred times longer. */
  readonly isExplained: boolean;
  /**
   * Predicts up to `rowCount` more rows; true when all are done.
   * @throws CELL_UNREADABLE naming row and column; VALIDATION_FAILED for a missing column where the deployment refuses it;
   *   PREDICTION_REFUSED where a humility rule does
   */
  advance(rowCount: number): boolean;
  /** The rows as they were sent. */
  readonly input: InputRows;
  readonly associationColumn: string;
  /** Rows for which each humility rule of the deployment has held until now; null: it has none. */
  readonly heldCounts: readonly number[] | null;
  text(): string;
}

/** Takes predicted rows one after the other and makes the text of an answer. */
export interface AnswerWriter {
  /**
   * @param odd what is odd about the row's columns
   * @param held bits of the humility rules that hold
   */
  add(index: number, row: RawRow, prediction: RowPrediction, odd: ColumnDifferences | null, held: number): void;
  text(): string;
}

/** Makes the writer of an answer's rows. */
export type WriterFactory = (template: AnswerTemplate, rows: ScorerRows, wanted: Wanted) => AnswerWriter;

const FACTORIES: Readonly<Record<AnswerFormat, WriterFactory>> = { json: jsonAnswer, csv: csvAnswer };

/**
 * Starts the answer for some rows.
 *
 * @param events told each predicted row; null: nobody is
 * @throws NOT_AVAILABLE for explanations of a model that was trained without them; TOO_MANY_ROWS, VALIDATION_FAILED see
 *   `checkExplanations`, `checkProbabilities`; PREDICTION_COLUMN_RESERVED, COLUMN_UNKNOWN for a column that cannot be passed through
 */
export function beginAnswer(
  served: ServedDeployment,
  input: InputRows,
  format: AnswerFormat,
  wanted: Wanted,
  events: AnswerEvents | null,
): AnswerInProgress {
  checkProbabilities(classCount(served), countOf(input), wanted.likely, format);
  return beginWriting(served, input, wanted, FACTORIES[format], events);
}

/** The same by any writer. @throws see {@link beginAnswer} */
export function beginWriting(
  served: ServedDeployment,
  input: InputRows,
  wanted: Wanted,
  factory: WriterFactory,
  events: AnswerEvents | null,
): AnswerInProgress {
  const template = templateOf(served);
  const { scorer, humility } = template;
  const { top, passthrough, associationColumn } = wanted;
  if (top > 0) checkExplanations(scorer, countOf(input), top);
  if (passthrough.length > 0) checkPassthrough(passthrough, [...template.columns, ...explainedColumns(top)]);
  const rows = scorerRows(scorer, input, new Set([associationColumn, ...passthrough]));
  const writer = factory(template, rows, wanted);
  const idOf = events === null ? null : rows.cells(associationColumn);
  const prediction = top > 0 ? template.explained() : template.prediction;
  const refuses = served.record.settings.missingColumns === 'refuse';
  const heldCounts = humility === null ? null : humility.rules.map(() => 0);
  let next = 0;
  return {
    rowCount: rows.count,
    isExplained: top > 0,
    input,
    associationColumn,
    heldCounts,
    advance: (rowCount) => {
      const end = Math.min(rows.count, next + rowCount);
      for (; next < end; next += 1) {
        const row = rows.row(next);
        scorer.scoreRow(row, prediction, next + 1);
        const odd = rows.differences(next, prediction);
        if (refuses && odd !== null && odd.missing.length > 0) throw missingColumns(next, odd.missing);
        const held = humility === null ? 0 : humility.judge(row, prediction);
        if (humility !== null && held !== 0) {
          if (heldCounts !== null) countHeld(heldCounts, held);
          if (humility.refuses(held)) throw refusal(humility, held, next);
        }
        writer.add(next, row, prediction, odd, held);
        events?.add(row, prediction, idOf === null ? null : associationId(idOf(next), associationColumn, next), held);
      }
      return next === rows.count;
    },
    text: () => writer.text(),
  };
}

function countHeld(counts: number[], held: number): void {
  for (let rule = 0; rule < counts.length; rule += 1)
    if ((held & (1 << rule)) !== 0) counts[rule] = (counts[rule] ?? 0) + 1;
}

/** Names of the columns that explanations add to a table of answers. */
export const explainedColumns = (top: number): readonly string[] =>
  top > 0 ? explanationColumns(top).map(({ name }) => name) : [];

const countOf = (input: InputRows): number => (input.kind === 'objects' ? input.rows.length : input.rowCount);

const classCount = ({ artifact }: ServedDeployment): number => artifact.manifest.content.classes.length;

function missingColumns(index: number, missing: readonly string[]): AppError {
  const names = missing.slice(0, NAMED_COLUMNS_MAX).map((name) => JSON.stringify(name));
  return new AppError('VALIDATION_FAILED', `row ${index + 1}: column ${names[0] ?? ''} is missing`, {
    errors: names.map((name) => ({ path: `row ${index + 1}, column ${name}`, message: 'is missing' })),
  });
}
