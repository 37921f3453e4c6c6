import { bytesField, integerField, messageField, packedIntegers, textField, type Message } from './protobuf.ts';

/**
 * Messages of ONNX. The numbers of fields and of element types are those of onnx.proto, which never change their meaning.
 *
 * @see https://github.com/onnx/onnx/blob/v1.17.0/onnx/onnx.proto (IR version 10)
 */
const IR_VERSION = 10;
/** Operators that are used, and the version in which they are meant: ai.onnx.ml 5 is the first with trees of doubles. */
const OPERATOR_SETS = [
  ['', 21],
  ['ai.onnx.ml', 5],
] as const;

export const ML_DOMAIN = 'ai.onnx.ml';

/** TensorProto.DataType */
const ELEMENT_TYPES = { uint8: 2, int64: 7, string: 8, bool: 9, double: 11 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;
/** What Cast takes for int64. */
export const INT64 = ELEMENT_TYPES.int64;

/** A constant. Row-major; texts and numbers by type. */
export type Tensor =
  | {
      readonly type: 'double' | 'int64' | 'uint8';
      readonly dims: readonly number[];
      readonly values: readonly number[];
    }
  | { readonly type: 'string'; readonly dims: readonly number[]; readonly values: readonly string[] };

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly values: readonly number[] }
  | { readonly kind: 'strings'; readonly values: readonly string[] }
  | { readonly kind: 'tensor'; readonly tensor: Tensor };

export interface GraphNode {
  readonly operator: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A named tensor of the graph: rows x `width`, the number of rows being open. */
export interface GraphValue {
  readonly name: string;
  readonly type: ElementType;
  readonly width: number;
  readonly description: string;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly { readonly name: string; readonly tensor: Tensor }[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
}

/** ModelProto. @param properties what `metadata_props` says */
export const modelMessage = (
  graph: Graph,
  producerVersion: string,
  properties: Readonly<Record<string, string>>,
): Message => [
  ...integerField(1, IR_VERSION),
  ...textField(2, 'trainyard'),
  ...textField(3, producerVersion),
  ...messageField(7, graphMessage(graph)),
  ...OPERATOR_SETS.flatMap(([domain, version]) =>
    messageField(8, [...textField(1, domain), ...integerField(2, version)]),
  ),
  ...Object.entries(properties).flatMap(([key, value]) =>
    messageField(14, [...textField(1, key), ...textField(2, value)]),
  ),
];

const graphMessage = ({ nodes, constants, inputs, outputs }: Graph): Message => [
  ...nodes.flatMap((node) => messageField(1, nodeMessage(node))),
  ...textField(2, 'model'),
  ...constants.flatMap(({ name, tensor }) => messageField(5, [...tensorMessage(tensor), ...textField(8, name)])),
  ...inputs.flatMap((value) => messageField(11, valueMessage(value))),
  ...outputs.flatMap((value) => messageField(12, valueMessage(value))),
];

const nodeMessage = ({ operator, domain, inputs, outputs, attributes }: GraphNode): Message => [
  ...inputs.flatMap((name) => textField(1, name)),
  ...outputs.flatMap((name) => textField(2, name)),
  ...textField(4, operator),
  ...Object.entries(attributes).flatMap(([name, attribute]) =>
    messageField(5, [...textField(1, name), ...attributeMessage(attribute)]),
  ),
  ...textField(7, domain),
];

/** AttributeProto: the value, then its type (field 20). */
function attributeMessage(attribute: Attribute): Message {
  switch (attribute.kind) {
    case 'int':
      return [...integerField(3, attribute.value), ...integerField(20, 2)];
    case 'ints':
      return [...packedIntegers(8, attribute.values), ...integerField(20, 7)];
    case 'strings':
      return [...attribute.values.flatMap((text) => textField(9, text)), ...integerField(20, 8)];
    case 'tensor':
      return [...messageField(5, tensorMessage(attribute.tensor)), ...integerField(20, 4)];
  }
}

/** TensorProto: numbers as raw little-endian bytes (field 9), texts as `string_data` (field 6). */
function tensorMessage(tensor: Tensor): Message {
  const head = [...packedIntegers(1, tensor.dims), ...integerField(2, ELEMENT_TYPES[tensor.type])];
  switch (tensor.type) {
    case 'string':
      return [...head, ...tensor.values.flatMap((text) => textField(6, text))];
    case 'double':
      return [...head, ...bytesField(9, bytesOf(Float64Array.from(tensor.values)))];
    case 'int64':
      return [...head, ...bytesField(9, bytesOf(BigInt64Array.from(tensor.values, BigInt)))];
    case 'uint8':
      return [...head, ...bytesField(9, Uint8Array.from(tensor.values))];
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float64Array | BigInt64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** ValueInfoProto with a TypeProto.Tensor of shape (rows, width). */
const valueMessage = ({ name, type, width, description }: GraphValue): Message => [
  ...textField(1, name),
  ...messageField(
    2,
    messageField(1, [
      ...integerField(1, ELEMENT_TYPES[type]),
      ...messageField(2, [...messageField(1, textField(2, 'rows')), ...messageField(1, integerField(1, width))]),
    ]),
  ),
  ...textField(3, description),
];
