/** Bytes of a model's arrays, which are nearly all of it; those of models within it too. */
export function modelBytes(model: object): number {
  const parts: readonly unknown[] = Object.values(model);
  return parts.reduce((sum: number, part) => {
    if (ArrayBuffer.isView(part)) return sum + part.byteLength;
    return typeof part === 'object' && part !== null ? sum + modelBytes(part) : sum;
  }, 0);
}

/** Packing a MiB twice, for it may be calibrated, and opening it twice: 12 ms each. */
const PACK_MS_PER_MIB = 50;

/** What so many bytes of models take to be packed and opened. */
export const packMs = (bytes: number): number => (PACK_MS_PER_MIB * bytes) / 2 ** 20;

/** The same of all members, by those that are fitted; 0 before the first. */
export function membersPackMs(fitted: readonly object[], memberCount: number): number {
  const bytes = fitted.reduce((sum: number, model) => sum + modelBytes(model), 0);
  return packMs((bytes * memberCount) / Math.max(1, fitted.length));
}
