/** Indices of all of `count` items, or of `most` (at least 2) evenly spaced ones with the first and the last. */
export function evenlySpaced(count: number, most: number): Uint32Array {
  if (count <= most) return Uint32Array.from({ length: count }, (_, index) => index);
  const step = (count - 1) / (most - 1);
  return Uint32Array.from({ length: most }, (_, index) => Math.round(index * step));
}
