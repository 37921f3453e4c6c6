import { nullable, oneOf, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

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

/** Rows that some model predicts, and those of them that equal a row which it was trained on. */
const SeenRows = strict({
  rowCount: Type.Integer({ minimum: 0 }),
  twinCount: Type.Integer({ minimum: 0 }),
});

/** Rows that are equal in all modelled features and the target. */
export const DuplicateFacts = strict({
  rowCount: Type.Integer({ minimum: 0, description: 'rows that were compared' }),
  twinCount: Type.Integer({ minimum: 0, description: 'rows that have an equal one' }),
  noise: Type.Number({
    minimum: 0,
    description: 'standard error of the share of such rows; 0: counted exactly, but for equal hashes of 64 bits',
  }),
  validation: SeenRows,
  holdout: SeenRows,
  expectedShare: nullable(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description:
        'share of rows that would have an equal one by chance, by the frequencies of values and of pairs of values; null where there are too few to ask',
    }),
  ),
  isCopied: Type.Boolean({
    description: 'far more than by chance, and enough validation or holdout rows to flatter scores',
  }),
});
export type DuplicateFacts = Static<typeof DuplicateFacts>;

/** Columns that may name groups that are looked at in a run at most. */
export const GROUP_COLUMNS_MAX = 20;

/** What bounds the search of a task, and which columns may name groups. */
export const LeakageSearch = strict({
  msMax: Type.Optional(Type.Integer({ minimum: 0, description: 'time that it may take; none: until it is done' })),
  groupColumns: Type.Optional(
    Type.Array(strict({ name: Type.String(), levelCount: Type.Integer({ minimum: 1, description: 'about' }) }), {
      maxItems: GROUP_COLUMNS_MAX,
      description: 'columns of the dataset that may name groups, features or not',
    }),
  ),
});
export type LeakageSearch = Static<typeof LeakageSearch>;

/** A column whose groups (customers, patients, devices) are known to training and validation rows alike, and tell the target. */
export const GroupFinding = strict({
  column: Type.String(),
  score: Type.Number({
    maximum: 1,
    description:
      'how well the other rows of its group foretell a row’s target, in the units of findings; rows of new groups would have 0',
  }),
  chance: Type.Number({ description: 'the same with groups permuted, on average' }),
  rowCount: Type.Integer({ minimum: 0, description: 'rows it was measured on, none of the holdout' }),
  groupCount: Type.Integer({ minimum: 0, description: 'groups that these rows are of' }),
  seenShare: Type.Number({
    minimum: 0,
    maximum: 1,
    description: 'of the validated rows, those whose group trained the model',
  }),
});
export type GroupFinding = Static<typeof GroupFinding>;

/** What the search did not look at, because its time was over. */
export const LeftOut = strict({
  rowCount: Type.Integer({ minimum: 0, description: 'rows of the table that were not read' }),
  featureCount: Type.Integer({ minimum: 0 }),
  groupColumnCount: Type.Integer({ minimum: 0 }),
  pairCount: Type.Integer({ minimum: 0 }),
  duplicates: Type.Boolean({ description: 'equal rows were not counted, as not all features were read' }),
});
export type LeftOut = Static<typeof LeftOut>;

/** What the check for target leakage found; of the holdout only its equal rows were counted. */
export const LeakageFacts = strict({
  rowCount: Type.Integer({ minimum: 0, description: 'rows used for single features; 0: too few to tell' }),
  pairRowCount: Type.Integer({ minimum: 0, description: 'rows used for pairs' }),
  pairCount: Type.Integer({
    minimum: 0,
    description: 'pairs that were looked at, of the features with the best scores',
  }),
  findings: Type.Array(LeakageFinding, { maxItems: LEAKAGE_FINDINGS_MAX }),
  duplicates: Type.Optional(DuplicateFacts),
  groupColumnCount: Type.Optional(Type.Integer({ minimum: 0, description: 'columns that may name groups, looked at' })),
  groups: Type.Optional(Type.Array(GroupFinding, { maxItems: GROUP_COLUMNS_MAX })),
  leftOut: Type.Optional(LeftOut),
});
export type LeakageFacts = Static<typeof LeakageFacts>;
