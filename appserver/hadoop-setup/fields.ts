/** A field of parsed JSON; undefined where it is no object or has none of that name. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (Reflect.get(value, name) as unknown) : undefined;
}

export function textOf(value: unknown, ...names: readonly string[]): string | null {
  const found = names.reduce(fieldOf, value);
  return typeof found === 'string' ? found : null;
}

export function numberOf(value: unknown, ...names: readonly string[]): number | null {
  const found = names.reduce(fieldOf, value);
  return typeof found === 'number' ? found : null;
}

export function listOf(value: unknown, ...names: readonly string[]): readonly unknown[] {
  const found = names.reduce(fieldOf, value);
  return Array.isArray(found) ? found : [];
}
