import { Type, type Static } from 'typebox';
import { oneOf, strict } from './schema.ts';

/** Findings of a run at most, the worst first. */
export const LEAKAGE_FINDINGS_MAX = 1_000;

/** A feature, or two together, that predict the target better than what is known beforehand should. */
export const LeakageFinding = strict({
  features: Type.Array(Type.String(), {
    minItems: 1,
    maxItems: 2,
    description: 'of a pair the one first that tells more by itself',
  }),
  risk: oneOf(['high', 'moderate']),
  score: Type.Number({
    maximum: 1,
    description:
      'on rows not fitted on, 0 for chance and 1 for perfect: Gini (binary), Goodman and Kruskal’s lambda (multiclass), R² of ranks (regression)',
  }),
  by: oneOf(['value', 'missing', 'difference', 'sum', 'equality', 'concatenation'], {
    description: 'what of the features tells the target; missing: that they are missing alone',
  }),
});
export type LeakageFinding = Static<typeof LeakageFinding>;

/** What the check for target leakage found; no row of the holdout was looked at. */
export const LeakageFacts = strict({
  rowCount: Type.Integer({ minimum: 0, description: 'rows used for single features; 0: too few to tell' }),
  pairRowCount: Type.Integer({ minimum: 0, description: 'rows used for pairs' }),
  pairCount: Type.Integer({
    minimum: 0,
    description: 'pairs that were looked at, of the features with the best scores',
  }),
  findings: Type.Array(LeakageFinding, { maxItems: LEAKAGE_FINDINGS_MAX }),
});
export type LeakageFacts = Static<typeof LeakageFacts>;
