/** Knows where rows end in bytes that come one part after the other. */
export interface Cutter {
  /** How many bytes of the next part belong to rows that have ended; 0 where none ends in it. */
  endOfLast(part: Buffer): number;
}

/** A body in pieces that end where rows end, about as large as its parts; nothing but the piece is copied. */
export function* cutAt(parts: readonly Buffer[], cutter: Cutter): Generator<Buffer, undefined> {
  let kept: Buffer[] = [];
  for (const part of parts) {
    const end = cutter.endOfLast(part);
    if (end === 0) {
      kept.push(part);
      continue;
    }
    kept.push(part.subarray(0, end));
    yield joined(kept);
    kept = end === part.length ? [] : [part.subarray(end)];
  }
  if (kept.length > 0) yield joined(kept);
}

const joined = (parts: readonly Buffer[]): Buffer => {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
};
