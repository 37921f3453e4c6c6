import { AppError } from '#contracts';
import { columnNames } from './column-names.ts';
import { readMembers } from './json-object.ts';
import { createFiles } from './record-sink.ts';
import { refuseNoRows, refuseTooWide, type ScanOptions, type ScannedText } from './scan-text.ts';
import { columnGroups, type ColumnGroup, type ScratchFile } from './scratch.ts';

const LF = 10;
const DELIMITER = ',';
/** UTF-16 units that are at most so many times as many bytes in UTF-8. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

/**
 * Reads JSON lines: one object a line, blank lines skipped. Columns are the keys of all rows in order of first
 * appearance; an absent key and `null` are null; strings keep their text, numbers the digits they are written with,
 * objects and arrays their JSON text.
 *
 * `open` starts the text anew: where a key first appears after the first row, the rows are written in a second pass.
 *
 * @throws DATASET_UNREADABLE naming the line that is no JSON object; DATASET_EMPTY; DATASET_NO_ROWS; DATASET_TOO_WIDE;
 * DATASET_CELL_TOO_LARGE
 */
export async function scanJsonLines(open: () => AsyncIterable<Buffer>, options: ScanOptions): Promise<ScannedText> {
  const keys = new Map<string, number>();
  let writer = await writeRows(open(), keys, options);
  if (!writer.isComplete) writer = await writeRows(open(), keys, options);
  refuseNoRows(writer.rowCount, options.fileName);
  // Keys are unique already, but for blanks around them.
  const named = columnNames([...keys.keys()]);
  return {
    ...named,
    rowCount: writer.rowCount,
    nullCount: writer.nullCount,
    groups: writer.groups,
    files: writer.files.map((file) => file.path),
    delimiter: DELIMITER,
    rowBytesMax: writer.rowBytesMax,
    hasQuotedNewline: writer.hasQuotedNewline,
  };
}

interface RowWriter {
  groups: readonly ColumnGroup[];
  files: readonly ScratchFile[];
  rowCount: number;
  nullCount: number;
  rowBytesMax: number;
  hasQuotedNewline: boolean;
  /** False when a key appeared after rows had been written: from there on only keys were collected. */
  isComplete: boolean;
}

/** One pass. `keys` are the columns known so far; new ones are added. */
async function writeRows(
  text: AsyncIterable<Buffer>,
  keys: Map<string, number>,
  options: ScanOptions,
): Promise<RowWriter> {
  const writer: RowWriter = {
    groups: [],
    files: [],
    rowCount: 0,
    nullCount: 0,
    rowBytesMax: 0,
    hasQuotedNewline: false,
    isComplete: true,
  };
  try {
    let lineNumber = 0;
    for await (const lines of linesOf(text, options)) {
      for (const line of lines) {
        lineNumber += 1;
        if (line.trim() === '') continue;
        const known = keys.size;
        const cells = readRow(line, lineNumber, keys, options);
        if (writer.files.length === 0) {
          writer.groups = columnGroups(keys.size);
          writer.files = await createFiles(writer.groups, options.scratchDirectory);
        } else if (keys.size > known) writer.isComplete = false;
        writer.rowCount += 1;
        if (writer.isComplete) writeRow(writer, cells, keys.size);
      }
      for (const file of writer.files) await file.drain();
    }
    for (const file of writer.files) await file.close();
  } finally {
    for (const file of writer.files) await file.discard();
  }
  return writer;
}

/** The row's cells in CSV form by column; undefined is null. */
function readRow(
  line: string,
  lineNumber: number,
  keys: Map<string, number>,
  options: ScanOptions,
): readonly (string | undefined)[] {
  const fail = (found: string, cause?: unknown): AppError =>
    new AppError(
      'DATASET_UNREADABLE',
      `File ${options.fileName}, line ${lineNumber}: expected a JSON object, found ${found}`,
      {
        ...(cause === undefined ? {} : { cause }),
        details: { line: lineNumber },
      },
    );
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (err) {
    throw fail('no valid JSON', err);
  }
  if (typeof value !== 'object' || value === null) throw fail(value === null ? 'null' : `a ${typeof value}`);
  if (Array.isArray(value)) throw fail('an array');
  const cells: (string | undefined)[] = [];
  readMembers(line, (key, cell, isText) => {
    let position = keys.get(key);
    if (position === undefined) {
      position = keys.size;
      refuseTooWide(position + 1, options);
      keys.set(key, position);
    }
    if (cell !== null) checkCell(cell, key, lineNumber, options);
    cells[position] = cell === null ? undefined : isText ? `"${cell.replaceAll('"', '""')}"` : cell;
  });
  if (keys.size === 0) throw fail('an object without members');
  return cells;
}

function checkCell(cell: string, key: string, lineNumber: number, options: ScanOptions): void {
  const place = `File ${options.fileName}, line ${lineNumber}, column ${JSON.stringify(key)}`;
  const limit = options.limits.cellBytesMax;
  if (cell.length * UTF8_BYTES_PER_UNIT_MAX > limit && Buffer.byteLength(cell) > limit) {
    const found = Buffer.byteLength(cell);
    throw new AppError(
      'DATASET_CELL_TOO_LARGE',
      `${place}: expected a cell of at most ${limit} bytes, found ${found}`,
      {
        details: { line: lineNumber, limit, found },
      },
    );
  }
  if (!cell.isWellFormed()) {
    throw new AppError(
      'DATASET_ENCODING',
      `${place}: expected Unicode text, found half of a surrogate pair. Mend the \\u escape.`,
      {
        details: { line: lineNumber },
      },
    );
  }
}

function writeRow(writer: RowWriter, cells: readonly (string | undefined)[], columnCount: number): void {
  writer.groups.forEach((group, index) => {
    const row: string[] = [];
    for (let position = group.from; position < group.to; position += 1) {
      const cell = position < columnCount ? cells[position] : undefined;
      if (cell === undefined) writer.nullCount += 1;
      row.push(cell ?? '');
    }
    if (row.length === 1) row.push('0');
    const text = row.join(DELIMITER);
    if (!writer.hasQuotedNewline && (text.includes('\n') || text.includes('\r'))) writer.hasQuotedNewline = true;
    const bytes = Buffer.from(`${text}\n`);
    writer.rowBytesMax = Math.max(writer.rowBytesMax, bytes.length);
    writer.files[index]?.append(bytes, 0, bytes.length);
  });
}

/** Lines of each chunk, without their ends. */
async function* linesOf(text: AsyncIterable<Buffer>, options: ScanOptions): AsyncGenerator<readonly string[]> {
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  let isEmpty = true;
  for await (const chunk of text) {
    isEmpty = false;
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      lines.push(carriedBytes === 0 ? chunk.toString('utf8', from, at) : textOf(carried, chunk.subarray(from, at)));
      carried = [];
      carriedBytes = 0;
      from = at + 1;
    }
    if (from < chunk.length) {
      carried.push(chunk.subarray(from));
      carriedBytes += chunk.length - from;
    }
    if (carriedBytes > options.limits.rowBytesMax) {
      const limit = options.limits.rowBytesMax;
      throw new AppError(
        'DATASET_CELL_TOO_LARGE',
        `File ${options.fileName}: expected lines of at most ${limit} bytes`,
      );
    }
    yield lines;
  }
  if (isEmpty) throw new AppError('DATASET_EMPTY', `File ${options.fileName}: expected JSON lines, found no text`);
  if (carriedBytes > 0) yield [textOf(carried, Buffer.alloc(0))];
}

function textOf(carried: readonly Buffer[], last: Buffer): string {
  return Buffer.concat([...carried, last]).toString('utf8');
}
