import {
  AppError,
  type BatchSource,
  type Column,
  type ColumnBatch,
  type OffsetKind,
  type TargetSpec,
  type TrainTask,
} from '#contracts';
import { OFFSET_NEEDS, featureDecoder, keyTable, offsetOf } from '#scoring';
import { indicesWhere } from '#statistics';
import { classIndices, type ClassIndices, type KeyColumn } from '../partition/types.ts';
import { firstEqualRows } from './equal-rows.ts';
import { asCategory, storedColumn } from './task-columns.ts';

/** What is known of every row beside its features. */
export interface TargetRows {
  readonly rowCount: number;
  /** Class index of each row; null for regression. */
  readonly classes: ClassIndices | null;
  /** Value of each row; null for classification. */
  readonly values: Float64Array | null;
  readonly weights: Float64Array | null;
  /** What each offset and exposure adds to a row's raw score. */
  readonly offsets: readonly TargetOffset[];
  /** Group or partition column, or the series of a partitioning by date. */
  readonly key: KeyColumn | null;
  /** The first row that each row equals, where equal rows stay together; else null. */
  readonly first: Uint32Array | null;
  /** Seconds since 1970, of a date that parts rows. */
  readonly times: Float64Array | null;
}

/** Of a row: its value, or the logarithm of its exposure. */
export interface TargetOffset {
  readonly kind: OffsetKind;
  readonly name: string;
  readonly values: Float64Array;
}

/** The offset and the exposure of a target, in the order in which they are added. */
export function offsetColumns({ offsetColumn, exposureColumn }: TargetSpec): { kind: OffsetKind; name: string }[] {
  return [
    ...(offsetColumn === undefined ? [] : [{ kind: 'offset' as const, name: offsetColumn }]),
    ...(exposureColumn === undefined ? [] : [{ kind: 'exposure' as const, name: exposureColumn }]),
  ];
}

/** What all offsets add to the raw score of the rows that `wanted` names, in row order; null without any. */
export function offsetsOf(rows: TargetRows, wanted: (row: number) => boolean): Float64Array | null {
  return rows.offsets.length === 0 ? null : offsetsAt(rows, indicesWhere(rows.rowCount, wanted));
}

/** The same of rows with these numbers. */
export function offsetsAt({ offsets }: TargetRows, numbers: ArrayLike<number>): Float64Array | null {
  if (offsets.length === 0) return null;
  return Float64Array.from(numbers, (row) => offsets.reduce((sum, { values }) => sum + (values[row] ?? NaN), 0));
}

/**
 * One pass over target, weight, offset, exposure and partition column; another one over the features where equal rows stay together.
 *
 * @throws TARGET_HAS_MISSING, TARGET_NOT_FINITE, OFFSET_INVALID, DATASET_CHANGED where the data is not what the plan was made from
 */
export async function readTargetRows(
  task: Pick<TrainTask, 'table' | 'target' | 'weightColumn' | 'partitioning'>,
  source: BatchSource,
  signal?: AbortSignal,
): Promise<TargetRows> {
  const { target, weightColumn, partitioning } = task;
  const { rowCount } = source;
  const isRegression = target.targetType === 'regression';
  const classes = isRegression ? null : classIndices(rowCount, target.classes.length);
  const values = isRegression ? new Float64Array(rowCount) : null;
  const weights = weightColumn === null ? null : new Float64Array(rowCount);
  const isByDate = partitioning.method === 'date';
  const keyColumn = isByDate ? (partitioning.dates?.series?.column ?? null) : partitioning.column;
  const key = keyColumn === null ? null : keyReader(task, keyColumn, rowCount);
  const times = isByDate ? new Float64Array(rowCount) : null;
  const readClass = classReader(target);
  const offsets = offsetColumns(target).map((column) => ({ ...column, values: new Float64Array(rowCount) }));
  const request = [
    { name: target.name, view: isRegression ? ('number' as const) : ('dictionary' as const) },
    ...(weightColumn === null ? [] : [{ name: weightColumn, view: 'number' as const }]),
    ...offsets.map(({ name }) => ({ name, view: 'number' as const })),
    ...(isByDate ? [{ name: partitioning.column ?? '', view: 'number' as const }] : []),
    ...(keyColumn === null ? [] : [{ name: keyColumn, view: 'dictionary' as const }]),
  ];
  for await (const batch of source.batches(request, signal)) {
    const { firstRow } = batch;
    const targetColumn = columnOf(batch, 0);
    if (classes !== null) readClass(targetColumn, batch, classes);
    if (values !== null) copyFinite(targetColumn, batch, values, target.name, 'TARGET_NOT_FINITE');
    if (weights !== null && weightColumn !== null)
      copyFinite(columnOf(batch, 1), batch, weights, weightColumn, 'DATASET_CHANGED');
    for (const [index, offset] of offsets.entries())
      copyOffset(columnOf(batch, (weights === null ? 1 : 2) + index), batch, offset);
    if (key !== null) key.read(columnOf(batch, request.length - 1), batch.rowCount, firstRow);
    if (times !== null) copyTimes(columnOf(batch, request.length - (key === null ? 1 : 2)), batch, times);
  }
  const { duplicates } = partitioning;
  const first = duplicates === undefined ? null : await firstEqualRows(task, duplicates, source, signal);
  return { rowCount, classes, values, weights, offsets, key: key?.column() ?? null, first, times };
}

