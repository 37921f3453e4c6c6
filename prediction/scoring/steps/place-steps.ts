import type { ManifestStep, PlacePart } from '#contracts';

type PlaceParts = Extract<ManifestStep, { kind: 'place-parts' }>;
export type PlaceCells = Extract<ManifestStep, { kind: 'place-cells' }>;
/** A step of a feature that is read as places. */
export type PlaceStep = PlaceParts | PlaceCells;

/**
 * How far a place lies to the north-east and to the north-west, in degrees of latitude times the root of 2: trees cut along
 * latitude and longitude only, and coasts, rivers and roads run as they like.
 *
 * @param width length of a degree of longitude in degrees of latitude
 */
export function writeDirections(
  latitude: number,
  longitude: number,
  width: number,
  out: Float64Array,
  at: number,
): void {
  const east = longitude * width;
  out[at] = latitude + east;
  out[at + 1] = latitude - east;
}

/** Writes a step's columns of a place at `out[at]` and on; NaN where it is missing. */
export function writePlace(step: PlaceStep, latitude: number, longitude: number, out: Float64Array, at: number): void {
  if (step.kind === 'place-parts') writeParts(step, latitude, longitude, out, at);
  else writeCells(step, latitude, longitude, out, at);
}

function writeParts(
  { parts, width }: PlaceParts,
  latitude: number,
  longitude: number,
  out: Float64Array,
  at: number,
): void {
  const east = longitude * width;
  for (let i = 0; i < parts.length; i += 1) out[at + i] = partOf(parts[i] ?? 'latitude', latitude, longitude, east);
}

/** @param east longitude in degrees of latitude; see {@link writeDirections} */
function partOf(part: PlacePart, latitude: number, longitude: number, east: number): number {
  switch (part) {
    case 'latitude':
      return latitude;
    case 'longitude':
      return longitude;
    case 'north-east':
      return latitude + east;
    case 'north-west':
      return latitude - east;
  }
}

/** Cuts of a tree of places, level by level, 2^depth - 1 of them: places up to a cut lie in its lower half. */
export type PlaceCuts = Pick<PlaceCells, 'onLongitude' | 'cuts'>;

/** Writes the cell of a place at each depth; NaN where one of its numbers is missing. */
export function writeCells(
  { depths, ...cuts }: Pick<PlaceCells, 'depths' | 'onLongitude' | 'cuts'>,
  latitude: number,
  longitude: number,
  out: Float64Array,
  at: number,
): void {
  for (let i = 0; i < depths.length; i += 1) out[at + i] = cellOf(cuts, depths[i] ?? 0, latitude, longitude);
}

/** The cell of a place after so many cuts, from 0; NaN where one of its numbers is missing. */
export function cellOf({ onLongitude, cuts }: PlaceCuts, depth: number, latitude: number, longitude: number): number {
  if (Number.isNaN(latitude) || Number.isNaN(longitude)) return NaN;
  let cell = 0;
  for (let level = 0; level < depth; level += 1) {
    const node = (1 << level) - 1 + cell;
    const value = onLongitude[node] === true ? longitude : latitude;
    cell = 2 * cell + (value > (cuts[node] ?? 0) ? 1 : 0);
  }
  return cell;
}

/** What the cells at a depth span, in their order: latitudes, then longitudes; above the first number, up to the second. */
export function cellNames({ onLongitude, cuts }: PlaceCuts, depth: number): string[] {
  return Array.from({ length: 1 << depth }, (_, cell) => {
    const [north, east]: [number, number][] = [
      [-Infinity, Infinity],
      [-Infinity, Infinity],
    ];
    for (let level = 0; level < depth; level += 1) {
      const node = (1 << level) - 1 + (cell >> (depth - level));
      const cut = cuts[node] ?? 0;
      const side = onLongitude[node] === true ? east : north;
      if (side === undefined) continue;
      if (((cell >> (depth - level - 1)) & 1) === 1) side[0] = Math.max(side[0], cut);
      else side[1] = Math.min(side[1], cut);
    }
    return [north, east].map(spanOf).join(', ');
  });
}

const spanOf = ([from, to]: readonly [number, number] = [-Infinity, Infinity]): string => {
  if (from === -Infinity) return to === Infinity ? 'all' : `up to ${to}`;
  return to === Infinity ? `above ${from}` : `${from} to ${to}`;
};

/** Proves that cuts are as many as the depths need, and finite. @throws ARTIFACT_INVALID by `fail` */
export function checkCells({ depths, onLongitude, cuts }: PlaceCells, fail: (what: string) => never): void {
  const wanted = 2 ** Math.max(...depths) - 1;
  if (cuts.length !== wanted || onLongitude.length !== wanted)
    fail(`${cuts.length} cuts along ${onLongitude.length} sides for ${wanted}`);
  if (!cuts.every(Number.isFinite)) fail('a cut is not finite');
}
