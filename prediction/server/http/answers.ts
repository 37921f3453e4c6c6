import { AppError, type PredictionIntervals } from '#contracts';
import {
  explanationColumns,
  type ColumnDifferences,
  type RawRow,
  type RowPrediction,
  type Scorer,
  withThreshold,
} from '#scoring';
import type { ServedDeployment } from '../deployments.ts';
import { csvCell } from './csv.ts';
import { checkExplanations, explanationsCsv, explanationsJson } from './explanations.ts';
import { intervalColumns, intervalCsv, intervalJson } from './intervals.ts';
import { checkProbabilities, mostLikely } from './probabilities.ts';
import type { InputRows, ObjectRow } from './rows.ts';
import { NAMED_COLUMNS_MAX, warningsJson } from './warnings.ts';

export type AnswerFormat = 'json' | 'csv';

/** An answer being made, some rows at a time, so that a large request does not hold up the others. */
export interface AnswerInProgress {
  /**
   * Predicts up to `rowCount` more rows; true when all are done.
   * @throws CELL_UNREADABLE naming row and column; VALIDATION_FAILED for a missing column where the deployment refuses it
   */
  advance(rowCount: number): boolean;
  /**
   * JSON: `{deploymentId, modelId, data: [{rowIndex, prediction, interval?, probabilities?, explanations?, warnings?}]}`.
   * CSV: `prediction`, then `lower` and `upper` of an interval, or `probability_<label>` in class order, then `explanationColumns`.
   */
  text(): string;
}

/** The parts of a deployment's answers that never change. */
interface Template {
  /** With the threshold of the deployment. */
  readonly scorer: Scorer;
  readonly intervals: PredictionIntervals | undefined;
  readonly head: string;
  /** JSON texts of the labels */
  readonly quoted: readonly string[];
  /** without explanations and line end */
  readonly csvHead: string;
  readonly csvLabels: readonly string[];
  /** Shared by answers that are made in one go. */
  readonly prediction: RowPrediction;
  /** The same for explained rows; made when the first one is asked for. */
  explained: RowPrediction | null;
}

const templates = new WeakMap<ServedDeployment, Template>();

function templateOf(served: ServedDeployment): Template {
  let template = templates.get(served);
  if (template !== undefined) return template;
  const { record, artifact } = served;
  const scorer = withThreshold(artifact.scorer, record.settings.threshold);
  const { classes } = scorer.manifest.content;
  template = {
    scorer,
    intervals: record.intervals,
    head: `{"deploymentId":${JSON.stringify(record.deploymentId)},"modelId":${JSON.stringify(record.modelId)},"data":[`,
    quoted: classes.map((label) => JSON.stringify(label)),
    csvHead: ['prediction', ...intervalColumns(record.intervals), ...classes.map((label) => `probability_${label}`)]
      .map(csvCell)
      .join(','),
    csvLabels: classes.map(csvCell),
    prediction: scorer.createPrediction(),
    explained: null,
  };
  templates.set(served, template);
  return template;
}

/**
 * Starts the answer for some rows.
 *
 * @param top features that each row's explanation names; 0 for none
 * @param likely classes that a row's probabilities name, the most likely first; 0 for all in class order
 * @throws NOT_AVAILABLE for explanations of a model that was trained without them; TOO_MANY_ROWS, VALIDATION_FAILED see
 *   `checkExplanations`, `checkProbabilities`
 */
export function beginAnswer(
  served: ServedDeployment,
  input: InputRows,
  format: AnswerFormat,
  top: number,
  likely: number,
): AnswerInProgress {
  const template = templateOf(served);
  const { scorer } = template;
  checkProbabilities(template.quoted.length, input.rows.length, likely, format);
  if (top > 0) checkExplanations(scorer, input.rows.length, top);
  // The shared prediction is filled and read within one step, and nothing comes between.
  const prediction = top > 0 ? (template.explained ??= scorer.createPrediction(true)) : template.prediction;
  const rows = input.kind === 'objects' ? objectRows(scorer, input.rows) : tableRows(scorer, input);
  const refuses = served.record.settings.missingColumns === 'refuse';
  let text = format === 'json' ? template.head : csvHead(template, top);
  let next = 0;
  return {
    advance: (rowCount) => {
      const end = Math.min(rows.count, next + rowCount);
      for (; next < end; next += 1) {
        const row = rows.row(next);
        scorer.scoreRow(row, prediction, next + 1);
        const odd = rows.differences(next, prediction);
        if (refuses && odd !== null && odd.missing.length > 0) throw missingColumns(next, odd.missing);
        if (format === 'csv') {
          const more = top > 0 ? explanationsCsv(scorer, prediction, top) : '';
          text += `${csvLine(template, prediction)}${more}\r\n`;
        } else {
          const more = top > 0 ? `,"explanations":${explanationsJson(scorer, prediction, top)}` : '';
          const isOdd = odd !== null || prediction.unseenLevelCount > 0;
          const warnings = isOdd ? `,"warnings":${warningsJson(odd, scorer.unseenLevels(row, prediction))}` : '';
          text += `${next === 0 ? '' : ','}${jsonRow(template, prediction, next, likely)}${more}${warnings}}`;
        }
      }
      return next === rows.count;
    },
    text: () => (format === 'json' ? `${text}]}` : text),
  };
}

