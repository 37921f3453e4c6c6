/** Indices of all of `count` items, or of `most` (at least 2) evenly spaced ones with the first and the last. */
export function evenlySpaced(count: number, most: number): Uint32Array {
  if (count <= most) return Uint32Array.from({ length: count }, (_, index) => index);
  const step = (count - 1) / (most - 1);
  return Uint32Array.from({ length: most }, (_, index) => Math.round(index * step));
}

/**
 * Indices of at most `most` (at least 3) of `count` items along a way: the first, the last, and between them the first one beyond each of
 * `most - 2` equal steps.
 *
 * @param wayTo from the first item to this one; never falls
 */
export function alongCurve(count: number, most: number, wayTo: (index: number) => number): number[] {
  const last = count - 1;
  const step = wayTo(last) / (most - 2);
  const taken = count > 0 ? [0] : [];
  for (let index = 1; index < last; index += 1)
    if (Math.floor(wayTo(index) / step) > Math.floor(wayTo(index - 1) / step)) taken.push(index);
  return last > 0 ? [...taken, last] : taken;
}
