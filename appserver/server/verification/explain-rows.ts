import type { RowExplanations } from '#contracts';
import { explanationOf, outputLabel, unseenLevelText, type Scorer } from '#scoring';

/**
 * Predictions of raw rows, each explained for every output, on the link scale.
 *
 * @throws CELL_UNREADABLE naming row and column; NOT_AVAILABLE for a model trained without what explanations need
 */
export function explainRows(
  scorer: Scorer,
  rows: readonly Readonly<Record<string, unknown>>[],
  top: number,
): RowExplanations['data'] {
  const { content } = scorer.manifest;
  const out = scorer.createPrediction(true);
  return rows.map((row, index) => {
    scorer.scoreRow(row, out, index + 1);
    const explanations = Array.from({ length: scorer.outputCount }, (_, output) => {
      const label = outputLabel(content, output);
      const explained = explanationOf(scorer.explainer(), out, output, top);
      return { ...(label === null ? {} : { label }), ...explained, contributions: [...explained.contributions] };
    });
    const entries = content.classes.map((label, place) => [label, out.probabilities[place] ?? NaN] as const);
    return {
      prediction: out.prediction,
      // fromEntries makes own properties, whatever the labels are.
      ...(entries.length === 0 ? {} : { probabilities: Object.fromEntries(entries) }),
      missingColumns: [...scorer.columnDifferences(Object.keys(row)).missing],
      unseenLevels: scorer.unseenLevels(row, out).map(unseenLevelText),
      explanations,
    };
  });
}
