import type { RowPrediction } from '#scoring';
import type { AnswerTemplate } from './answer-template.ts';
import type { AnswerWriter, Wanted } from './answers.ts';
import { associationId, carriedJson } from './carried.ts';
import { explanationsJson } from './explanations.ts';
import { intervalJson } from './intervals.ts';
import { numberText } from './number-text.ts';
import { mostLikely } from './probabilities.ts';
import { carriedCells, type ScorerRows } from './scorer-rows.ts';
import { warningsJson } from './warnings.ts';

/**
 * `{deploymentId, modelId, data: [{rowIndex, prediction, interval?, probabilities?, explanations?, warnings?, humility?,
 * associationId?, passthrough?}]}`.
 */
export function jsonAnswer(template: AnswerTemplate, rows: ScorerRows, wanted: Wanted): AnswerWriter {
  const { scorer, humility } = template;
  const { top, likely, associationColumn } = wanted;
  const idOf = rows.cells(associationColumn);
  const passthrough = wanted.passthrough.map((name) => ({ name, cells: carriedCells(rows, name) }));
  let text = template.jsonHead;
  return {
    add: (index, row, prediction, odd, held) => {
      text += `${index === 0 ? '' : ','}${jsonRow(template, prediction, index, likely, held)}`;
      if (top > 0) text += `,"explanations":${explanationsJson(scorer, prediction, top)}`;
      if (odd !== null || prediction.unseenLevelCount > 0)
        text += `,"warnings":${warningsJson(odd, scorer.unseenLevels(row, prediction))}`;
      if (humility !== null && held !== 0) text += `,"humility":${humility.heldJson(held, prediction)}`;
      const id = idOf === null ? null : associationId(idOf(index), associationColumn, index);
      if (id !== null) text += `,"associationId":${JSON.stringify(id)}`;
      if (passthrough.length > 0) {
        const members = passthrough.map(
          ({ name, cells }) => `${JSON.stringify(name)}:${carriedJson(cells(index), name, index)}`,
        );
        text += `,"passthrough":{${members.join(',')}}`;
      }
      text += '}';
    },
    text: () => `${text}]}`,
  };
}

/** A row without its end. */
function jsonRow(
  template: AnswerTemplate,
  prediction: RowPrediction,
  index: number,
  likely: number,
  held: number,
): string {
  const { quoted, humility } = template;
  const override = humility?.override(held) ?? null;
  let text = `{"rowIndex":${index},"prediction":${override?.json ?? quoted[prediction.classIndex] ?? numberText(prediction.prediction)}`;
  // The interval is one of the model's prediction.
  if (override === null) text += intervalJson(template.intervals, prediction);
  if (quoted.length > 0) {
    const member = (label: number): string => `${quoted[label] ?? ''}:${numberText(prediction.probabilities[label])}`;
    text += ',"probabilities":{';
    if (likely > 0) text += mostLikely(prediction, likely).map(member).join(',');
    else for (let label = 0; label < quoted.length; label += 1) text += `${label === 0 ? '' : ','}${member(label)}`;
    text += '}';
  }
  return text;
}
