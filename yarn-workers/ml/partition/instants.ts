import { parseDate } from '#scoring';

const MICROS_PER_SECOND = 1_000_000;
const ISO_SECONDS_DIGITS = 19;

/** An instant as ISO 8601 in UTC: `2026-01-31`, `2026-01-31T12:00:00Z`, with six digits of a second where it is between two. */
export function instantText(seconds: number): string {
  const micros = Math.round((seconds - Math.floor(seconds)) * MICROS_PER_SECOND);
  const whole = Math.floor(seconds) + (micros === MICROS_PER_SECOND ? 1 : 0);
  const text = new Date(whole * 1000).toISOString().slice(0, ISO_SECONDS_DIGITS);
  const rest = micros % MICROS_PER_SECOND;
  if (rest > 0) return `${text}.${String(rest).padStart(6, '0')}Z`;
  return text.endsWith('T00:00:00') ? text.slice(0, 10) : `${text}Z`;
}

/** Seconds since 1970 of a text of {@link instantText}, read as a date cell is; NaN where it is none. */
export const secondsOf = (text: string): number => parseDate(text, ['iso-date', 'iso-datetime']);
