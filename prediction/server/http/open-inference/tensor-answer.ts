import { AppError } from '#contracts';
import type { AnswerTemplate } from '../answer-template.ts';
import type { AnswerWriter, Wanted } from '../answers.ts';
import { warningsJson } from '../warnings.ts';
import type { InferenceRequest } from './infer-request.ts';
import { outputTensors } from './output-tensors.ts';

/** Rows whose warnings an answer names. */
const WARNED_ROWS_MAX = 20;

/**
 * `inference_response` of the protocol: one tensor a column of the answer, `prediction` first. Warnings are in its `parameters`, of
 * the first rows that have any.
 *
 * @throws VALIDATION_FAILED for an output that is asked for and not there
 */
export function tensorAnswer(
  template: AnswerTemplate,
  rowCount: number,
  { top }: Wanted,
  { id, outputs }: Pick<InferenceRequest, 'id' | 'outputs'>,
): AnswerWriter {
  const { scorer, served } = template;
  const all = outputTensors(template, top);
  const chosen =
    outputs?.map((name, index) => all.find((tensor) => tensor.name === name) ?? unknownOutput(name, index)) ?? all;
  const data = chosen.map(() => '');
  const warnings: string[] = [];
  return {
    add: (index, row, prediction, odd, held) => {
      for (const [place, { valueOf }] of chosen.entries())
        data[place] = `${data[place] ?? ''}${index === 0 ? '' : ','}${valueOf(prediction, index, held)}`;
      if ((odd !== null || prediction.unseenLevelCount > 0) && warnings.length < WARNED_ROWS_MAX)
        warnings.push(`{"rowIndex":${index},"warnings":${warningsJson(odd, scorer.unseenLevels(row, prediction))}}`);
    },
    text: () => {
      const tensors = chosen.map(
        ({ name, datatype }, place) =>
          `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${rowCount}],"data":[${data[place] ?? ''}]}`,
      );
      const head = {
        model_name: served.record.deploymentId,
        model_version: served.record.modelId,
        ...(id === null ? {} : { id }),
      };
      const parameters = warnings.length === 0 ? '' : `"parameters":{"warnings":[${warnings.join(',')}]},`;
      return `${JSON.stringify(head).slice(0, -1)},${parameters}"outputs":[${tensors.join(',')}]}`;
    },
  };
}

function unknownOutput(name: string, index: number): never {
  const path = `/outputs/${index}/name`;
  const message = `there is no output ${JSON.stringify(name)}`;
  throw new AppError('VALIDATION_FAILED', `${path}: ${message}`, { errors: [{ path, message }] });
}
