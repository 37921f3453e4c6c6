import {
  AppError,
  canonicalJson,
  shapeOf,
  type Column,
  type ColumnRequest,
  type ColumnView,
  type FeatureType,
  type ParseRule,
} from '#contracts';
import { isMissing } from '../parse/category.ts';
import { cellReader, type KeyReader, type NumberReader } from '../parse/cell-reader.ts';

/** Numbers, or seconds since 1970 of dates; one a row, NaN is missing. */
export interface NumberValues {
  readonly kind: 'number';
  readonly values: Float64Array;
}

/**
 * Codes into `keys`, one a row; -1 is missing, and so is a code whose key is null. `keys` only grows, and is the same
 * array as long as codes keep their meaning: steps map each key once.
 */
export interface CategoryValues {
  readonly kind: 'category';
  readonly codes: Int32Array;
  readonly keys: readonly (string | null)[];
}

/** Texts, one a row; null is missing. */
export interface TextValues {
  readonly kind: 'text';
  readonly texts: readonly (string | null)[];
}

/** Places in degrees, one a row; NaN is missing. */
export interface PlaceValues {
  readonly kind: 'place';
  readonly latitudes: Float64Array;
  readonly longitudes: Float64Array;
}

/** One feature of some rows, decoded by its parse rule: what steps read. */
export type FeatureValues = NumberValues | CategoryValues | TextValues | PlaceValues;

/** A feature as far as decoding goes. */
export interface InputFeature {
  readonly name: string;
  readonly parse: ParseRule;
  /** Of type `text`: its cells are read as texts, and are neither gathered in a dictionary nor compared. */
  readonly type?: FeatureType;
}

/** Whether steps read texts of a feature; its rule is that of a category, for its null markers. */
export const isText = (feature: InputFeature): boolean => feature.type === 'text';

/** A column of a source; with its own parse rule where the source has one (`StoredColumn`). */
export interface SourceColumn {
  readonly name: string;
  readonly parse?: ParseRule;
}

/**
 * The view in which a feature's column must be read so that decoding gives what its parse rule says.
 * Categories: `dictionary`, texts and places: `text`. Numbers and dates: `number` where the source parses by the very same rule, else `text`.
 */
export function columnRequest(feature: InputFeature, source: SourceColumn): ColumnRequest {
  return { name: feature.name, view: viewFor(feature, source) };
}

function viewFor(feature: InputFeature, source: SourceColumn): ColumnView {
  if (isText(feature) || feature.parse.kind === 'geo') return 'text';
  if (feature.parse.kind === 'category') return 'dictionary';
  if (source.parse === undefined) return 'text';
  return canonicalJson(source.parse) === canonicalJson(feature.parse) ? 'number' : 'text';
}

/**
 * Decodes a feature's columns batch by batch. The values are valid until the next call. One decoder a feature and read:
 * dictionaries are mapped once and grown.
 *
 * @param firstRow row number of the batch's first row, for messages
 * @throws CELL_UNREADABLE naming row and column
 */
export type FeatureDecoder = (column: Column, rowCount: number, firstRow: number) => FeatureValues;

/** Distinct texts that a decoder of text columns keeps before it starts a new dictionary. */
const TEXTS_MAX = 100_000;

/** @see FeatureDecoder */
export function featureDecoder(feature: InputFeature): FeatureDecoder {
  if (isText(feature)) return textDecoder(feature);
  const reader = cellReader(feature.parse);
  if (reader.kind === 'geo') return placeDecoder(feature, reader.read);
  return reader.kind === 'category' ? categoryDecoder(feature, reader.read) : numberDecoder(feature, reader.read);
}

/** The values of a feature that no row has. */
export function absentValues(feature: InputFeature, rowCount: number): FeatureValues {
  if (isText(feature)) return { kind: 'text', texts: Array.from({ length: rowCount }, () => null) };
  const missing = (): Float64Array => new Float64Array(rowCount).fill(NaN);
  switch (feature.parse.kind) {
    case 'category':
      return { kind: 'category', codes: new Int32Array(rowCount).fill(-1), keys: [] };
    case 'geo':
      return { kind: 'place', latitudes: missing(), longitudes: missing() };
    case 'number':
    case 'date':
      return { kind: 'number', values: missing() };
  }
}

/** The error for a cell that its feature's rule cannot read. */
export function unreadable(feature: InputFeature, row: number, cell: unknown): AppError {
  const place = `row ${row}, column ${JSON.stringify(feature.name)}`;
  const message = `cannot be read as ${feature.parse.kind}; found ${shapeOf(cell)}`;
  return new AppError('CELL_UNREADABLE', `${place}: ${message}`, {
    errors: [{ path: place, message }],
    details: { row, column: feature.name },
  });
}

