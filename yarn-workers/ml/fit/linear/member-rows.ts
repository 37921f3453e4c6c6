import type { ManifestStep, TrainTask } from '#contracts';
import { crossCodeCount, stepColumnCount, stepColumns } from '#scoring';
import { tableEncoder, type TableEncoder } from '../encoder.ts';
import { monotoneColumns, type MemberContext } from '../fit-member.ts';
import { countRows, heldSample, trainingRows, validationRows, type Member } from '../row-roles.ts';
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

/** What encodes a member's rows for a design; texts are no part of it. */
export const memberEncoder = (
  { features, source, io, historyOf }: MemberContext<unknown>,
  member: Member,
  steps: readonly ManifestStep[],
): TableEncoder =>
  tableEncoder(features, steps, source, io.signal, {
    ...{ texts: null, categories: null },
    history: historyOf(member)?.heldOut ?? null,
  });

/** One pass that keeps the member's training rows of positive weight, and the rows of its fold: those that memory can hold. */
export async function encodeRows(
  context: MemberContext<unknown>,
  member: Member,
  steps: readonly ManifestStep[],
): Promise<{ training: EncodedPart; validation: EncodedPart }> {
  const { rows, roles, texts } = context;
  const encoder = memberEncoder(context, member, steps);
  const held = heldSample(roles);
  const inSample = (row: number): boolean =>
    (held === null || held[row] === 1) && (texts.all.length === 0 || texts.holds(row));
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
  context: MemberContext<unknown>,
  weights: Float64Array | null,
  wanted: (row: number) => boolean,
  columnCount: number,
) {
  const rowCount = countRows(context.rows.rowCount, wanted);
  const part = { ...emptyPart(rowCount, columnCount), offsets: offsetsOf(context.rows, wanted) };
  const write = rowWriter(context, weights, columnCount);
  let kept = 0;
  return {
    part,
    add: (values: Float64Array, count: number, firstRow: number): void => {
      for (let i = 0; i < count; i += 1) {
        if (!wanted(firstRow + i)) continue;
        write(part, kept, firstRow + i, values, i);
        kept += 1;
      }
    },
  };
}

/** Room for some rows without offsets. */
export const emptyPart = (rowCount: number, columnCount: number): EncodedPart & { readonly offsets: null } => ({
  rowCount,
  rows: new Int32Array(rowCount),
  labels: new Float64Array(rowCount),
  weights: new Float64Array(rowCount),
  offsets: null,
  columns: Array.from({ length: columnCount }, () => new Float64Array(rowCount)),
});

/** Writes a row into a part, all but its offset: row `index` of encoded ones. */
export function rowWriter(
  { task, rows }: MemberContext<unknown>,
  weights: Float64Array | null,
  columnCount: number,
): (part: EncodedPart, place: number, row: number, values: Float64Array, index: number) => void {
  const labelOf = linearLabels(task, rows);
  return (part, place, row, values, index) => {
    part.rows[place] = row;
    part.labels[place] = labelOf(row);
    part.weights[place] = weights?.[row] ?? 1;
    for (let column = 0; column < columnCount; column += 1) {
      const cells = part.columns[column];
      if (cells !== undefined) cells[place] = values[index * columnCount + column] ?? NaN;
    }
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
