import type { ColumnWarning } from '#contracts';

export interface ColumnNames {
  readonly names: readonly string[];
  readonly warnings: readonly ColumnWarning[];
}

/**
 * Feature names of a header: trimmed, an empty one becomes `column_<n>` (counted from 1), a repeated one gets the first
 * free suffix `_2`, `_3`, ... Names differ by case.
 */
export function columnNames(header: readonly string[]): ColumnNames {
  const wanted = header.map((cell, position) => cell.trim() || `column_${position + 1}`);
  const given = new Set(wanted);
  const taken = new Set<string>();
  /** Where to go on looking for a free suffix, so that a thousand equal names do not cost a million look-ups. */
  const next = new Map<string, number>();
  const warnings: ColumnWarning[] = [];
  const names = wanted.map((name, position) => {
    if (!taken.has(name)) {
      taken.add(name);
      return name;
    }
    let suffix = next.get(name) ?? 2;
    while (given.has(`${name}_${suffix}`) || taken.has(`${name}_${suffix}`)) suffix += 1;
    next.set(name, suffix + 1);
    const unique = `${name}_${suffix}`;
    taken.add(unique);
    warnings.push({
      name: unique,
      position,
      warning: {
        code: 'DUPLICATE_NAME',
        message: `Column ${position + 1} has the name ${JSON.stringify(name)} of an earlier column.`,
        handling: `It is called ${JSON.stringify(unique)}.`,
      },
    });
    return unique;
  });
  return { names, warnings };
}
