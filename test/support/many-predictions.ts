import type { TargetSpec, TargetType } from '#contracts';
import type { OutOfFold } from '#ml';
import { createRandom } from '#statistics';

/** Targets by type, as tasks have them. */
export function targetOf(targetType: TargetType): TargetSpec {
  const labels = targetType === 'regression' ? [] : targetType === 'binary' ? ['no', 'yes'] : ['a', 'b', 'c'];
  const classes = labels.map((label) => ({ label, texts: [label], rowCount: 1 }));
  return { name: 'y', targetType, classes, positiveClass: targetType === 'binary' ? 1 : null };
}

/** What predictions are made of. */
export interface MadePredictions {
  readonly rowCount: number;
  readonly targetType: TargetType;
  readonly foldCount?: number;
  readonly isWeighted?: boolean;
  readonly isByDate?: true;
  /** Of the noise in what is predicted: models of the same rows have others. */
  readonly seed?: number;
}

/** Out-of-fold predictions of a model that knows something, of two thirds of the rows of a table; some of the rows are of the holdout. */
export function manyPredictions({
  rowCount,
  targetType,
  foldCount = 1,
  isWeighted = false,
  isByDate,
  seed = 1,
}: MadePredictions): OutOfFold {
  const truth = createRandom(7);
  const noise = createRandom(100 + seed);
  const outputCount = targetType === 'multiclass' ? 3 : 1;
  const raw = Float64Array.from({ length: rowCount }, () => 4 * (truth.uniform() - 0.5));
  const partitions = Int8Array.from(raw, () => truth.below(foldCount + 1) - 1);
  const weights = isWeighted ? Float64Array.from(raw, () => truth.below(3)) : null;
  const classes = new Int32Array(rowCount);
  const predictions = new Float64Array(rowCount * outputCount);
  for (let row = 0; row < rowCount; row += 1) {
    const told = (raw[row] ?? 0) + noise.uniform() - 0.5;
    if (targetType === 'multiclass') {
      const odds = [Math.exp(told), 1, Math.exp(-told)];
      const sum = odds.reduce((all, one) => all + one, 0);
      for (const [index, one] of odds.entries()) predictions[3 * row + index] = one / sum;
      classes[row] = Math.min(2, Math.max(0, Math.floor(1.5 - (raw[row] ?? 0) + 2 * (truth.uniform() - 0.5))));
    } else if (targetType === 'binary') {
      predictions[row] = 1 / (1 + Math.exp(-told));
      classes[row] = Number(truth.uniform() < 1 / (1 + Math.exp(-(raw[row] ?? 0))));
    } else predictions[row] = 10 + told;
  }
  return {
    rows: Uint32Array.from(raw, (_, place) => Math.floor(1.5 * place)),
    partitions,
    foldCount,
    ...(isByDate === undefined ? {} : { isByDate }),
    classes: targetType === 'regression' ? null : classes,
    values: targetType === 'regression' ? raw.map((value) => 10 + value) : null,
    weights,
    outputCount,
    predictions,
  };
}
