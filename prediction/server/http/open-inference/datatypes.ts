import { AppError, shapeOf } from '#contracts';

/** Types of tensor elements. @see Open Inference Protocol, `Tensor Data Types` */
const DATATYPES = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const;
export type Datatype = (typeof DATATYPES)[number];

export const isDatatype = (value: unknown): value is Datatype => DATATYPES.some((datatype) => datatype === value);

/**
 * An element as a cell: text of BYTES, true or false of BOOL, else a number; null is missing in all.
 *
 * @param row index from 0
 * @throws CELL_UNREADABLE naming row and column
 */
export function checkElement(
  element: unknown,
  row: number,
  { name, datatype }: { readonly name: string; readonly datatype: Datatype },
): unknown {
  if (element === null || isOf(element, datatype)) return element;
  const place = `row ${row + 1}, column ${JSON.stringify(name)}`;
  const message = `expected ${datatype}; found ${shapeOf(element)}`;
  throw new AppError('CELL_UNREADABLE', `${place}: ${message}`, {
    errors: [{ path: place, message }],
    details: { row: row + 1, column: name },
  });
}

function isOf(element: unknown, datatype: Datatype): boolean {
  if (datatype === 'BYTES') return typeof element === 'string';
  if (datatype === 'BOOL') return typeof element === 'boolean';
  if (typeof element !== 'number') return false;
  if (datatype.startsWith('FP')) return true;
  return Number.isInteger(element) && (element >= 0 || datatype.startsWith('INT'));
}