/** What a part of the training rows is dealt by, so that what stays together in partitions does in parts of them: a key, or the row itself. */
export function dealtBy(
  { partitioning }: Pick<TrainTask, 'partitioning'>,
  { key, first }: Pick<TargetRows, 'key' | 'first'>,
): (row: number) => number {
  const together = partitioning.method === 'group' ? key?.codes : first;
  return (row) => together?.[row] ?? row;
}

function columnOf(batch: ColumnBatch, index: number): Column {
  const column = batch.columns[index];
  if (column === undefined)
    throw new AppError('INTERNAL', `a batch has ${batch.columns.length} columns, expected more than ${index}`);
  return column;
}

function copyFinite(
  column: Column,
  { firstRow, rowCount }: ColumnBatch,
  out: Float64Array,
  name: string,
  code: 'TARGET_NOT_FINITE' | 'DATASET_CHANGED',
): void {
  if (column.view !== 'number')
    throw new AppError('INTERNAL', `column ${JSON.stringify(name)} was asked for as numbers`);
  for (let row = 0; row < rowCount; row += 1) {
    const value = column.values[row] ?? NaN;
    if (!Number.isFinite(value)) {
      throw new AppError(
        code,
        `row ${firstRow + row}, column ${JSON.stringify(name)}: expected a finite number; correct or remove the row`,
      );
    }
    out[firstRow + row] = value;
  }
}

function copyOffset(column: Column, { firstRow, rowCount }: ColumnBatch, { kind, name, values }: TargetOffset): void {
  if (column.view !== 'number')
    throw new AppError('INTERNAL', `column ${JSON.stringify(name)} was asked for as numbers`);
  for (let row = 0; row < rowCount; row += 1) {
    const added = offsetOf(kind, column.values[row] ?? NaN);
    if (Number.isNaN(added)) {
      const place = `row ${firstRow + row}, column ${JSON.stringify(name)}`;
      throw new AppError('OFFSET_INVALID', `${place}: expected ${OFFSET_NEEDS[kind]}; correct or remove the row`);
    }
    values[firstRow + row] = added;
  }
}

/** NaN where a date is missing: whoever deals by it says so. */
function copyTimes(column: Column, { firstRow, rowCount }: ColumnBatch, out: Float64Array): void {
  if (column.view !== 'number') throw new AppError('INTERNAL', 'a date was asked for as numbers');
  out.set(column.values.subarray(0, rowCount), firstRow);
}

/** Reads class indices out of a dictionary view by the exact texts of the target's classes. */
function classReader(target: TargetSpec): (column: Column, batch: ColumnBatch, out: ClassIndices) => void {
  const classOf = new Map(
    target.classes.flatMap(({ texts }, index) => texts.map((text): [string, number] => [text, index])),
  );
  let known: readonly string[] | null = null;
  let table: number[] = [];
  return (column, { firstRow, rowCount }, out) => {
    if (column.view !== 'dictionary') throw new AppError('INTERNAL', 'the target was asked for as a dictionary');
    const { codes, dictionary } = column;
    if (known !== dictionary) [known, table] = [dictionary, []];
    for (let code = table.length; code < dictionary.length; code += 1)
      table.push(classOf.get(dictionary[code] ?? '') ?? -1);
    for (let row = 0; row < rowCount; row += 1) {
      const code = codes[row] ?? -1;
      const index = code < 0 ? -1 : (table[code] ?? -1);
      if (index < 0) {
        const place = `row ${firstRow + row}, target ${JSON.stringify(target.name)}`;
        if (code < 0) throw new AppError('TARGET_HAS_MISSING', `${place}: is missing; remove the row`);
        throw new AppError('DATASET_CHANGED', `${place}: is none of the classes that the plan knows`);
      }
      out[firstRow + row] = index;
    }
  };
}

/** Reads category keys of one column over a whole read; different texts of one key share a code. */
function keyReader(task: Pick<TrainTask, 'table'>, name: string, rowCount: number) {
  const decode = featureDecoder({ name, parse: asCategory(storedColumn(task, name).parse) });
  const codes = new Int32Array(rowCount);
  const keys: string[] = [];
  const codeOf = new Map<string, number>();
  const codesOf = keyTable((key) => {
    if (key === null) return -1;
    const known = codeOf.get(key);
    if (known !== undefined) return known;
    codeOf.set(key, keys.length);
    return keys.push(key) - 1;
  });
  return {
    read: (column: Column, count: number, firstRow: number): void => {
      const decoded = decode(column, count, firstRow);
      if (decoded.kind !== 'category') throw new AppError('INTERNAL', 'a key column decodes as category');
      const table = codesOf(decoded.keys);
      for (let row = 0; row < count; row += 1) {
        const code = decoded.codes[row] ?? -1;
        codes[firstRow + row] = code < 0 ? -1 : (table[code] ?? -1);
      }
    },
    column: (): KeyColumn => ({ name, codes, keys }),
  };
}
