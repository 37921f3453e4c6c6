import { AppError, type ParseRule } from '#contracts';
import { tooManyColumns, tooManyRows } from '#runtime';
import { checkHeader, type RowLimits } from '../row-limits.ts';
import type { TableRows } from '../rows.ts';
import { cellsOf, type ArrowColumn, type CellAt } from './cells.ts';
import { FlatTable, longAt } from './flatbuffer.ts';
import { bufferCountOf, fieldsOf, isView, type ArrowField } from './types.ts';

/** Kinds of messages. @see Message.fbs, `union MessageHeader` */
const SCHEMA = 1;
const DICTIONARY_BATCH = 2;
const RECORD_BATCH = 3;

const CONTINUATION = 0xff_ff_ff_ff;
const FILE_MAGIC = 'ARROW1';

interface Message {
  readonly kind: number;
  readonly header: FlatTable;
  readonly view: DataView;
  readonly body: Buffer;
  readonly end: number;
}

/** Columns of a record batch by the place of their field. */
interface Batch {
  readonly firstRow: number;
  readonly rowCount: number;
  readonly columns: readonly ArrowColumn[];
  /** Values of dictionaries as they were when the batch came. */
  readonly dictionaries: ReadonlyMap<number, readonly unknown[]>;
}

/**
 * The rows of an Arrow stream:
 *
 *     stream  = schema *(dictionary batch / record batch) [end]
 *     message = 0xFFFFFFFF int32 (size of the metadata) metadata body       end = 0xFFFFFFFF int32 (0)
 *
 * The metadata is a FlatBuffer. Nothing is copied: cells are read out of the body when they are asked for. Nested columns, binaries
 * and the like are columns that no feature can read; buffers must not be compressed.
 *
 * @throws BAD_REQUEST naming the message that is damaged or cut off, or what is not read; TOO_MANY_ROWS, TOO_MANY_COLUMNS,
 *   VALIDATION_FAILED for a column that is there twice
 * @see https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format
 */
export function readArrow(body: Buffer, limits: RowLimits): TableRows {
  if (body.subarray(0, FILE_MAGIC.length).toString('latin1') === FILE_MAGIC)
    throw new AppError('BAD_REQUEST', 'the body is an Arrow file; send an Arrow stream (in pyarrow: ipc.new_stream)');
  let fields: readonly ArrowField[] | null = null;
  let dictionaries: ReadonlyMap<number, readonly unknown[]> = new Map();
  const batches: Batch[] = [];
  let rowCount = 0;
  for (let at = 0, number = 1; at < body.length; number += 1) {
    const start = at;
    try {
      const message = messageAt(body, at);
      if (message === null) break;
      at = message.end;
      if (fields === null) fields = schemaFields(message, limits);
      else if (message.kind === DICTIONARY_BATCH) dictionaries = withDictionary(dictionaries, message, fields);
      else if (message.kind === RECORD_BATCH) {
        const batch = batchOf(message.header, message, fields, limits.rowsMax - rowCount);
        batches.push({ ...batch, firstRow: rowCount, dictionaries });
        rowCount += batch.rowCount;
      } else throw new RangeError(`kind ${message.kind} is not expected`);
    } catch (err) {
      throw err instanceof RangeError ? damaged(`message ${number} at byte ${start}`, err) : err;
    }
  }
  if (fields === null)
    throw new AppError('BAD_REQUEST', 'the body is empty; an Arrow stream begins with the schema of its columns');
  return tableOf(fields, batches, rowCount);
}

const damaged = (place: string, cause: RangeError): AppError =>
  new AppError('BAD_REQUEST', `the Arrow stream, ${place}: is damaged or cut off (${cause.message})`, { cause });

/** The message at a place; null at the end of the stream. */
function messageAt(body: Buffer, start: number): Message | null {
  // Streams of before Arrow 0.15 have no mark before the size.
  const isMarked = body.readUInt32LE(start) === CONTINUATION;
  const sizePlace = isMarked ? start + 4 : start;
  const size = body.readInt32LE(sizePlace);
  if (size === 0) return null;
  const metadata = body.subarray(sizePlace + 4, sizePlace + 4 + size);
  if (size < 0 || metadata.length < size) throw new RangeError(`metadata of ${size} bytes ends outside of the body`);
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.byteLength);
  const message = FlatTable.root(view);
  const header = message.table(2);
  const bodySize = message.int64(3);
  const bodyStart = sizePlace + 4 + size;
  if (header === null) throw new RangeError('it has no header');
  if (!(bodySize >= 0 && bodyStart + bodySize <= body.length))
    throw new RangeError(`${bodySize} bytes of columns are announced, ${body.length - bodyStart} are there`);
  const end = bodyStart + bodySize;
  return { kind: message.int8(1, 0), header, view, body: body.subarray(bodyStart, end), end };
}

function schemaFields({ kind, header }: Message, { columnsMax }: RowLimits): readonly ArrowField[] {
  if (kind !== SCHEMA) throw new RangeError('it is not a schema');
  if (header.int16(0, 0) !== 0) throw new AppError('BAD_REQUEST', 'the Arrow stream is big-endian; send little-endian');
  const { count } = header.vector(1, 4);
  if (count > columnsMax) throw tooManyColumns(columnsMax, 'the schema');
  const fields = fieldsOf(header.tables(1, columnsMax));
  checkHeader(fields.map(({ name }) => name));
  return fields;
}

