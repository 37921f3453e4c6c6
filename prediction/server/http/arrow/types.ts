import type { FlatTable } from './flatbuffer.ts';

/**
 * What a column of an Arrow stream holds, as far as its cells are read; `skipped`: of a type that has no cell of a table, whose
 * buffers are only counted.
 */
export type ArrowType =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'int'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'float'; readonly bits: 16 | 32 | 64 }
  | { readonly kind: 'decimal'; readonly bits: 128 | 256; readonly scale: number }
  /** Days, or milliseconds of whole days, since 1970. */
  | { readonly kind: 'date'; readonly unit: 'day' | 'millisecond' }
  /** Since 1970, in units of a second's 10^-fractionDigits; of UTC, or without a zone. */
  | { readonly kind: 'timestamp'; readonly fractionDigits: number; readonly isUtc: boolean }
  | { readonly kind: 'text'; readonly offsetBits: 32 | 64 }
  | { readonly kind: 'text-view' }
  | { readonly kind: 'skipped'; readonly name: string; readonly bufferCount: number; readonly isView: boolean };

export interface ArrowField {
  readonly name: string;
  readonly type: ArrowType;
  readonly children: readonly ArrowField[];
  /** Cells are indices into dictionary `id`, whose values have the type of the field. */
  readonly dictionary: { readonly id: number; readonly index: Extract<ArrowType, { kind: 'int' }> } | null;
}

/** Names and counts of buffers of types that are not read, by the number of the type. @see Schema.fbs, `union Type` */
const SKIPPED: Readonly<Record<number, readonly [name: string, bufferCount: number]>> = {
  4: ['binary', 3],
  9: ['time', 2],
  11: ['interval', 2],
  12: ['list', 2],
  13: ['struct', 1],
  15: ['fixed-size binary', 2],
  16: ['fixed-size list', 1],
  17: ['map', 2],
  18: ['duration', 2],
  19: ['large binary', 3],
  21: ['large list', 2],
  22: ['run-end encoded', 0],
  23: ['binary view', 2],
  25: ['list view', 3],
  26: ['large list view', 3],
};
const BINARY_VIEW = 23;
const DENSE_UNION = 1;
/** How deep fields may lie in one another, and how many nested ones a schema may have: offsets may point to the same ones again and again. */
const DEPTH_MAX = 32;
const NESTED_MAX = 10_000;

/**
 * The fields of a schema. `RangeError` where it is damaged, which is also said of types that no specification knows.
 *
 * @see https://github.com/apache/arrow/blob/main/format/Schema.fbs
 */
export function fieldsOf(tables: readonly FlatTable[]): ArrowField[] {
  const nested = { left: NESTED_MAX };
  return tables.map((table) => fieldOf(table, nested, 0));
}

function fieldOf(table: FlatTable, nested: { left: number }, depth: number): ArrowField {
  if (depth > DEPTH_MAX) throw new RangeError('fields lie too deep in one another');
  const name = table.text(0) ?? '';
  const type = typeOf(table.int8(2, 0), table.table(3));
  const encoding = table.table(4);
  const inner = table.tables(5, nested.left);
  nested.left -= inner.length;
  const children = inner.map((child) => fieldOf(child, nested, depth + 1));
  return { name, type, children, dictionary: encoding === null ? null : dictionaryOf(encoding) };
}

function dictionaryOf(encoding: FlatTable): ArrowField['dictionary'] {
  const index = encoding.table(1);
  const type = index === null ? ({ kind: 'int', bits: 32, signed: true } as const) : intOf(index);
  return { id: encoding.int64(0), index: type };
}

function typeOf(number: number, table: FlatTable | null): ArrowType {
  if (number === 1) return { kind: 'null' };
  if (number === 5) return { kind: 'text', offsetBits: 32 };
  if (number === 6) return { kind: 'bool' };
  if (number === 20) return { kind: 'text', offsetBits: 64 };
  if (number === 24) return { kind: 'text-view' };
  const [name, bufferCount] = SKIPPED[number] ?? [];
  if (name !== undefined && bufferCount !== undefined)
    return { kind: 'skipped', name, bufferCount, isView: number === BINARY_VIEW };
  if (table === null) throw new RangeError(`type ${number} has no table`);
  switch (number) {
    case 2:
      return intOf(table);
    case 3:
      return { kind: 'float', bits: pick([16, 32, 64], table.int16(0, 0)) };
    case 7:
      return { kind: 'decimal', scale: table.int32(1, 0), bits: width([128, 256], table.int32(2, 128)) };
    case 8:
      return { kind: 'date', unit: pick(['day', 'millisecond'], table.int16(0, 1)) };
    case 10:
      return {
        kind: 'timestamp',
        fractionDigits: pick([0, 3, 6, 9], table.int16(0, 0)),
        isUtc: (table.text(1) ?? '') !== '',
      };
    case 14:
      return { kind: 'skipped', name: 'union', isView: false, bufferCount: table.int16(0, 0) === DENSE_UNION ? 2 : 1 };
    default:
      throw new RangeError(`type ${number} is not known`);
  }
}

const intOf = (table: FlatTable): Extract<ArrowType, { kind: 'int' }> => ({
  kind: 'int',
  bits: width([8, 16, 32, 64], table.int32(0, 0)),
  signed: table.int8(1, 0) !== 0,
});

function pick<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError(`unit ${index} is not known`);
  return value;
}

function width<const T extends number>(values: readonly T[], bits: number): T {
  const found = values.find((value) => value === bits);
  if (found === undefined) throw new RangeError(`${bits} bits are not known`);
  return found;
}

/** Buffers of a field itself in a record batch, without those of its children and the further ones of a view. */
export function bufferCountOf(type: ArrowType): number {
  switch (type.kind) {
    case 'null':
      return 0;
    case 'text':
      return 3;
    case 'skipped':
      return type.bufferCount;
    default:
      return 2;
  }
}

/** Whether a field has further buffers, as many as a record batch says. */
export const isView = (type: ArrowType): boolean =>
  type.kind === 'text-view' || (type.kind === 'skipped' && type.isView);
