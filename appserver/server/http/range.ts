import { AppError } from '#contracts';

/** Bytes from `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range of bytes that a GET asks for; null for all of them. Other units, several ranges and what cannot be read are
 * ignored, as a server may; so is a range of another representation than the current one.
 *
 * @param range header `Range`: `bytes=first-last`, `bytes=first-`, `bytes=-count`
 * @param ifRange header `If-Range`: a strong validator; a date never fits
 * @throws RANGE_NOT_SATISFIABLE for a range behind the end
 * @see RFC 9110 sections 13.1.5, 14.1.2, 14.2
 */
export function rangeOf(
  { range, ifRange }: { readonly range: string | undefined; readonly ifRange: string | undefined },
  etag: string,
  sizeBytes: number,
): ByteRange | null {
  if (ifRange !== undefined && ifRange.trim() !== etag) return null;
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range?.replaceAll(/\s/g, '') ?? '');
  if (match === null) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null;
  if (start < end) return { start, end };
  throw new AppError('RANGE_NOT_SATISFIABLE', `Range: expected bytes below ${sizeBytes}; found ${range ?? ''}`, {
    details: { contentRange: `bytes */${sizeBytes}` },
  });
}
