import type { CategoryValues } from './feature-values.ts';

/** What is made of each key of a dictionary, once: `keys` only grows as long as it is the same array. By code. */
export function keyTable<T>(made: (key: string | null) => T): (keys: CategoryValues['keys']) => readonly T[] {
  let known: CategoryValues['keys'] | null = null;
  let table: T[] = [];
  return (keys) => {
    if (known !== keys) [known, table] = [keys, []];
    for (let code = table.length; code < keys.length; code += 1) table.push(made(keys[code] ?? null));
    return table;
  };
}
