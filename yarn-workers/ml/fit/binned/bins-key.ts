import type { ManifestStep, TrainTask } from '#contracts';
import type { Sha256Function } from '#scoring';
import type { HeldOut } from '../encoder.ts';
import type { TaskFeature } from '../task-columns.ts';
import type { RowUses } from './row-uses.ts';
import { digestArray, digestOf, digestRows } from './digest.ts';

/** Of the shards, their index, and of how values become bins. */
const BINS_FORMAT = 2;

/** What the bins of a member's rows depend on. */
export interface BinFacts {
  readonly table: TrainTask['table'];
  readonly features: readonly TaskFeature[];
  readonly steps: readonly ManifestStep[];
  readonly heldOut: HeldOut | null;
  /** Of all ranks. */
  readonly rows: RowUses;
  /** The engine's bins. */
  readonly reference: Uint8Array;
  /** What makes them. */
  readonly program: string;
}

/**
 * The digest of all that the bins of a member's rows depend on: equal keys, equal bytes. Files of a table that are read in place have no
 * digest: how they were registered stands for it, and a reader refuses those that were changed since.
 *
 * @returns null of rows whose columns are not told by what can be digested
 */
export function binsKey(facts: BinFacts, sha256: Sha256Function): string | null {
  const { table, features, steps, heldOut, reference, program } = facts;
  if (heldOut !== null && heldOut.history !== null) return null;
  const { trains, validates, isHeldOut } = facts.rows;
  const roleOf = (row: number): number => (trains(row) ? 1 : validates(row) ? 2 : isHeldOut(row) ? 3 : 0);
  return digestOf(
    {
      ...{ format: BINS_FORMAT, program, table, features, steps },
      reference: sha256(reference),
      roles: digestRows(table.rowCount, roleOf, sha256),
      heldOut: heldOut === null ? null : heldOutDigests(heldOut, steps, table.rowCount, sha256),
    },
    sha256,
  );
}

function heldOutDigests(
  { texts, categories }: HeldOut,
  steps: readonly ManifestStep[],
  rowCount: number,
  sha256: Sha256Function,
) {
  return {
    texts:
      texts === null
        ? null
        : {
            columnCount: texts.columnCount,
            rows: digestArray(texts.rows.bits, sha256),
            values: digestArray(texts.values, sha256),
          },
    categories:
      categories === null
        ? null
        : {
            encodings: categories.encodings.map(({ step, without }) => ({ at: steps.indexOf(step), without })),
            // From -1 on.
            parts: digestRows(rowCount, (row) => 1 + categories.partOf(row), sha256),
          },
  };
}
