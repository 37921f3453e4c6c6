import type { ManifestStep, TrainTask } from '#contracts';
import { crossCodeCount, stepColumnCount, stepColumns } from '#scoring';
import { tableEncoder } from '../encoder.ts';
import { monotoneColumns, type MemberContext } from '../fit-member.ts';
import { countRows, trainingRows, validationRows, type Member } from '../row-roles.ts';
import { offsetsOf, type TargetRows } from '../target-rows.ts';
import { textBlocks } from '../text/text-columns.ts';
import { blocksOf, type ColumnSpec, type DesignPlan } from './columns.ts';
import type { Design } from './design.ts';

/** Rows of a member: raw columns first, a design then. */
export interface EncodedPart {
  readonly rowCount: number;
  /** Their numbers in the table, ascending. */
  readonly rows: Int32Array;
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  readonly offsets: Float64Array | null;
  /** One array a matrix column, NaN is missing; emptied while the design is made. */
  readonly columns: Float64Array[];
}

/** One pass that keeps the member's training rows of positive weight, and the rows of its fold. */
export async function encodeRows(
  context: MemberContext<unknown>,
  member: Member,
  steps: readonly ManifestStep[],
): Promise<{ training: EncodedPart; validation: EncodedPart }> {
  const { features, source, rows, roles, texts, io } = context;
  const encoder = tableEncoder(features, steps, source, io.signal, {
    texts: null,
    categories: null,
    history: context.historyOf(member)?.heldOut ?? null,
  });
  const inSample = (row: number): boolean =>
    (roles.sample === null || roles.sample[row] === 1) && (texts.all.length === 0 || texts.holds(row));
  const hasWeight = (row: number): boolean => (rows.weights?.[row] ?? 1) > 0;
  const trains = trainingRows(roles, member);
  const validates = validationRows(roles, member);
  const training = partKeeper(
    context,
    rows.weights,
    (row) => trains(row) && inSample(row) && hasWeight(row),
    encoder.columnCount,
  );
  const validation = partKeeper(
    context,
    context.heldWeights,
    (row) => validates(row) && inSample(row) && hasWeight(row),
    encoder.columnCount,
  );
  await encoder.pass((values, rowCount, firstRow) => {
    training.add(values, rowCount, firstRow);
    validation.add(values, rowCount, firstRow);
  });
  return { training: training.part, validation: validation.part };
}

function partKeeper(
  { task, rows }: MemberContext<unknown>,
  weights: Float64Array | null,
  wanted: (row: number) => boolean,
  columnCount: number,
) {
  const rowCount = countRows(rows.rowCount, wanted);
  const labelOf = linearLabels(task, rows);
  const part: EncodedPart = {
    rowCount,
    rows: new Int32Array(rowCount),
    labels: new Float64Array(rowCount),
    weights: new Float64Array(rowCount),
    offsets: offsetsOf(rows, wanted),
    columns: Array.from({ length: columnCount }, () => new Float64Array(rowCount)),
  };
  let kept = 0;
  return {
    part,
    add: (values: Float64Array, count: number, firstRow: number): void => {
      for (let i = 0; i < count; i += 1) {
        const row = firstRow + i;
        if (!wanted(row)) continue;
        part.rows[kept] = row;
        part.labels[kept] = labelOf(row);
        part.weights[kept] = weights?.[row] ?? 1;
        for (let column = 0; column < columnCount; column += 1) {
          const cells = part.columns[column];
          if (cells !== undefined) cells[kept] = values[i * columnCount + column] ?? NaN;
        }
        kept += 1;
      }
    },
  };
}

/** The label of each row: the value, 1 for the positive class of two, or the class index. */
export function linearLabels(
  { target: { targetType, positiveClass } }: Pick<TrainTask, 'target'>,
  rows: TargetRows,
): (row: number) => number {
  return (row) => {
    if (rows.values !== null) return rows.values[row] ?? NaN;
    const index = rows.classes?.[row] ?? -1;
    return targetType === 'binary' ? Number(index === positiveClass) : index;
  };
}

/** What each matrix column of some steps is; of texts none. */
export function columnSpecs({ task, features }: MemberContext<unknown>, steps: readonly ManifestStep[]): ColumnSpec[] {
  const manifests = features.map(({ manifest }) => manifest);
  const signs = monotoneColumns(task, features, steps);
  return steps
    .flatMap((step): Omit<ColumnSpec, 'sign'>[] => {
      if (step.kind === 'category-codes')
        return [{ kind: 'category', codeCount: step.keys.length + (step.missingCode === null ? 0 : 1) }];
      if (step.kind === 'category-cross') return [{ kind: 'category', codeCount: crossCodeCount(step) }];
      if (step.kind === 'place-cells') return step.depths.map((depth) => ({ kind: 'category', codeCount: 2 ** depth }));
      return stepColumns(step, manifests).map(() => ({ kind: 'number', codeCount: 0 }));
    })
    .map((spec, column) => ({ ...spec, sign: signs?.[column] ?? 0 }));
}

/** The field of each matrix column: 0, 1, ... in the order in which the steps name their features. */
export function columnFields(steps: readonly ManifestStep[]): number[] {
  const features = [...new Set(steps.map(({ feature }) => feature))];
  return steps.flatMap((step) => Array.from({ length: stepColumnCount(step) }, () => features.indexOf(step.feature)));
}

/** The design of some rows; their raw columns are let go one by one. */
export function designOf(plans: readonly DesignPlan[], part: EncodedPart): Design {
  const blocks = plans.flatMap((plan, column) => {
    if (plan.kind === 'text') return textBlocks(plan, part.rows);
    const made = blocksOf(plan, part.columns[column] ?? new Float64Array(0));
    part.columns[column] = new Float64Array(0);
    return made;
  });
  return { rowCount: part.rowCount, blocks };
}
