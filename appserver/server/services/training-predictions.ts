import type { TargetSpec } from '#contracts';
import type { OutOfFold } from '#ml';
import { csvCell } from '#runtime';

const HOLDOUT_NAME = 'holdout';

/**
 * Out-of-fold predictions as CSV, a piece for each block: row number, partition, then the columns of batch predictions. Rows of the holdout
 * are left out while it is locked.
 */
export async function* trainingPredictionsCsv(
  blocks: AsyncIterable<OutOfFold>,
  target: TargetSpec,
  withHoldout: boolean,
): AsyncGenerator<string> {
  const labels = target.classes.map((entry) => entry.label);
  const columns = ['rowIndex', 'partition', 'prediction', ...labels.map((label) => `probability_${label}`)];
  yield `${columns.map(csvCell).join(',')}\r\n`;
  for await (const block of blocks) {
    let piece = '';
    for (const [index, partition] of block.partitions.entries()) {
      if (partition < 0 && !withHoldout) continue;
      const cells = [String(block.rows[index] ?? 0), partition < 0 ? HOLDOUT_NAME : String(partition)];
      piece += `${[...cells, ...predictionCells(block, index, target, labels)].join(',')}\r\n`;
    }
    yield piece;
  }
}

/** Binary: positive if its probability is at least 0.5; multiclass: the highest, ties to the first in class order. */
function predictionCells(data: OutOfFold, index: number, target: TargetSpec, labels: readonly string[]): string[] {
  const { outputCount, predictions } = data;
  if (target.targetType === 'regression') return [String(predictions[index] ?? NaN)];
  const probabilities =
    target.targetType === 'binary'
      ? binaryProbabilities(predictions[index] ?? NaN, target.positiveClass ?? 1)
      : Array.from(predictions.subarray(index * outputCount, (index + 1) * outputCount));
  let best = 0;
  for (const [place, probability] of probabilities.entries())
    if (probability > (probabilities[best] ?? 0)) best = place;
  if (target.targetType === 'binary') {
    const positive = target.positiveClass ?? 1;
    best = (probabilities[positive] ?? 0) >= 0.5 ? positive : 1 - positive;
  }
  return [csvCell(labels[best] ?? ''), ...probabilities.map(String)];
}

function binaryProbabilities(positiveProbability: number, positive: number): number[] {
  const both = [1 - positiveProbability, positiveProbability];
  return positive === 1 ? both : both.reverse();
}
