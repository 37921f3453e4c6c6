import type { RowPrediction } from '#scoring';
import type { AnswerTemplate } from './answer-template.ts';
import { explainedColumns, type AnswerWriter, type Wanted } from './answers.ts';
import { carriedCsv } from './carried.ts';
import { csvCell } from '#runtime';
import { explanationsCsv } from './explanations.ts';
import { intervalColumns, intervalCsv } from './intervals.ts';
import { numberText } from './number-text.ts';
import { carriedCells, type ScorerRows } from './scorer-rows.ts';

/**
 * The columns that are passed through, `prediction`, then `lower` and `upper` of an interval or `probability_<label>` in class
 * order, `humility` where the deployment has rules, then `explanationColumns`. It has no place for warnings.
 *
 * @see RFC 4180
 */
export function csvAnswer(template: AnswerTemplate, rows: ScorerRows, { top, passthrough }: Wanted): AnswerWriter {
  const { scorer, columns } = template;
  const carried = passthrough.map((name) => ({ name, cells: carriedCells(rows, name) }));
  let text = `${[...passthrough, ...columns, ...explainedColumns(top)].map(csvCell).join(',')}\r\n`;
  return {
    add: (index, _row, prediction, _odd, held) => {
      for (const { name, cells } of carried) text += `${carriedCsv(cells(index), name, index)},`;
      text += `${csvLine(template, prediction, held)}${top > 0 ? explanationsCsv(scorer, prediction, top) : ''}\r\n`;
    },
    text: () => text,
  };
}

function csvLine(template: AnswerTemplate, prediction: RowPrediction, held: number): string {
  const { humility, intervals, csvLabels } = template;
  const override = humility?.override(held) ?? null;
  let line = override?.csv ?? csvLabels[prediction.classIndex] ?? numberText(prediction.prediction);
  line +=
    override === null
      ? intervalCsv(intervals, prediction)
      : intervalColumns(intervals)
          .map(() => ',')
          .join('');
  for (const probability of prediction.probabilities) line += `,${numberText(probability)}`;
  if (humility !== null) line += `,${csvCell(humility.heldNames(held))}`;
  return line;
}
