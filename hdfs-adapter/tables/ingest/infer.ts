import type { ColumnWarning } from '#contracts';
import { countCells } from './count-cells.ts';
import type { CountOptions } from './count-kinds.ts';
import { MIXED_SHARE_MIN, decide } from './decide.ts';
import { firstMisfits } from './misfits.ts';
import type { ColumnPlan } from './stored.ts';
import { textForm } from './text-form.ts';
import { typeWarnings } from './type-warnings.ts';

export interface InferredGroup {
  readonly plans: readonly ColumnPlan[];
  readonly warnings: readonly ColumnWarning[];
  readonly rowCount: number;
  readonly nullCount: number;
}

/** `relation` has `file_row_number`, too. */
export interface InferOptions extends CountOptions {
  readonly names: readonly string[];
}

/** Decides storage and parse rule of each text column of a group, from all of its cells, which are at hand. */
export async function inferGroup(options: InferOptions): Promise<InferredGroup> {
  const { group, names, nullMarkers } = options;
  // Fewer dates than a warning needs are of no interest.
  const { counts, rowCount } = await countCells({ ...options, dateShareMin: MIXED_SHARE_MIN });
  const plans: ColumnPlan[] = [];
  const warnings: ColumnWarning[] = [];
  let nullCount = 0;
  for (const [index, cells] of counts.entries()) {
    const position = group.from + index;
    const decision = decide(cells, nullMarkers);
    const { storage, parse, mixed } = decision;
    plans.push({ position, storage, parse, ...textForm({ position, storage, parse }, decision.hasMarkers) });
    nullCount += cells.kinds.missing;
    const [misfit = null] = mixed === null ? [] : await firstMisfits([{ ...mixed, position }], options);
    warnings.push(...typeWarnings(names[position] ?? '', position, decision, misfit));
  }
  return { plans, warnings, rowCount, nullCount };
}
