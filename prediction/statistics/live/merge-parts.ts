/** Adds two stored parts. What only one of them has is taken as it is: an hour in which the training statistics were not known at first. */
export function mergeParts<D, S>(
  known: D | null,
  added: D | null,
  read: (data: D) => S,
  merge: (into: S, other: S) => void,
  write: (state: S) => D,
): D | null {
  if (known === null || added === null) return known ?? added;
  const state = read(known);
  merge(state, read(added));
  return write(state);
}
