/**
 * A time as the ResourceManager's timeouts want it: `2026-01-31T10:00:00.000+0000`. The usual `Z` is refused with 503 and
 * a DateTimeParseException.
 * @see org.apache.hadoop.yarn.util.Times#formatISO8601
 */
export function lifetimeText(atMs: number): string {
  return new Date(atMs).toISOString().replace('Z', '+0000');
}

/** The reverse; null for `UNLIMITED`. */
export function parseLifetime(text: string): number | null {
  const atMs = Date.parse(text.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
  return Number.isNaN(atMs) ? null : atMs;
}
