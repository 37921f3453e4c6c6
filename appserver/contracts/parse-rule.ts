import { oneOf, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/**
 * How cells of a feature are read. Found when the dataset is profiled, kept in every artefact, and used by the one cell
 * parser of `scoring` for CSV cells, JSON values and stored text alike.
 */

/** Cell texts that mean "missing" unless the user names others. The empty cell always does. */
export const DEFAULT_NULL_MARKERS = ['', 'NA', 'N/A', 'n/a', 'NULL', 'null', 'NaN', 'nan', '#N/A'] as const;

/** Named date formats that the cell parser knows; zoned forms are instants, others are read as UTC. */
export const DATE_FORMATS = [
  'iso-date', // 2026-11-23
  'iso-datetime', // 2026-11-23T10:00[:00[.123456]][Z|+02:00], T or one space
  'y/m/d', // 2026/11/23
  'd.m.y', // 23.11.2026
  'm/d/y', // 11/23/2026
  'd/m/y', // 23/11/2026
  'compact-date', // 20261123 (only when the user asks)
] as const;
export type DateFormat = (typeof DATE_FORMATS)[number];

const nullMarkers = Type.Array(Type.String(), {
  description: 'exact cell texts that mean missing, besides the empty cell',
});

/**
 * - `number`: decimal or exponent notation, surrounding blanks and tabs ignored, `inf`/`infinity` with sign in any case.
 * - `category`: a key. `keyRule` text: the cell's exact text; number: numerically equal spellings are one key (shortest
 *   round-trip form; a text that is no number keeps its text); boolean: TRUE/True/true are one key.
 * - `date`: one of the named formats, tried in order; value is seconds since 1970 (UTC), fractions kept to the microsecond.
 * - `geo` (of features only; the columns are stored as categories): a latitude and a longitude in degrees, "37.8, -122.4", with or without
 *   comma and parentheses, or `POINT(-122.4 37.8)`. Programs from before refuse it.
 */
export const ParseRule = Type.Union([
  strict({ kind: Type.Literal('number'), nullMarkers }),
  strict({ kind: Type.Literal('category'), keyRule: oneOf(['text', 'number', 'boolean']), nullMarkers }),
  strict({ kind: Type.Literal('date'), formats: Type.Array(oneOf(DATE_FORMATS), { minItems: 1 }), nullMarkers }),
  strict({ kind: Type.Literal('geo'), nullMarkers }),
]);
export type ParseRule = Static<typeof ParseRule>;
