import type { RowPrediction, Scorer } from './scorer.ts';

/** The same scorer with another threshold of a binary target: probabilities stay, labels follow it. Of other targets it is the scorer. */
export function withThreshold(scorer: Scorer, threshold: number | undefined): Scorer {
  const { targetType, classes, positiveClass } = scorer.manifest.content;
  if (threshold === undefined || targetType !== 'binary') return scorer;
  const positive = positiveClass ?? 1;
  const relabel = (out: RowPrediction): void => {
    out.classIndex = (out.probabilities[positive] ?? NaN) >= threshold ? positive : 1 - positive;
    out.prediction = classes[out.classIndex] ?? '';
  };
  return {
    ...scorer,
    scoreRow: (row, out, rowNumber) => {
      scorer.scoreRow(row, out, rowNumber);
      relabel(out);
    },
    toPrediction: (raw, at, out) => {
      scorer.toPrediction(raw, at, out);
      relabel(out);
    },
  };
}
