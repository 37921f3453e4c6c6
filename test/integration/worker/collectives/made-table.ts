import { averageRanks, createRandom } from '#statistics';

/** Columns of the made table; the last one is a category. */
export const COLUMN_COUNT = 8;
export const CATEGORY_COLUMN = COLUMN_COUNT - 1;
const LEVEL_COUNT = 40;

/** Rows that lie together in one process. */
export interface Part {
  readonly rowCount: number;
  /** rowCount x {@link COLUMN_COUNT}, row-major; some are missing. */
  readonly values: Float64Array;
  readonly labels: Float32Array;
}

/** A part of the made table: the same rows whoever asks. */
export function madePart(seed: number, rowCount: number): Part {
  const random = createRandom(seed);
  const values = new Float64Array(rowCount * COLUMN_COUNT);
  const labels = new Float32Array(rowCount);
  for (let row = 0, at = 0; row < rowCount; row += 1) {
    let signal = 0;
    for (let column = 0; column < CATEGORY_COLUMN; column += 1, at += 1) {
      const value = random.uniform() - random.uniform();
      values[at] = column === 2 && random.uniform() < 0.1 ? NaN : value;
      if (column < 4) signal += column % 2 === 0 ? value : -value * Math.abs(value);
    }
    const level = random.below(LEVEL_COUNT);
    values[at] = level;
    at += 1;
    labels[row] = random.uniform() < 1 / (1 + Math.exp(-4 * (signal + Math.cos(level)))) ? 1 : 0;
  }
  return { rowCount, values, labels };
}

/** One part of several, in their order. */
export function joined(parts: readonly Part[]): Part {
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  const values = new Float64Array(rowCount * COLUMN_COUNT);
  const labels = new Float32Array(rowCount);
  let row = 0;
  for (const part of parts) {
    values.set(part.values, row * COLUMN_COUNT);
    labels.set(part.labels, row);
    row += part.rowCount;
  }
  return { rowCount, values, labels };
}

/** Area under the ROC curve. */
export function aucOf(scores: Float64Array, labels: Float32Array): number {
  const ranks = averageRanks(scores);
  let ranksOfPositives = 0;
  let positives = 0;
  for (const [row, label] of labels.entries()) {
    if (label === 0) continue;
    ranksOfPositives += ranks[row] ?? 0;
    positives += 1;
  }
  return (ranksOfPositives - (positives * (positives - 1)) / 2) / (positives * (labels.length - positives));
}
