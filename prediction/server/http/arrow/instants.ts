import type { DateFormat, ParseRule } from '#contracts';

const DAY_SECONDS = 86_400;

/**
 * The text of an instant as a feature's rule reads it: of a date in one of its formats; for other rules, and where none of them
 * has the time of day, ISO 8601 with a space, as batch predictions read such columns.
 *
 * @param seconds since 1970-01-01, whole
 * @param fraction digits after the point, '' for none
 * @param isUtc a zone is known; without one the text has none
 */
export function instantText(
  seconds: number,
  fraction: string,
  isUtc: boolean,
  kind: 'date' | 'timestamp',
  rule: ParseRule | null,
): string {
  const days = Math.floor(seconds / DAY_SECONDS);
  const rest = seconds - days * DAY_SECONDS;
  const instant = new Date(days * DAY_SECONDS * 1000);
  // No format reads it, so that the cell is refused with its row and column.
  if (Number.isNaN(instant.getTime())) return `${seconds} seconds since 1970`;
  const day = instant.toISOString().slice(0, -'T00:00:00.000Z'.length);
  const isMidnight = rest === 0 && /^0*$/.test(fraction);
  const formats = rule?.kind === 'date' ? rule.formats : [];
  const dayFormat = isMidnight ? formats.find((format) => format !== 'iso-datetime') : undefined;
  if (dayFormat !== undefined) return dayText(day, dayFormat);
  if (kind === 'date' && !formats.includes('iso-datetime')) return day;
  const clock = new Date(rest * 1000).toISOString().slice('1970-01-01T'.length, '1970-01-01T00:00:00'.length);
  const digits = fraction.replace(/0+$/, '');
  return `${day} ${clock}${digits === '' ? '' : `.${digits}`}${isUtc ? 'Z' : ''}`;
}

/** A day `YYYY-MM-DD` in another format. */
function dayText(day: string, format: Exclude<DateFormat, 'iso-datetime'>): string {
  const [year = '', month = '', date = ''] = day.split('-');
  switch (format) {
    case 'iso-date':
      return day;
    case 'y/m/d':
      return `${year}/${month}/${date}`;
    case 'd.m.y':
      return `${date}.${month}.${year}`;
    case 'm/d/y':
      return `${month}/${date}/${year}`;
    case 'd/m/y':
      return `${date}/${month}/${year}`;
    case 'compact-date':
      return `${year}${month}${date}`;
  }
}
