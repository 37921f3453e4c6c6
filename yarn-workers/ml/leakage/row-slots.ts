import { trainingGroups, type RowRoles } from '../fit/row-roles.ts';
import { HOLDOUT, UNUSED } from '../partition/types.ts';

/** What rows are for, numbered: rows of one slot train the same members and are held back by the same one. */
export interface RowSlots {
  readonly count: number;
  readonly of: (row: number) => number;
  /** Slots whose rows are validated, each with the slots that train the member which predicts them. */
  readonly validated: readonly { readonly slot: number; readonly training: readonly number[] }[];
  readonly holdout: number;
  /** All slots that train some member, which is what predicts the holdout has seen. */
  readonly modelled: readonly number[];
}

/** The training groups, then the holdout, then the rows of no partition. */
export function rowSlots(roles: RowRoles): RowSlots {
  const groups = trainingGroups({ ...roles, sample: null });
  const holdout = groups.count;
  const unused = holdout + 1;
  const foldOf = new Int8Array(groups.count).fill(UNUSED);
  for (let row = 0; row < roles.of.length; row += 1) {
    const group = groups.of(row);
    if (group >= 0) foldOf[group] = roles.of[row] ?? UNUSED;
  }
  const modelled = Array.from(foldOf.keys());
  const validated = modelled.flatMap((slot) => {
    const fold = foldOf[slot] ?? UNUSED;
    if (fold < 0) return [];
    const trains = groups.trains({ fold });
    return [{ slot, training: modelled.filter((group) => trains(group)) }];
  });
  return {
    ...{ count: unused + 1, validated, holdout, modelled },
    of: (row) => {
      const group = groups.of(row);
      return group >= 0 ? group : roles.of[row] === HOLDOUT ? holdout : unused;
    },
  };
}

/** Rows that are predicted by a model, and those of them of which it has seen an equal one. */
export interface Seen {
  rowCount: number;
  twinCount: number;
}

/** What rows that are equal, or of one level, add to the rows that are validated and to the holdout. */
export function addSeen(
  { validated, holdout, modelled }: RowSlots,
  counts: ArrayLike<number>,
  seen: { readonly validation: Seen; readonly holdout: Seen },
): void {
  const isSeen = (slots: readonly number[]): boolean => slots.some((slot) => (counts[slot] ?? 0) > 0);
  const add = (to: Seen, rowCount: number, training: readonly number[]): void => {
    if (rowCount === 0) return;
    to.rowCount += rowCount;
    if (isSeen(training)) to.twinCount += rowCount;
  };
  for (const { slot, training } of validated) add(seen.validation, counts[slot] ?? 0, training);
  add(seen.holdout, counts[holdout] ?? 0, modelled);
}
