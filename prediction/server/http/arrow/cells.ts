import { isUtf8 } from 'node:buffer';
import type { ParseRule } from '#contracts';
import { instantText } from './instants.ts';
import type { ArrowType } from './types.ts';

/** The cell of a row as JSON would have it: text, number, boolean, or null. */
export type CellAt = (row: number) => unknown;

/** One column of a record batch. */
export interface ArrowColumn {
  readonly rowCount: number;
  readonly nullCount: number;
  /** Validity first, then what the type says. */
  readonly buffers: readonly Buffer[];
}

/**
 * Reads the cells of a column. Whole numbers beyond 2^53 and decimals are their decimal text, dates and times text that the
 * feature's rule reads; NaN is a missing value, as everywhere.
 *
 * @param rule of the feature that reads it, null where none does
 * @throws RangeError where buffers are shorter than the rows need, or texts are no UTF-8
 */
export function cellsOf(type: ArrowType, column: ArrowColumn, rule: ParseRule | null): CellAt {
  const read = valuesOf(type, column, rule);
  const [validity] = column.buffers;
  if (column.nullCount === 0 || validity === undefined || validity.length === 0) return read;
  need(validity, Math.ceil(column.rowCount / 8));
  return (row) => ((((validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 0 ? null : read(row));
}

function need(buffer: Buffer, bytes: number): void {
  if (buffer.length < bytes) throw new RangeError(`a buffer has ${buffer.length} bytes, expected ${bytes}`);
}

function valuesOf(type: ArrowType, { rowCount, buffers }: ArrowColumn, rule: ParseRule | null): CellAt {
  const [, data = Buffer.alloc(0), more = Buffer.alloc(0)] = buffers;
  switch (type.kind) {
    case 'null':
    case 'skipped':
      return () => null;
    case 'bool':
      need(data, Math.ceil(rowCount / 8));
      return (row) => (((data[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
    case 'int':
      need(data, (rowCount * type.bits) / 8);
      return integers(data, type);
    case 'float':
      need(data, (rowCount * type.bits) / 8);
      return floats(data, type.bits);
    case 'decimal':
      need(data, (rowCount * type.bits) / 8);
      return (row) => decimalText(data, (row * type.bits) / 8, type);
    case 'date': {
      const isDay = type.unit === 'day';
      need(data, rowCount * (isDay ? 4 : 8));
      const seconds = (row: number) =>
        isDay ? data.readInt32LE(4 * row) * 86_400 : Math.floor(Number(data.readBigInt64LE(8 * row)) / 1000);
      return (row) => instantText(seconds(row), '', false, 'date', rule);
    }
    case 'timestamp':
      need(data, 8 * rowCount);
      return (row) => timestampText(data.readBigInt64LE(8 * row), type, rule);
    case 'text':
      return texts(data, more, type.offsetBits, rowCount);
    case 'text-view':
      need(data, 16 * rowCount);
      return (row) => viewText(data, 16 * row, buffers);
  }
}

function integers(data: Buffer, { bits, signed }: Extract<ArrowType, { kind: 'int' }>): CellAt {
  switch (bits) {
    case 8:
      return signed ? (row) => data.readInt8(row) : (row) => data.readUInt8(row);
    case 16:
      return signed ? (row) => data.readInt16LE(2 * row) : (row) => data.readUInt16LE(2 * row);
    case 32:
      return signed ? (row) => data.readInt32LE(4 * row) : (row) => data.readUInt32LE(4 * row);
    case 64:
      return (row) => {
        const long = signed ? data.readBigInt64LE(8 * row) : data.readBigUInt64LE(8 * row);
        const number = Number(long);
        return Number.isSafeInteger(number) ? number : String(long);
      };
  }
}

function floats(data: Buffer, bits: 16 | 32 | 64): CellAt {
  if (bits === 64) return (row) => data.readDoubleLE(8 * row);
  if (bits === 32) return (row) => data.readFloatLE(4 * row);
  return (row) => halfValue(data.readUInt16LE(2 * row));
}

/** @see IEEE 754 binary16: a sign bit, 5 bits of exponent with bias 15, 10 of the fraction */
function halfValue(word: number): number {
  const sign = (word & 0x8000) === 0 ? 1 : -1;
  const exponent = (word >> 10) & 31;
  const fraction = word & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function decimalText(data: Buffer, at: number, { bits, scale }: Extract<ArrowType, { kind: 'decimal' }>): string {
  let value = data.readBigInt64LE(at + bits / 8 - 8);
  for (let place = at + bits / 8 - 16; place >= at; place -= 8) value = (value << 64n) | data.readBigUInt64LE(place);
  if (scale === 0) return String(value);
  const digits = String(value < 0n ? -value : value);
  const sign = value < 0n ? '-' : '';
  if (scale < 0 || scale > DECIMAL_DIGITS_MAX) return `${sign}${digits}e${-scale}`;
  const padded = digits.padStart(scale + 1, '0');
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

/** Digits of the largest decimal of 256 bits. */
const DECIMAL_DIGITS_MAX = 77;

function timestampText(
  value: bigint,
  { fractionDigits, isUtc }: Extract<ArrowType, { kind: 'timestamp' }>,
  rule: ParseRule | null,
): string {
  const perSecond = 10n ** BigInt(fractionDigits);
  let seconds = value / perSecond;
  let rest = value % perSecond;
  if (rest < 0n) [seconds, rest] = [seconds - 1n, rest + perSecond];
  const fraction = fractionDigits === 0 ? '' : String(rest).padStart(fractionDigits, '0');
  return instantText(Number(seconds), fraction, isUtc, 'timestamp', rule);
}

function texts(offsets: Buffer, data: Buffer, offsetBits: 32 | 64, rowCount: number): CellAt {
  // A column of no rows may have no offset at all.
  if (rowCount > 0) need(offsets, ((rowCount + 1) * offsetBits) / 8);
  if (!isUtf8(data)) throw new RangeError('texts are not valid UTF-8');
  const offsetAt =
    offsetBits === 32
      ? (index: number) => offsets.readInt32LE(4 * index)
      : (index: number) => Number(offsets.readBigInt64LE(8 * index));
  return (row) => {
    const start = offsetAt(row);
    const end = offsetAt(row + 1);
    if (!(start >= 0 && start <= end && end <= data.length)) throw new RangeError('a text ends outside of its buffer');
    return data.toString('utf8', start, end);
  };
}

/** Texts of at most this many bytes lie in the view itself. */
const INLINE_BYTES_MAX = 12;

/** @see https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout */
function viewText(views: Buffer, at: number, buffers: readonly Buffer[]): string {
  const length = views.readInt32LE(at);
  const isInline = length <= INLINE_BYTES_MAX;
  const data = isInline ? views : buffers[2 + views.readInt32LE(at + 8)];
  const start = isInline ? at + 4 : views.readInt32LE(at + 12);
  if (data === undefined || length < 0 || start < 0 || start + length > data.length)
    throw new RangeError('a text ends outside of its buffer');
  const bytes = data.subarray(start, start + length);
  if (!isUtf8(bytes)) throw new RangeError('a text is not valid UTF-8');
  return bytes.toString('utf8');
}
