/** The integers from 0 below `count`. */
export function indicesBelow(count: number): Uint32Array<ArrayBuffer> {
  const indices = new Uint32Array(count);
  for (let index = 0; index < count; index += 1) indices[index] = index;
  return indices;
}

/**
 * Those integers from 0 below `count` that are wanted, ascending. Takes 4 bytes for each of them, and none for the others: an iterator of
 * all would become a list of 8 bytes each first.
 *
 * @param isWanted asked twice for each, so that nothing is kept in between: it must answer the same
 */
export function indicesWhere(count: number, isWanted: (index: number) => boolean): Uint32Array<ArrayBuffer> {
  let wanted = 0;
  for (let index = 0; index < count; index += 1) if (isWanted(index)) wanted += 1;
  const indices = new Uint32Array(wanted);
  let next = 0;
  for (let index = 0; next < wanted; index += 1) {
    if (!isWanted(index)) continue;
    indices[next] = index;
    next += 1;
  }
  return indices;
}
