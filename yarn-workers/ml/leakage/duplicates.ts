import type { DuplicateFacts } from '#contracts';
import {
  COPIED_FACTOR_MIN,
  COPIED_ROWS_MIN,
  COPIED_SHARE_MIN,
  COPIED_SIGMAS_MIN,
  DUPLICATE_COUNTS_MAX,
} from './limits.ts';
import { addSeen, type RowSlots } from './row-slots.ts';
import { twinTable } from './twin-table.ts';

/** Counts equal rows by what they are for. Memory: DUPLICATE_COUNTS_MAX counts and 24 bytes a different row that is kept. */
export interface DuplicateCounter {
  readonly add: (row: number, high: number, low: number) => void;
  /** @param expectedShare of a number of rows: what share of them has an equal one by chance; asked where it matters */
  readonly facts: (expectedShare: (rowCount: number) => number) => DuplicateFacts;
}

/** @param rowCount of the table */
export function duplicateCounter(
  rowCount: number,
  slots: RowSlots,
  countsMax = DUPLICATE_COUNTS_MAX,
): DuplicateCounter {
  const table = twinTable(rowCount, slots.count, countsMax);
  const bySlot = new Float64Array(slots.count);
  return {
    add: (row, high, low) => {
      const slot = slots.of(row);
      bySlot[slot] = (bySlot[slot] ?? 0) + 1;
      table.add(high, low, slot);
    },
    facts: (expectedShare) => {
      const seen = { validation: { rowCount: 0, twinCount: 0 }, holdout: { rowCount: 0, twinCount: 0 } };
      let twins = 0;
      let squares = 0;
      table.each((counts) => {
        const size = counts.reduce((sum, count) => sum + count, 0);
        if (size < 2) return;
        twins += size;
        squares += size ** 2;
        addSeen(slots, counts, seen);
      });
      const rate = table.rate();
      const rows = bySlot.reduce((sum, count) => sum + count, 0);
      // An estimate of few kept rows may be above the number of rows that there are.
      const scaled = (count: number, most: number): number => Math.min(most, Math.round(count / rate));
      const held = ({ twinCount }: { readonly twinCount: number }, most: number) => ({
        rowCount: most,
        twinCount: scaled(twinCount, most),
      });
      const validated = slots.validated.reduce((sum, { slot }) => sum + (bySlot[slot] ?? 0), 0);
      const counted = {
        rowCount: rows,
        twinCount: scaled(twins, rows),
        noise: rows === 0 ? 0 : Math.sqrt(squares * (1 - rate)) / rate / rows,
        validation: held(seen.validation, validated),
        holdout: held(seen.holdout, bySlot[slots.holdout] ?? 0),
      };
      if (!flatters(counted)) return { ...counted, expectedShare: null, isCopied: false };
      const share = expectedShare(rows);
      return { ...counted, expectedShare: share, isCopied: isBeyondChance(counted, share * rows) };
    },
  };
}

type Counted = Omit<DuplicateFacts, 'expectedShare' | 'isCopied'>;

/** Whether so many of the rows that models are judged by equal a training row that a score may be better for it. */
function flatters({ twinCount, validation, holdout }: Counted): boolean {
  const shareOf = (held: { readonly rowCount: number; readonly twinCount: number }): number =>
    held.rowCount === 0 ? 0 : held.twinCount / held.rowCount;
  return twinCount >= COPIED_ROWS_MIN && Math.max(shareOf(validation), shareOf(holdout)) >= COPIED_SHARE_MIN;
}

/** Whether equal rows are more than chance explains. It makes pairs, whose number is as good as Poisson: two rows of each. */
const isBeyondChance = ({ twinCount }: Counted, expected: number): boolean =>
  twinCount >= COPIED_FACTOR_MIN * expected &&
  twinCount - expected >= COPIED_SIGMAS_MIN * 2 * Math.sqrt(Math.max(1, expected / 2));
