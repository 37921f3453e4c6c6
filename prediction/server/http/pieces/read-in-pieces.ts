import { AppError } from '#contracts';
import { createCsvReader } from '#runtime';
import { addLines, type ObjectRow } from '../json-rows.ts';
import type { RowMediaType } from '../media-types.ts';
import type { Reading, Steps } from '../reading.ts';
import { wholeBody, type ReceivedBody } from '../receive-body.ts';
import type { RowLimits } from '../row-limits.ts';
import { decode, readRows, tableOf, type InputRows } from '../rows.ts';
import { createCsvCutter } from './csv-cutter.ts';
import { cutAt, ROW_BYTES_MAX, type Cutter } from './cut.ts';
import { jsonInPieces } from './json-in-pieces.ts';

/** A body of this size is read at once, in some 2 ms. */
const AT_ONCE_BYTES_MAX = 256 * 1024;

/**
 * How a body is read. One of 50 MiB takes half a second and more, in which no one else would be answered, so a large one is read in
 * pieces of about 64 KiB, between which others have their turn.
 *
 * @throws see `readRows`; VALIDATION_FAILED for a row of more than 4 MiB, and as much JSON that is no array and does not begin with `data`
 */
export function readingOf(body: ReceivedBody, mediaType: RowMediaType, limits: RowLimits): Reading<InputRows> {
  const steps = body.sizeBytes <= AT_ONCE_BYTES_MAX ? null : stepsOf(body, mediaType, limits);
  if (steps !== null) return { kind: 'steps', steps };
  if (mediaType === 'application/json' && body.sizeBytes > ROW_BYTES_MAX) throw uncut(body.sizeBytes);
  return { kind: 'read', rows: readRows(wholeBody(body), mediaType, limits) };
}

function uncut(sizeBytes: number): AppError {
  const message = 'must be an array of rows, or an object whose first member is data, where it is larger than 4 MiB';
  return new AppError('VALIDATION_FAILED', `a body of ${sizeBytes} bytes ${message}`, {
    errors: [{ path: 'body', message }],
  });
}

/** The steps of any body that can be read in pieces; null for others. */
export function stepsOf(body: ReceivedBody, mediaType: RowMediaType, limits: RowLimits): Steps<InputRows> | null {
  switch (mediaType) {
    case 'application/json':
      return jsonInPieces(withoutMark(body.parts), limits);
    case 'text/csv':
      return csvInPieces(withoutMark(body.parts), limits);
    case 'application/x-ndjson':
      return linesInPieces(withoutMark(body.parts), limits);
    case 'application/vnd.apache.arrow.stream':
      return null; // its cells are read where they lie, row by row
  }
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** The parts of a body without its byte-order mark; places are counted without it. */
function withoutMark(parts: readonly Buffer[]): readonly Buffer[] {
  const length = BYTE_ORDER_MARK.length;
  let count = 0;
  for (let size = 0; size < length && count < parts.length; count += 1) size += parts[count]?.length ?? 0;
  const first = Buffer.concat(parts.slice(0, count));
  return first.subarray(0, length).equals(BYTE_ORDER_MARK) ? [first.subarray(length), ...parts.slice(count)] : parts;
}

function* csvInPieces(parts: readonly Buffer[], limits: RowLimits): Steps<InputRows> {
  const reader = createCsvReader(limits);
  for (const piece of cutAt(parts, createCsvCutter())) {
    if (piece !== null) reader.add(decode(piece, false));
    yield;
  }
  return tableOf(reader.table());
}

function* linesInPieces(parts: readonly Buffer[], limits: RowLimits): Steps<InputRows> {
  const rows: ObjectRow[] = [];
  const before = { lines: 0, bytes: 0 };
  for (const piece of cutAt(parts, LINES)) {
    if (piece !== null) {
      before.lines += addLines(decode(piece, false), limits, before, rows);
      before.bytes += piece.length;
    }
    yield;
  }
  return { kind: 'objects', rows };
}

const LINES: Cutter = { endOfLast: (part) => part.lastIndexOf(0x0a) + 1 };
