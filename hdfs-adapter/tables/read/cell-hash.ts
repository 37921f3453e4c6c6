/** Words of a native string: length, and up to 12 bytes of text. */
export const CELL_WORDS = 4;

/** Mixes the four words at `at`. @see Austin Appleby, MurmurHash3 (its rounds and finaliser) */
export function hashCell(words: Uint32Array, at: number): number {
  let mixed = Math.imul(words[at + 1] ?? 0, 0xcc9e2d51) ^ (words[at] ?? 0);
  mixed = Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64;
  mixed ^= Math.imul(words[at + 2] ?? 0, 0x1b873593);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 5) + 0xe6546b64;
  mixed ^= Math.imul(words[at + 3] ?? 0, 0x85ebca6b);
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 13);
}
