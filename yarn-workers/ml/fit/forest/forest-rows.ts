import type { ManifestStep } from '#contracts';
import { stepColumns } from '#scoring';
import { hash32, rowHash } from '#statistics';
import { leafScales } from '../class-balance.ts';
import { copyRow, tableEncoder } from '../encoder.ts';
import type { MemberContext } from '../fit-member.ts';
import { BIN_SAMPLE_CELLS_MAX } from '../limits.ts';
import { linearLabels } from '../linear/member-rows.ts';
import { countRows, trainingRows, type Member } from '../row-roles.ts';
import type { HeldOutScores } from '../text/score-texts.ts';
import type { ForestSettings } from '../../blueprints/forest-settings.ts';
import { binTable, categoryBins, numberBins, type ColumnBins } from './bins.ts';
import { levelScores } from './level-scores.ts';
import type { ForestRows } from './tree-rows.ts';

const SAMPLE_SALT = 0x5a17_0008;

/** The training rows of a member in bins, and how columns are binned. */
export interface BinnedMember {
  readonly rows: ForestRows;
  readonly columns: readonly ColumnBins[];
}

/**
 * Reads a member's training rows of positive weight: bins are found from all of them, or from a part by hash where there are more
 * than BIN_SAMPLE_CELLS_MAX cells; then they are read a second time.
 */
export async function binMember(
  context: MemberContext<ForestSettings>,
  member: Member,
  steps: readonly ManifestStep[],
  heldOut: HeldOutScores | null,
): Promise<BinnedMember> {
  const { task, features, source, rows, roles, settings, outputCount, io } = context;
  const encoder = tableEncoder(features, steps, source, io.signal, { texts: heldOut, categories: null, history: null });
  const isTraining = trainingRows(roles, member);
  const trains = (row: number): boolean => isTraining(row) && (rows.weights?.[row] ?? 1) > 0;
  const rowCount = countRows(rows.rowCount, trains);
  const labelOf = linearLabels(task, rows);
  const sampleMost = Math.max(1, Math.floor(BIN_SAMPLE_CELLS_MAX / Math.max(1, encoder.columnCount)));
  const salted = hash32(task.seed, SAMPLE_SALT);
  const limit = (sampleMost / rowCount) * 0x1_0000_0000;
  const samples = rowCount <= sampleMost ? trains : (row: number) => trains(row) && rowHash(salted, row) < limit;
  const sample = sampleOf(countRows(rows.rowCount, samples), encoder.columnCount);
  const all = emptyRows(rowCount);
  let place = 0;
  await encoder.pass((values, count, firstRow) => {
    for (let i = 0; i < count; i += 1) {
      const row = firstRow + i;
      if (!trains(row)) continue;
      all.labels[place] = labelOf(row);
      all.weights[place] = rows.weights?.[row] ?? 1;
      if (samples(row)) sample.add(values, i, all.labels[place] ?? NaN, all.weights[place] ?? NaN);
      place += 1;
    }
  });
  const columns = kindsOf(context, steps).map((kind, column) =>
    kind === null
      ? numberBins(sample.column(column), settings.maxBins)
      : levelBins(sample, column, kind, outputCount, settings),
  );
  const table = binTable(columns, rowCount);
  if (samples === trains)
    for (let row = 0; row < rowCount; row += 1) table.put(sample.values, row * columns.length, row);
  else {
    let next = 0;
    await encoder.pass((values, count, firstRow) => {
      for (let i = 0; i < count; i += 1) {
        if (!trains(firstRow + i)) continue;
        table.put(values, i * columns.length, next);
        next += 1;
      }
    });
  }
  const low = columns.map((column) => column.low);
  const high = columns.map((column) => column.high);
  return {
    columns,
    rows: { rowCount, ...all, leafScales: leafScales(task), binned: table.binned, low, high, outputCount },
  };
}

/** Rows kept as they are encoded, row-major, with labels and weights. */
function sampleOf(rowCount: number, columnCount: number) {
  const values = new Float64Array(rowCount * columnCount);
  const labels = new Float64Array(rowCount);
  const weights = new Float64Array(rowCount);
  let kept = 0;
  return {
    values,
    labels,
    weights,
    add: (block: Float64Array, row: number, label: number, weight: number): void => {
      copyRow(block, row, values, kept, columnCount);
      labels[kept] = label;
      weights[kept] = weight;
      kept += 1;
    },
    column: (column: number): Float64Array =>
      Float64Array.from({ length: rowCount }, (_, row) => values[row * columnCount + column] ?? NaN),
  };
}

/** By column: levels of a category, or null for a number. */
function kindsOf({ features }: MemberContext<ForestSettings>, steps: readonly ManifestStep[]): (number | null)[] {
  const manifests = features.map(({ manifest }) => manifest);
  return steps.flatMap((step) =>
    step.kind === 'category-codes'
      ? [step.keys.length + (step.missingCode === null ? 0 : 1)]
      : stepColumns(step, manifests).map(() => null),
  );
}

function levelBins(
  sample: ReturnType<typeof sampleOf>,
  column: number,
  levelCount: number,
  outputCount: number,
  { categorySmoothing, maxBins }: ForestSettings,
): ColumnBins {
  const codes = sample.column(column);
  const { scores, unknown } = levelScores(codes, levelCount, sample, outputCount, categorySmoothing);
  const counts = new Float64Array(levelCount);
  for (const code of codes) if (code >= 0 && code < levelCount) counts[code] = (counts[code] ?? 0) + 1;
  return categoryBins(scores, unknown, counts, maxBins);
}

const emptyRows = (rowCount: number): Pick<ForestRows, 'labels' | 'weights'> => ({
  labels: new Float64Array(rowCount),
  weights: new Float64Array(rowCount),
});
