import { WAIT_SECONDS_MAX } from '#contracts';

/**
 * Seconds of `Prefer: wait=N`, at most {@link WAIT_SECONDS_MAX}; null when it is absent or cannot be read (a preference
 * that cannot be honoured is ignored). @see RFC 7240 section 4.3
 */
export function waitSecondsOf(header: string | string[] | undefined): number | null {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  for (const entry of text.split(',')) {
    const match = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(entry);
    if (match !== null) return Math.min(Number(match[1]), WAIT_SECONDS_MAX);
  }
  return null;
}
