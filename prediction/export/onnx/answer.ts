import type { ManifestContent } from '#contracts';
import { DEFAULT_THRESHOLD } from '#scoring';
import type { GraphBuilder, Value } from './graph-builder.ts';

/** Names of the outputs. */
export const ONNX_OUTPUTS = { prediction: 'prediction', probabilities: 'probabilities' } as const;

/** From raw scores, rows x outputs, to the outputs of the graph: see `writeProbabilities` and `predictedClass` of `scoring`. */
export function onnxAnswer(content: ManifestContent, raw: Value, builder: GraphBuilder): void {
  const { apply, number, output, constant } = builder;
  const { targetType, classes, link } = content;
  const { prediction, probabilities } = ONNX_OUTPUTS;
  if (targetType === 'regression') {
    const value = link === 'log' ? apply('Min', [apply('Exp', [raw]), number(Number.MAX_VALUE)]) : raw;
    output(value, { name: prediction, type: 'double', width: 1, description: 'the value' });
    return;
  }
  const { shares, index } = targetType === 'binary' ? binary(content, raw, builder) : multiclass(raw, builder);
  const label = apply('Gather', [constant({ type: 'string', dims: [classes.length], values: classes }), index]);
  output(label, { name: prediction, type: 'string', width: 1, description: 'the label' });
  const description = `probabilities of ${classes.map((one) => JSON.stringify(one)).join(', ')}`;
  output(shares, { name: probabilities, type: 'double', width: classes.length, description });
}

interface ClassAnswer {
  /** Rows x classes. */
  readonly shares: Value;
  /** Rows x 1: of the predicted class. */
  readonly index: Value;
}

function binary({ positiveClass, threshold }: ManifestContent, raw: Value, builder: GraphBuilder): ClassAnswer {
  const { apply, number, constant } = builder;
  const positive = positiveClass ?? 1;
  const probability = apply('Div', [number(1), apply('Add', [number(1), apply('Exp', [apply('Neg', [raw])])])]);
  const other = apply('Sub', [number(1), probability]);
  const isPositive = apply('GreaterOrEqual', [probability, number(threshold ?? DEFAULT_THRESHOLD)]);
  const place = (value: number): Value => constant({ type: 'int64', dims: [1, 1], values: [value] });
  return {
    shares: apply('Concat', positive === 1 ? [other, probability] : [probability, other], {
      axis: { kind: 'int', value: 1 },
    }),
    index: apply('Where', [isPositive, place(positive), place(1 - positive)]),
  };
}

function multiclass(raw: Value, { apply, constant }: GraphBuilder): ClassAnswer {
  const axis = constant({ type: 'int64', dims: [1], values: [1] });
  const weights = apply('Exp', [apply('Sub', [raw, apply('ReduceMax', [raw, axis])])]);
  const shares = apply('Div', [weights, apply('ReduceSum', [weights, axis])]);
  return { shares, index: apply('ArgMax', [shares], { axis: { kind: 'int', value: 1 } }) };
}
