/** What a column's values are: UTF-8 text, a double, an instant in milliseconds since 1970 (UTC), a whole number within 2^53. */
export type ParquetKind = 'text' | 'double' | 'instant' | 'integer';

/** Values of one column in the order of the rows; null where there is none. */
export type ParquetValues = readonly (string | number | null)[];

/**
 * Values one after the other (encoding PLAIN), nulls left out.
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md
 */
export function plainValues(kind: ParquetKind, values: ParquetValues): Buffer {
  return kind === 'text' ? plainTexts(values) : plainNumbers(kind, values);
}

/** A UTF-16 unit is three bytes of UTF-8 at most */
function plainTexts(values: ParquetValues): Buffer {
  let roomBytes = 0;
  for (const value of values) if (value !== null) roomBytes += 4 + 3 * String(value).length;
  const bytes = Buffer.allocUnsafe(roomBytes);
  let at = 0;
  for (const value of values) {
    if (value === null) continue;
    const length = bytes.write(String(value), at + 4, 'utf8');
    bytes.writeUInt32LE(length, at);
    at += 4 + length;
  }
  return bytes.subarray(0, at);
}

function plainNumbers(kind: Exclude<ParquetKind, 'text'>, values: ParquetValues): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  let at = 0;
  for (const value of values) {
    if (value === null) continue;
    if (kind === 'double') bytes.writeDoubleLE(Number(value), at);
    else bytes.writeBigInt64LE(BigInt(Math.round(Number(value))), at);
    at += 8;
  }
  return bytes.subarray(0, at);
}

/**
 * Which values are there, as definition levels of a column that may lack them: their length, and one run of bits.
 *
 *     levels = size:uint32 run      run = varint(2 * octets + 1) octet*      bit i of the octets: value i is there
 *
 * @see https://github.com/apache/parquet-format/blob/master/Encodings.md, "Run Length Encoding / Bit-Packing Hybrid"
 */
export function definitionLevels(values: ParquetValues): Buffer {
  const octets = Buffer.alloc(Math.ceil(values.length / 8));
  for (const [index, value] of values.entries())
    if (value !== null) octets[index >> 3] = (octets[index >> 3] ?? 0) | (1 << (index & 7));
  const header = varint(2 * octets.length + 1);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(header.length + octets.length);
  return Buffer.concat([size, header, octets]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