/** Reads what a record batch says of its columns. @param rowsMax more rows are refused */
function batchOf(
  header: FlatTable,
  { view, body }: Pick<Message, 'view' | 'body'>,
  fields: readonly ArrowField[],
  rowsMax: number,
): Pick<Batch, 'rowCount' | 'columns'> {
  const rowCount = header.int64(0);
  if (!(rowCount >= 0)) throw new RangeError(`${rowCount} rows`);
  if (rowCount > rowsMax) throw tooManyRows(rowsMax);
  if (header.table(3) !== null)
    throw new AppError(
      'BAD_REQUEST',
      'the Arrow stream’s buffers are compressed, which is not read; write it without compression',
    );
  const nodes = header.vector(1, 16);
  const buffers = header.vector(2, 16);
  const views = header.vector(4, 8);
  let [node, buffer, viewed] = [0, 0, 0];
  const take = (field: ArrowField): ArrowColumn => {
    if (node >= nodes.count) throw new RangeError('a column is missing');
    const place = nodes.start + 16 * node;
    const length = longAt(view, place);
    const nullCount = longAt(view, place + 8);
    node += 1;
    const type = field.dictionary === null ? field.type : field.dictionary.index;
    let count = bufferCountOf(type);
    if (isView(type)) {
      if (viewed >= views.count) throw new RangeError('a count of buffers is missing');
      count += longAt(view, views.start + 8 * viewed);
      viewed += 1;
    }
    if (!(buffer + count <= buffers.count)) throw new RangeError('a buffer is missing');
    const own: Buffer[] = [];
    for (; count > 0; count -= 1, buffer += 1) {
      const offset = longAt(view, buffers.start + 16 * buffer);
      const size = longAt(view, buffers.start + 16 * buffer + 8);
      if (!(offset >= 0 && size >= 0 && offset + size <= body.length))
        throw new RangeError('a buffer ends outside of its message');
      own.push(body.subarray(offset, offset + size));
    }
    if (field.dictionary === null) for (const child of field.children) take(child);
    return { rowCount: length, nullCount, buffers: own };
  };
  const columns = fields.map((field) => {
    const column = take(field);
    if (column.rowCount !== rowCount) throw new RangeError(`column ${field.name} has ${column.rowCount} rows`);
    return column;
  });
  return { rowCount, columns };
}

/** The dictionaries with one more, or a longer one. Those of nested columns are left out: no feature reads them. */
function withDictionary(
  known: ReadonlyMap<number, readonly unknown[]>,
  message: Message,
  fields: readonly ArrowField[],
): ReadonlyMap<number, readonly unknown[]> {
  const id = message.header.int64(0);
  const data = message.header.table(1);
  if (data === null) throw new RangeError('the dictionary has no values');
  const field = fields.find(({ dictionary }) => dictionary?.id === id);
  if (field === undefined) return known;
  const values = { ...field, dictionary: null };
  // Each value but null takes a bit at least, and a dictionary of nulls needs one.
  const { columns, rowCount } = batchOf(data, message, [values], 8 * message.body.length + 1);
  const [column] = columns;
  if (column === undefined) throw new RangeError('the dictionary has no values');
  const cellAt = cellsOf(field.type, column, null);
  const cells = Array.from({ length: rowCount }, (_, index) => cellAt(index));
  const isDelta = message.header.int8(2, 0) !== 0;
  return new Map(known).set(id, isDelta ? [...(known.get(id) ?? []), ...cells] : cells);
}

function tableOf(fields: readonly ArrowField[], batches: readonly Batch[], rowCount: number): TableRows {
  return {
    kind: 'table',
    header: fields.map(({ name }) => name),
    rowCount,
    reader: (index, rule) => {
      const field = fields[index];
      if (field === undefined) return () => null;
      const place = `column ${JSON.stringify(field.name)}`;
      const guarded = <T>(run: () => T): T => {
        try {
          return run();
        } catch (err) {
          throw err instanceof RangeError ? damaged(place, err) : err;
        }
      };
      if (field.type.kind === 'skipped')
        throw new AppError(
          'VALIDATION_FAILED',
          `${place}: is of the Arrow type ${field.type.name}, which has no cells of a table`,
          {
            errors: [{ path: place, message: `is of the Arrow type ${field.type.name}` }],
          },
        );
      const readers = batches.map((batch) => guarded(() => batchCells(field, batch, index, rule)));
      let at = 0;
      return (row) => {
        while (row < (batches[at]?.firstRow ?? 0)) at -= 1;
        while (row >= (batches[at]?.firstRow ?? 0) + (batches[at]?.rowCount ?? Infinity)) at += 1;
        return guarded(() => readers[at]?.(row - (batches[at]?.firstRow ?? 0)));
      };
    },
  };
}

function batchCells(
  { type, dictionary }: ArrowField,
  { columns, dictionaries }: Batch,
  index: number,
  rule: ParseRule | null,
): CellAt {
  const column = columns[index];
  if (column === undefined) return () => null;
  if (dictionary === null) return cellsOf(type, column, rule);
  const values = dictionaries.get(dictionary.id);
  if (values === undefined) throw new RangeError(`dictionary ${dictionary.id} is missing`);
  const codeAt = cellsOf(dictionary.index, column, null);
  return (row) => {
    const code = codeAt(row);
    if (code === null) return null;
    const value = typeof code === 'number' ? values[code] : undefined;
    if (value === undefined) throw new RangeError('a code is none of the dictionary');
    return value;
  };
}
