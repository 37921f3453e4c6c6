import {
  explanationCells,
  explanationColumns,
  explainedOutput,
  explanationOf,
  intervalOf,
  type RowPrediction,
} from '#scoring';
import type { AnswerTemplate } from '../answer-template.ts';
import { HUMILITY_COLUMN, type Humility } from '../humility.ts';
import { numberText } from '../number-text.ts';

/** A column of an answer as a tensor of one value a row. */
export interface OutputTensor {
  readonly name: string;
  readonly datatype: 'FP64' | 'BYTES';
  /** JSON text of a row's value. @param held bits of the humility rules that hold */
  readonly valueOf: (prediction: RowPrediction, row: number, held: number) => string;
}

/** The columns that a CSV answer would have, `prediction` first. @param top features that explanations name; 0 for none */
export function outputTensors(template: AnswerTemplate, top: number): readonly OutputTensor[] {
  const { scorer, quoted, intervals, humility } = template;
  const { content } = scorer.manifest;
  const isClassifier = quoted.length > 0;
  const overrideOf = (held: number) => humility?.override(held) ?? null;
  const isOverridden = (held: number): boolean => overrideOf(held) !== null;
  const bound = (name: 'lower' | 'upper'): OutputTensor => ({
    name,
    datatype: 'FP64',
    valueOf: ({ prediction }, _row, held) =>
      intervals === undefined || typeof prediction !== 'number' || isOverridden(held)
        ? 'null'
        : numberText(intervalOf(intervals, prediction)[name]),
  });
  return [
    {
      name: 'prediction',
      datatype: isClassifier ? 'BYTES' : 'FP64',
      valueOf: ({ classIndex, prediction }, _row, held) =>
        overrideOf(held)?.json ?? quoted[classIndex] ?? numberText(prediction),
    },
    ...(intervals === undefined ? [] : [bound('lower'), bound('upper')]),
    ...content.classes.map((label, index): OutputTensor => ({
      name: `probability_${label}`,
      datatype: 'FP64',
      valueOf: ({ probabilities }) => numberText(probabilities[index]),
    })),
    ...(humility === null ? [] : [heldTensor(humility)]),
    ...explanationTensors(template, top),
  ];
}

const heldTensor = (humility: Humility): OutputTensor => ({
  name: HUMILITY_COLUMN,
  datatype: 'BYTES',
  valueOf: (_prediction, _row, held) => JSON.stringify(humility.heldNames(held)),
});

function explanationTensors({ scorer }: AnswerTemplate, top: number): readonly OutputTensor[] {
  if (top === 0) return [];
  const { content } = scorer.manifest;
  let explainedRow = -1;
  let cells: readonly (string | number | null)[] = [];
  // The first tensor that is asked for of a row explains it, the others find its cells.
  return explanationColumns(top).map(({ name, kind }, index) => ({
    name,
    datatype: kind === 'text' ? 'BYTES' : 'FP64',
    valueOf: (prediction, row) => {
      if (row !== explainedRow) {
        const output = explainedOutput(content, prediction.classIndex);
        cells = explanationCells(explanationOf(scorer.explainer(), prediction, output, top), top);
        explainedRow = row;
      }
      return JSON.stringify(cells[index] ?? null);
    },
  }));
}
