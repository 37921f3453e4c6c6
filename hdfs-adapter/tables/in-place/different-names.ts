/** How two rows of names differ. */
export interface DifferentNames {
  readonly expected: string;
  readonly found: string;
}

/** The first name that is another one, else the number of names; null where all are the same. */
export function differentNames(expected: readonly string[], found: readonly string[]): DifferentNames | null {
  const at = expected.findIndex((name, position) => name !== found[position]);
  if (at >= 0 && at < found.length)
    return {
      expected: `${JSON.stringify(expected[at])} as the name of column ${at + 1}`,
      found: JSON.stringify(found[at]),
    };
  return expected.length === found.length
    ? null
    : { expected: `${expected.length} columns`, found: String(found.length) };
}
