/** Counts of equal rows, by slot: what they are for. Memory is bounded by `countsMax`. */
export interface TwinTable {
  /** Adds a row by its hash. */
  readonly add: (high: number, low: number, slot: number) => void;
  /** Part of all different rows whose counts are kept, a power of 1/2; 1: all. */
  readonly rate: () => number;
  /** The counts by slot of each different row that is kept; valid until the next one. */
  readonly each: (visit: (counts: Uint32Array) => void) => void;
}

/**
 * Counts different rows exactly while there are at most `countsMax / slotCount` of them; then those only whose hash is below a limit, which is
 * halved whenever they are too many. What is kept depends on the rows alone, not on their order, and has all its rows counted, so that
 * sums over it, divided by the rate, are estimates without bias.
 *
 * @see P. Gibbons 2001, "Distinct sampling for highly-accurate answers to distinct values queries and event reports", VLDB
 */
export function twinTable(rowCount: number, slotCount: number, countsMax: number): TwinTable {
  const entriesMax = Math.max(1, Math.min(rowCount, Math.floor(countsMax / slotCount)));
  const mask = 2 ** Math.ceil(Math.log2(2 * entriesMax + 2)) - 1;
  const places = new Int32Array(mask + 1);
  const highs = new Uint32Array(entriesMax + 1);
  const lows = new Uint32Array(entriesMax + 1);
  const counts = new Uint32Array((entriesMax + 1) * slotCount);
  let size = 0;
  let level = 0;
  /** The entry of a hash, which is made if there is none. Places hold entries from 1 on; 0 is empty. */
  const entryOf = (high: number, low: number): number => {
    for (let place = low & mask; ; place = (place + 1) & mask) {
      const entry = (places[place] ?? 0) - 1;
      if (entry >= 0 && highs[entry] === high && lows[entry] === low) return entry;
      if (entry >= 0) continue;
      highs[size] = high;
      lows[size] = low;
      size += 1;
      places[place] = size;
      return size - 1;
    }
  };
  const thinOut = (): void => {
    level += 1;
    const before = size;
    size = 0;
    places.fill(0);
    for (let entry = 0; entry < before; entry += 1) {
      const high = highs[entry] ?? 0;
      if (high >>> (32 - level) !== 0) continue;
      const kept = entryOf(high, lows[entry] ?? 0);
      counts.copyWithin(kept * slotCount, entry * slotCount, (entry + 1) * slotCount);
    }
    counts.fill(0, size * slotCount);
  };
  return {
    add: (high, low, slot) => {
      if (level > 0 && high >>> (32 - level) !== 0) return;
      const at = entryOf(high, low) * slotCount + slot;
      counts[at] = (counts[at] ?? 0) + 1;
      while (size > entriesMax) thinOut();
    },
    rate: () => 2 ** -level,
    each: (visit) => {
      for (let entry = 0; entry < size; entry += 1) visit(counts.subarray(entry * slotCount, (entry + 1) * slotCount));
    },
  };
}