function numberDecoder(feature: InputFeature, read: NumberReader): FeatureDecoder {
  let values = new Float64Array(0);
  let table = new Float64Array(0);
  let tableSize = 0;
  let known: readonly string[] | null = null;
  const readAll = (
    cells: readonly (string | null)[],
    from: number,
    out: Float64Array,
    rowOf: (index: number) => number,
  ): void => {
    for (let i = from; i < cells.length; i += 1)
      if (!read(cells[i], out, i)) throw unreadable(feature, rowOf(i), cells[i]);
  };
  return (column, rowCount, firstRow) => {
    if (column.view === 'number') return { kind: 'number', values: column.values };
    if (values.length < rowCount) values = new Float64Array(rowCount);
    if (column.view === 'text') {
      for (let row = 0; row < rowCount; row += 1) {
        const cell = column.values[row];
        if (!read(cell, values, row)) throw unreadable(feature, firstRow + row, cell);
      }
      return { kind: 'number', values };
    }
    const { codes, dictionary } = column;
    if (known !== dictionary) [known, tableSize] = [dictionary, 0];
    if (table.length < dictionary.length) {
      const larger = new Float64Array(Math.max(dictionary.length, 2 * table.length));
      larger.set(table.subarray(0, tableSize));
      table = larger;
    }
    readAll(dictionary, tableSize, table, (code) => firstRow + Math.max(0, codes.indexOf(code)));
    tableSize = dictionary.length;
    for (let row = 0; row < rowCount; row += 1) {
      const code = codes[row] ?? -1;
      values[row] = code < 0 ? NaN : (table[code] ?? NaN);
    }
    return { kind: 'number', values };
  };
}

function categoryDecoder(feature: InputFeature, read: KeyReader): FeatureDecoder {
  let keys: (string | null)[] = [];
  let known: readonly string[] | null = null;
  let codeOf = new Map<string, number>();
  let ownCodes = new Int32Array(0);
  const keyOf = (text: string): string | null => read(text) ?? null;
  return (column, rowCount, firstRow) => {
    if (column.view === 'dictionary') {
      if (known !== column.dictionary) [known, keys] = [column.dictionary, []];
      for (let code = keys.length; code < column.dictionary.length; code += 1)
        keys.push(keyOf(column.dictionary[code] ?? ''));
      return { kind: 'category', codes: column.codes, keys };
    }
    if (column.view === 'number') {
      throw new AppError(
        'INTERNAL',
        `column ${JSON.stringify(feature.name)}: a category is read as text, not as number`,
        {
          details: { firstRow },
        },
      );
    }
    if (known !== null || codeOf.size > TEXTS_MAX) {
      known = null;
      keys = [];
      codeOf = new Map();
    }
    if (ownCodes.length < rowCount) ownCodes = new Int32Array(rowCount);
    for (let row = 0; row < rowCount; row += 1) {
      const text = column.values[row] ?? null;
      let code = text === null ? -1 : codeOf.get(text);
      if (code === undefined && text !== null) {
        code = keys.push(keyOf(text)) - 1;
        codeOf.set(text, code);
      }
      ownCodes[row] = code ?? -1;
    }
    return { kind: 'category', codes: ownCodes, keys };
  };
}

function textDecoder({ name, parse: { nullMarkers } }: InputFeature): FeatureDecoder {
  const textOf = (text: string | null | undefined): string | null =>
    text === undefined || text === null || isMissing(text, nullMarkers) ? null : text;
  return (column, rowCount, firstRow) => {
    if (column.view === 'text') return { kind: 'text', texts: column.values.slice(0, rowCount).map(textOf) };
    if (column.view === 'dictionary') {
      const { codes, dictionary } = column;
      const texts = Array.from({ length: rowCount }, (_, row) => textOf(dictionary[codes[row] ?? -1]));
      return { kind: 'text', texts };
    }
    throw new AppError('INTERNAL', `column ${JSON.stringify(name)}: a text is read as text, not as number`, {
      details: { firstRow },
    });
  };
}

function placeDecoder(feature: InputFeature, read: NumberReader): FeatureDecoder {
  const place = new Float64Array(2);
  let latitudes = new Float64Array(0);
  let longitudes = new Float64Array(0);
  return (column, rowCount, firstRow) => {
    if (column.view === 'number')
      throw new AppError('INTERNAL', `column ${JSON.stringify(feature.name)}: a place is read as text, not as number`, {
        details: { firstRow },
      });
    if (latitudes.length < rowCount) [latitudes, longitudes] = [new Float64Array(rowCount), new Float64Array(rowCount)];
    for (let row = 0; row < rowCount; row += 1) {
      const cell = column.view === 'text' ? column.values[row] : column.dictionary[column.codes[row] ?? -1];
      if (!read(cell, place, 0)) throw unreadable(feature, firstRow + row, cell);
      latitudes[row] = place[0] ?? NaN;
      longitudes[row] = place[1] ?? NaN;
    }
    return { kind: 'place', latitudes, longitudes };
  };
}
