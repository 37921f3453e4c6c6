import { complaint } from '#contracts';
import { quoted } from './quoted.ts';

const UNIT_SECONDS = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 } as const;
/** Gaps of more than a century are a mistake. */
const GAP_SECONDS_MAX = 100 * 366 * UNIT_SECONDS.d;

const ISO =
  /^P(?=.)(?:(?<w>\d{1,10})W)?(?:(?<d>\d{1,10})D)?(?:T(?=.)(?:(?<h>\d{1,10})H)?(?:(?<m>\d{1,10})M)?(?:(?<s>\d{1,10})S)?)?$/;
const SHORT = /^(?<count>\d{1,10}) ?(?<unit>[wdhms])$/;

/**
 * A gap in seconds.
 *
 *     gap   = iso | short
 *     iso   = "P" [n "W"] [n "D"] ["T" [n "H"] [n "M"] [n "S"]]    at least one part
 *     short = n [" "] ("w" | "d" | "h" | "m" | "s")                 minutes are m
 *
 * Years and months are left out: they have no fixed length.
 *
 * @see ISO 8601-1:2019, 5.5.2.3
 * @throws PARTITION_INVALID
 */
export function gapSecondsOf(text: string): number {
  const seconds = isoSeconds(text.trim().toUpperCase()) ?? shortSeconds(text.trim().toLowerCase());
  if (seconds !== null && seconds <= GAP_SECONDS_MAX) return seconds;
  const finding = seconds === null ? 'is no time of fixed length' : 'is longer than a century';
  throw complaint(
    'PARTITION_INVALID',
    'partitioning.gap',
    `${quoted(text)} ${finding}; write weeks, days, hours, minutes or seconds as P7D, PT12H, 7d or 12h (months and years as days)`,
  );
}

function isoSeconds(text: string): number | null {
  const parts = ISO.exec(text)?.groups;
  if (parts === undefined) return null;
  return (['w', 'd', 'h', 'm', 's'] as const).reduce(
    (sum, unit) => sum + Number(parts[unit] ?? 0) * UNIT_SECONDS[unit],
    0,
  );
}

function shortSeconds(text: string): number | null {
  const parts = SHORT.exec(text)?.groups;
  if (parts === undefined) return null;
  const unit = (['w', 'd', 'h', 'm', 's'] as const).find((one) => one === parts['unit']);
  return unit === undefined ? null : Number(parts['count']) * UNIT_SECONDS[unit];
}

/** A gap for messages: `7 days`, `12 hours`, `90 seconds`. */
export function gapText(seconds: number): string {
  const [name, size] =
    seconds % UNIT_SECONDS.d === 0
      ? (['day', UNIT_SECONDS.d] as const)
      : seconds % UNIT_SECONDS.h === 0
        ? (['hour', UNIT_SECONDS.h] as const)
        : (['second', 1] as const);
  const count = seconds / size;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
