import { AppError, type OffsetKind } from '#contracts';
import { unsupported, type PortableMember, type PortableModel } from '../model/portable-model.ts';
import { ONNX_OUTPUTS, onnxAnswer } from './answer.ts';
import { onnxColumns } from './columns.ts';
import { graphBuilder, type GraphBuilder, type Value } from './graph-builder.ts';
import { onnxInput, type OnnxInput } from './inputs.ts';
import { onnxLinear } from './linear.ts';
import { modelMessage } from './messages.ts';
import { joined } from './protobuf.ts';
import { onnxTrees } from './trees.ts';

/** Largest magnitude of an offset or exposure: see `offsetOf` of `scoring`. */
const OFFSET_MAX = 1e100;

/**
 * A model as the bytes of an ONNX file (IR version 10; ai.onnx 21, ai.onnx.ml 5), in doubles throughout. Its inputs are the features that
 * the model reads, each rows x 1 (see `onnxInput`); its outputs `prediction` and, of classes, `probabilities`. A row that scoring
 * refuses, for an offset that it lacks, has NaN.
 *
 * @param version of the program, which the file tells
 * @throws EXPORT_UNSUPPORTED naming what cannot be said in ONNX
 */
export function writeOnnx(model: PortableModel, version: string): Uint8Array {
  const { content, contentHash } = model;
  checkNames(model);
  const builder = graphBuilder();
  const inputs = new Map(model.inputs.map((input) => [input.index, onnxInput(input, builder)]));
  const matrix = onnxColumns(model, inputs, builder);
  const raw = blended(
    model.members,
    model.members.map((member) => rawScores(member, matrix, builder)),
    builder,
  );
  onnxAnswer(content, finished(model, raw, inputs, builder), builder);
  const properties = { contentHash, classes: JSON.stringify(content.classes) };
  return joined(modelMessage(builder.graph(), version, properties));
}

function checkNames({ inputs }: PortableModel): void {
  if (inputs.length === 0) throw unsupported('the model reads no feature, and a graph without inputs has no rows');
  const outputs: readonly string[] = Object.values(ONNX_OUTPUTS);
  for (const { feature } of inputs) {
    const { name } = feature;
    if (name === '' || outputs.includes(name) || /\p{Cc}/u.test(name))
      throw unsupported(`feature ${JSON.stringify(name)} cannot be called so in a graph`);
  }
}

function rawScores(member: PortableMember, matrix: ReadonlyMap<number, Value>, builder: GraphBuilder): Value {
  switch (member.kind) {
    case 'constant':
      return builder.constant({ type: 'double', dims: [1, member.scores.length], values: [...member.scores] });
    case 'trees':
      return onnxTrees(member.trees, member.columns, matrix, builder);
    case 'linear':
      return onnxLinear(member.linear, member.columns, matrix, builder);
  }
}

/** Weighted sums in the order of members; a single one of weight 1 as it is. */
function blended(members: readonly PortableMember[], raw: readonly Value[], { apply, number }: GraphBuilder): Value {
  const [only] = raw;
  if (only === undefined) throw new AppError('INTERNAL', 'a model without members was to be exported');
  if (members.length === 1 && members[0]?.weight === 1) return only;
  const shares = raw.map((score, index) => apply('Mul', [number(members[index]?.weight ?? NaN), score]));
  return shares.reduce((sum, share) => apply('Add', [sum, share]));
}

/** Calibrated, with what rows bring along. */
function finished(
  { content }: PortableModel,
  raw: Value,
  inputs: ReadonlyMap<number, OnnxInput>,
  { apply, number }: GraphBuilder,
): Value {
  const { calibration, offsets = [], steps } = content;
  let score = raw;
  if (calibration !== undefined)
    score = apply('Add', [apply('Mul', [number(calibration.slope), score]), number(calibration.intercept)]);
  for (const { kind, step } of offsets) {
    const value = inputs.get(steps[step]?.feature ?? -1)?.number;
    if (value === undefined || value === null)
      throw new AppError('INTERNAL', `the ${kind} of step ${step} is no number among the inputs`);
    score = apply('Add', [score, offsetValue(kind, value)]);
  }
  return score;

  function offsetValue(kind: OffsetKind, value: Value): Value {
    const isAtMost = apply('LessOrEqual', [apply('Abs', [value]), number(OFFSET_MAX)]);
    if (kind === 'offset') return apply('Where', [isAtMost, value, number(NaN)]);
    const isValid = apply('And', [isAtMost, apply('Greater', [value, number(0)])]);
    return apply('Where', [isValid, apply('Log', [value]), number(NaN)]);
  }
}
