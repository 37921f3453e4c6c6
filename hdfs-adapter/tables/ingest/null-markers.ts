import { DEFAULT_NULL_MARKERS, type DatasetOptions } from '#contracts';

/** Cell texts that mean missing: the empty cell always does. */
export function nullMarkersOf({ nullMarkers }: DatasetOptions): readonly string[] {
  return [...new Set(['', ...(nullMarkers ?? DEFAULT_NULL_MARKERS)])];
}