/** Rows as the scorer takes them, and what is odd about their columns. */
interface ScorerRows {
  readonly count: number;
  row(index: number): RawRow;
  /** Null when all columns are known and none is missing. */
  differences(index: number, prediction: RowPrediction): ColumnDifferences | null;
}

function objectRows(scorer: Scorer, rows: readonly ObjectRow[]): ScorerRows {
  let lastNames: readonly string[] = [];
  let last: ColumnDifferences | null = null;
  return {
    count: rows.length,
    row: (index) => rows[index] ?? {},
    differences: (index, { missingColumnCount, unknownColumnCount }) => {
      if (missingColumnCount === 0 && unknownColumnCount === 0) return null;
      const names = Object.keys(rows[index] ?? {});
      // Rows of one sender mostly have the same columns.
      if (last === null || names.length !== lastNames.length || names.some((name, i) => name !== lastNames[i])) {
        lastNames = names;
        last = scorer.columnDifferences(names);
      }
      return last;
    },
  };
}

function tableRows(scorer: Scorer, { header, rows }: Extract<InputRows, { kind: 'table' }>): ScorerRows {
  const { features } = scorer.manifest.content;
  const columnOf = new Map(header.map((name, column) => [name, column]));
  const columns = features.map((feature) => columnOf.get(feature.name) ?? -1);
  const cells = new Array<string | undefined>(features.length);
  const found = scorer.columnDifferences(header);
  const differences = found.missing.length === 0 && found.unknown.length === 0 ? null : found;
  return {
    count: rows.length,
    row: (index) => {
      const row = rows[index] ?? [];
      for (let feature = 0; feature < columns.length; feature += 1) {
        const column = columns[feature] ?? -1;
        cells[feature] = column < 0 ? undefined : row[column];
      }
      return cells;
    },
    differences: () => differences,
  };
}

function csvHead({ csvHead: head }: Template, top: number): string {
  const columns = top > 0 ? explanationColumns(top).map(({ name }) => `,${name}`) : [];
  return `${head}${columns.join('')}\r\n`;
}

/** A row without its end. */
function jsonRow(template: Template, prediction: RowPrediction, index: number, likely: number): string {
  const { quoted } = template;
  let text = `{"rowIndex":${index},"prediction":${quoted[prediction.classIndex] ?? numberText(prediction.prediction)}`;
  text += intervalJson(template.intervals, prediction);
  if (quoted.length > 0) {
    const member = (label: number): string => `${quoted[label] ?? ''}:${numberText(prediction.probabilities[label])}`;
    text += ',"probabilities":{';
    if (likely > 0) text += mostLikely(prediction, likely).map(member).join(',');
    else for (let label = 0; label < quoted.length; label += 1) text += `${label === 0 ? '' : ','}${member(label)}`;
    text += '}';
  }
  return text;
}

function csvLine(template: Template, prediction: RowPrediction): string {
  let line = template.csvLabels[prediction.classIndex] ?? numberText(prediction.prediction);
  line += intervalCsv(template.intervals, prediction);
  for (const probability of prediction.probabilities) line += `,${numberText(probability)}`;
  return line;
}

/** JSON has no infinities; a model of finite leaves gives none, so one is our fault. */
function numberText(value: string | number | undefined): string {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw new AppError('INTERNAL', `a prediction is ${value ?? 'missing'}`);
}

function missingColumns(index: number, missing: readonly string[]): AppError {
  const names = missing.slice(0, NAMED_COLUMNS_MAX).map((name) => JSON.stringify(name));
  return new AppError('VALIDATION_FAILED', `row ${index + 1}: column ${names[0] ?? ''} is missing`, {
    errors: names.map((name) => ({ path: `row ${index + 1}, column ${name}`, message: 'is missing' })),
  });
}
