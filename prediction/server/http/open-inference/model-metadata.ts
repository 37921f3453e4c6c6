import type { ParseRule } from '#contracts';
import type { ServedDeployment } from '../../deployments.ts';
import { templateOf } from '../answer-template.ts';
import { outputTensors } from './output-tensors.ts';

/** What a tensor of rows is: one value a row. */
interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** `metadata_model_response` of the protocol: an input for each feature that the model reads, one value a row. */
export function modelMetadata(served: ServedDeployment): unknown {
  const { record } = served;
  const template = templateOf(served);
  const { content } = template.scorer.manifest;
  const inputs = new Set(template.scorer.inputFeatures);
  return {
    name: record.deploymentId,
    versions: [record.modelId],
    platform: 'trainyard',
    inputs: content.features
      .filter(({ name }) => inputs.has(name))
      .map(({ name, parse }) => tensor(name, typeOf(parse))),
    outputs: outputTensors(template, 0).map(({ name, datatype }) => tensor(name, datatype)),
  };
}

const tensor = (name: string, datatype: string): TensorMetadata => ({ name, datatype, shape: [-1] });

/** Any other type whose values a cell of the feature may be is taken too. */
const typeOf = ({ kind }: ParseRule): string => (kind === 'number' ? 'FP64' : 'BYTES');
