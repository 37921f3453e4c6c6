const NUMBER = '([+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+))';
const BLANKS = '[ \\t]*';
const PAIR = `${NUMBER}(?:${BLANKS},${BLANKS}|[ \\t]+)${NUMBER}`;

/**
 * Grammar of a place cell, in RE2 syntax (no look-arounds), whole cell, surrounding blanks and tabs ignored:
 *
 *     cell   = pair | "(" pair ")" | "POINT" blanks "(" number blank+ number ")"
 *     pair   = number ( blanks "," blanks | blank+ ) number
 *     number = sign? ( digits ("." digits?)? | "." digits )
 *
 * Groups 1 and 2, or 3 and 4, are latitude and longitude; 5 and 6 are longitude and latitude: well-known text has x first.
 *
 * @see OGC 06-103r4, Simple feature access, 7.2.2: well-known text of a point; `POINT` in any case
 */
const PLACE_PATTERN = `^${BLANKS}(?:${PAIR}|\\(${BLANKS}${PAIR}${BLANKS}\\)|[pP][oO][iI][nN][tT]${BLANKS}\\(${BLANKS}${NUMBER}[ \\t]+${NUMBER}${BLANKS}\\))${BLANKS}$`;

/** Longer cells are no places. */
const PLACE_CHARACTERS_MAX = 200;

export const LATITUDE_MAX = 90;
/** Longitudes are counted to 180 both ways, or to 360 eastwards. */
const LONGITUDE_MIN = -180;
export const LONGITUDE_MAX = 360;

const CELL = new RegExp(PLACE_PATTERN);

/**
 * Reads a place into `out[at]`, the latitude, and `out[at + 1]`, the longitude, both in degrees. False: it is **unreadable**, by the
 * grammar or because it lies beyond what degrees can be, and `out` is unchanged.
 *
 * @see {@link PLACE_PATTERN}
 */
export function parsePlace(text: string, out: Float64Array, at: number): boolean {
  if (text.length > PLACE_CHARACTERS_MAX) return false;
  const found = CELL.exec(text);
  if (found === null) return false;
  const latitude = Number(found[1] ?? found[3] ?? found[6]);
  const longitude = Number(found[2] ?? found[4] ?? found[5]);
  if (!(Math.abs(latitude) <= LATITUDE_MAX && longitude >= LONGITUDE_MIN && longitude <= LONGITUDE_MAX)) return false;
  out[at] = latitude;
  out[at + 1] = longitude;
  return true;
}
