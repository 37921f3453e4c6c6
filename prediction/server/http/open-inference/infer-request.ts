import { AppError, EXPLANATION_FEATURES_MAX } from '#contracts';
import type { Wanted } from '../answers.ts';
import { ASSOCIATION_COLUMN } from '../carried.ts';
import { isObject, parseJson } from '../json-rows.ts';
import { tooManyColumns, tooManyRows } from '#runtime';
import type { RowLimits } from '../row-limits.ts';
import { decode, type TableRows } from '../rows.ts';
import { checkElement, isDatatype, type Datatype } from './datatypes.ts';

/** `inference_request` of the protocol as rows. */
export interface InferenceRequest {
  readonly id: string | null;
  readonly rows: TableRows;
  readonly wanted: Wanted;
  /** Names of the outputs that are asked for; null for all. */
  readonly outputs: readonly string[] | null;
}

/** What the tensors of a request are, one column each. */
interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly data: readonly unknown[];
  /** in the request, for messages */
  readonly path: string;
}

/**
 * Reads `inference_request`: an input tensor for each column, of shape [rows] or [rows, 1], its data flat or nested; null is a missing
 * value. `parameters.explanations` asks for the features of the largest parts.
 *
 * @throws INVALID_JSON, VALIDATION_FAILED naming the member, TOO_MANY_ROWS, TOO_MANY_COLUMNS, JSON_TOO_DEEP
 */
export function readInference(body: Buffer, limits: RowLimits): InferenceRequest {
  const request = parseJson(decode(body), limits);
  if (!isObject(request)) throw invalid('', 'must be an object with the member inputs');
  const { id = null, inputs, outputs, parameters = {} } = request;
  if (id !== null && typeof id !== 'string') throw invalid('/id', 'must be text');
  if (!isObject(parameters)) throw invalid('/parameters', 'must be an object');
  if (!Array.isArray(inputs) || inputs.length === 0)
    throw invalid('/inputs', 'must be an array of tensors, one a column');
  if (inputs.length > limits.columnsMax) throw tooManyColumns(limits.columnsMax, '/inputs');
  return {
    id,
    rows: tableOf(inputs.map(tensorOf), limits),
    wanted: {
      top: explanationsOf(parameters),
      likely: 0,
      passthrough: [],
      associationColumn: ASSOCIATION_COLUMN,
    },
    outputs: outputs === undefined ? null : outputNames(outputs),
  };
}

function tableOf(tensors: readonly Tensor[], { rowsMax }: RowLimits): TableRows {
  const [first] = tensors;
  const rowCount = first?.data.length ?? 0;
  if (rowCount > rowsMax) throw tooManyRows(rowsMax);
  const names = new Set<string>();
  for (const { name, data, path } of tensors) {
    if (names.has(name)) throw invalid(`${path}/name`, `the input ${JSON.stringify(name)} is there twice`);
    names.add(name);
    if (data.length !== rowCount)
      throw invalid(`${path}/shape`, `has ${data.length} rows, the first input has ${rowCount}`);
  }
  return {
    kind: 'table',
    header: tensors.map(({ name }) => name),
    rowCount,
    reader: (column) => {
      const tensor = tensors[column];
      return (row) => (tensor === undefined ? null : checkElement(tensor.data[row], row, tensor));
    },
  };
}

function tensorOf(tensor: unknown, index: number): Tensor {
  const path = `/inputs/${index}`;
  if (!isObject(tensor)) throw invalid(path, 'must be a tensor: {"name", "shape", "datatype", "data"}');
  const { name, shape, datatype, data } = tensor;
  if (typeof name !== 'string') throw invalid(`${path}/name`, 'must be text: the name of a column');
  if (!isDatatype(datatype))
    throw invalid(`${path}/datatype`, 'must be BOOL, BYTES, FP16 to FP64, INT8 to INT64 or UINT8 to UINT64');
  if (!Array.isArray(data)) throw invalid(`${path}/data`, 'must be an array of the tensor’s elements');
  const rowCount = rowCountOf(shape, `${path}/shape`);
  const flat: readonly unknown[] = data.some(Array.isArray) ? flattened(data, `${path}/data`) : data;
  if (flat.length !== rowCount)
    throw invalid(`${path}/data`, `has ${flat.length} elements, its shape says ${rowCount}`);
  return { name, datatype, data: flat, path };
}

/** Rows of a shape [rows] or [rows, 1]. */
function rowCountOf(shape: unknown, path: string): number {
  const isSize = (size: unknown): size is number => typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
  if (!Array.isArray(shape) || !shape.every(isSize)) throw invalid(path, 'must be an array of whole numbers');
  const [rows, columns = 1] = shape;
  if (rows === undefined || columns !== 1 || shape.length > 2)
    throw invalid(path, `must be [rows] or [rows, 1], one input for each column; found [${shape.join(', ')}]`);
  return rows;
}

function flattened(data: readonly unknown[], path: string): unknown[] {
  return data.map((element, row) => {
    if (!Array.isArray(element)) return element;
    const [only] = element as readonly unknown[]; // isArray says so
    if (element.length === 1 && !Array.isArray(only)) return only;
    throw invalid(`${path}/${row}`, 'must be one element, or an array of one');
  });
}

function explanationsOf({ explanations: top = 0 }: Readonly<Record<string, unknown>>): number {
  if (typeof top === 'number' && Number.isInteger(top) && top >= 0 && top <= EXPLANATION_FEATURES_MAX) return top;
  throw invalid('/parameters/explanations', `must be a whole number from 0 to ${EXPLANATION_FEATURES_MAX}`);
}

function outputNames(outputs: unknown): string[] {
  if (!Array.isArray(outputs)) throw invalid('/outputs', 'must be an array of {"name"}');
  return outputs.map((output: unknown, index) => {
    if (isObject(output) && typeof output['name'] === 'string') return output['name'];
    throw invalid(`/outputs/${index}`, 'must be {"name"}');
  });
}

function invalid(path: string, message: string): AppError {
  return new AppError('VALIDATION_FAILED', `body: ${path === '' ? '' : `${path} `}${message}`, {
    errors: [{ path: path === '' ? '/' : path, message }],
  });
}
