import type { ColumnWarning } from '#contracts';
import type { ColumnNames } from './column-names.ts';
import { addCounts, countCells, DATE_READINGS, type CellCounts, type CountedCells } from './count-cells.ts';
import { presentCount, type CountOptions } from './count-kinds.ts';
import { decide, misfitCount, type Decision, type Reading } from './decide.ts';
import { firstMisfits, type Misfit, type Misfits } from './misfits.ts';
import { typeWarnings } from './type-warnings.ts';

/**
 * What is known of a text column's cells in the rows so far: all that {@link decide} and its warnings need, so that a text is
 * looked at piece by piece and no piece twice. Memory: some numbers, and a short text for each way to read a column.
 */
export interface ColumnTally {
  counts: CellCounts | null;
  /** The first cell that does not read so, its row counted through all pieces. */
  readonly misfits: Map<Reading, Misfit>;
}

export const newTally = (): ColumnTally => ({ counts: null, misfits: new Map() });

const READINGS: readonly Reading[] = ['number', ...DATE_READINGS];

/**
 * Adds the rows of one piece, columns of one group.
 *
 * @param tallies of all columns, by position; pieces come in the order of their rows
 * @param firstRow number of the piece's first row, from 0
 * @returns what was counted in the piece
 */
export async function tallyGroup(
  tallies: readonly ColumnTally[],
  firstRow: number,
  options: CountOptions,
): Promise<CountedCells> {
  const { from, to } = options.group;
  // Where dates are few in a piece, they may still be most of the cells of the whole text.
  const counted = await countCells({ ...options, dateShareMin: 0 });
  const wanted = tallies.slice(from, to).flatMap((tally, index) => {
    const cells = counted.counts[index];
    return cells === undefined ? [] : wantedMisfits(from + index, tally, cells);
  });
  const found = await firstMisfits(
    wanted.map(({ misfits }) => misfits),
    options,
  );
  for (const [index, { row, shape }] of found.entries())
    for (const reading of wanted[index]?.readings ?? [])
      tallies[wanted[index]?.misfits.position ?? -1]?.misfits.set(reading, { row: row + firstRow, shape });
  for (const [index, cells] of counted.counts.entries()) {
    const tally = tallies[from + index];
    if (tally !== undefined) tally.counts = tally.counts === null ? cells : addCounts(tally.counts, cells);
  }
  return counted;
}

/** One search for a first misfit, and the readings that it is the first misfit of. */
interface WantedMisfit {
  readonly misfits: Misfits;
  readonly readings: readonly Reading[];
}

function wantedMisfits(position: number, tally: ColumnTally, cells: CellCounts): WantedMisfit[] {
  const present = presentCount(cells.kinds);
  const open = READINGS.filter((reading) => !tally.misfits.has(reading) && misfitCount(cells, reading) > 0);
  // No cell reads so: the first one is the first misfit of all of these.
  const never = open.filter((reading) => misfitCount(cells, reading) === present);
  const some = open.filter((reading) => misfitCount(cells, reading) < present);
  return [
    ...(never.length === 0 ? [] : [{ misfits: { position, reading: null, count: present }, readings: never }]),
    ...some.map((reading) => ({
      misfits: { position, reading, count: misfitCount(cells, reading) },
      readings: [reading],
    })),
  ];
}

export interface DecidedColumns {
  /** By position. */
  readonly decisions: readonly Decision[];
  readonly warnings: readonly ColumnWarning[];
}

/** What the columns are, once all rows were added. */
export function decideTallied(
  tallies: readonly ColumnTally[],
  { names }: Pick<ColumnNames, 'names'>,
  nullMarkers: readonly string[],
): DecidedColumns {
  const decisions: Decision[] = [];
  const warnings: ColumnWarning[] = [];
  for (const [position, { counts, misfits }] of tallies.entries()) {
    if (counts === null) continue;
    const decision = decide(counts, nullMarkers);
    const misfit = decision.mixed === null ? null : (misfits.get(decision.mixed.reading) ?? null);
    decisions.push(decision);
    warnings.push(...typeWarnings(names[position] ?? '', position, decision, misfit));
  }
  return { decisions, warnings };
}
