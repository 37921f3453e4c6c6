import { AppError, type ManifestStep } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import type { MemberContext } from '../fit-member.ts';
import { PUSH_CELLS_MAX } from '../limits.ts';
import { countRows, trainingRows, type Member } from '../row-roles.ts';
import { offsetsAt, type TargetRows } from '../target-rows.ts';
import { sharesOf, type ColumnPlan } from './columns.ts';
import { designOf, emptyPart, memberEncoder, rowWriter } from './member-rows.ts';
import type { TrainingRows } from './path.ts';
import { cellsOfRow } from './path-members.ts';

/** The rows of a member, passed over, and what the first pass has found of them beside. */
export interface MemberPasses {
  /** See `PassedRows`. */
  readonly forEach: (sink: (part: TrainingRows) => void, isTooLate: () => boolean) => Promise<boolean>;
  readonly rowCount: number;
  /** The plans, with the shares of all rows that were passed over. */
  readonly plansOfAll: () => readonly ColumnPlan[];
}

/**
 * All training rows of a member that have weight, read and encoded anew in each pass. Parts are of PUSH_CELLS_MAX cells of the design, however
 * the table is read, so that sums over them do not depend on that. Memory: that of one part.
 *
 * @param plans of the columns of the steps, by the rows that memory holds
 */
export function memberPasses(
  context: MemberContext<unknown>,
  member: Member,
  steps: readonly ManifestStep[],
  plans: readonly ColumnPlan[],
): MemberPasses {
  const { rows, roles, outputCount, io } = context;
  const encoder = memberEncoder(context, member, steps);
  const { columnCount } = encoder;
  const trains = trainingRows(roles, member);
  const isWanted = (row: number): boolean => trains(row) && (rows.weights?.[row] ?? 1) > 0;
  const rowCount = countRows(rows.rowCount, isWanted);
  const cellsMax = Math.min(PUSH_CELLS_MAX, io.matrixCellsMax ?? PUSH_CELLS_MAX);
  const most = Math.floor(cellsMax / cellsOfRow({ columnCount, outputCount }));
  const room = (): ReturnType<typeof emptyPart> => emptyPart(Math.max(1, Math.min(rowCount, most)), columnCount);
  const weight = weightOf(rows, isWanted);
  const write = rowWriter(context, rows.weights, columnCount);
  const shares = plans.map((plan) => new Float64Array(plan.shares.length));
  let isFirst = true;
  return {
    rowCount,
    plansOfAll: () => plans.map((plan, column) => ({ ...plan, shares: shares[column] ?? plan.shares })),
    forEach: async (sink, isTooLate) => {
      const ended = new AppError('TASK_DEADLINE', 'there was no time for all rows');
      const { columns, ...targets } = room();
      let held = 0;
      const flush = (): void => {
        if (held === 0) return;
        const weights = targets.weights.subarray(0, held).map((each) => each / weight);
        const cells = columns.map((column) => column.subarray(0, held));
        if (isFirst) addShares(shares, plans, cells, weights);
        const part = { ...targets, weights, rowCount: held, columns: cells };
        const offsets = offsetsAt(rows, targets.rows.subarray(0, held));
        sink({ labels: targets.labels.subarray(0, held), weights, offsets, design: designOf(plans, part) });
        held = 0;
      };
      const part = { ...targets, columns };
      try {
        await encoder.pass((values, count, firstRow) => {
          for (let index = 0; index < count; index += 1) {
            if (!isWanted(firstRow + index)) continue;
            write(part, held, firstRow + index, values, index);
            held += 1;
            if (held < targets.rowCount) continue;
            flush();
            if (isTooLate()) throw ended;
          }
        });
        flush();
      } catch (err) {
        if (err === ended) return false;
        throw err;
      }
      isFirst = false;
      return true;
    },
  };
}

/** The weight of all rows that are wanted. */
function weightOf({ rowCount, weights }: TargetRows, isWanted: (row: number) => boolean): number {
  const sum = emptySum();
  for (let row = 0; row < rowCount; row += 1) if (isWanted(row)) addTerm(sum, weights?.[row] ?? 1);
  return sumOf(sum);
}

function addShares(
  shares: readonly Float64Array[],
  plans: readonly ColumnPlan[],
  columns: readonly Float64Array[],
  weights: Float64Array,
): void {
  for (const [column, plan] of plans.entries()) {
    const [own, cells] = [shares[column], columns[column]];
    if (own === undefined || cells === undefined) continue;
    for (const [point, share] of sharesOf(plan, cells, weights).entries()) own[point] = (own[point] ?? 0) + share;
  }
}
