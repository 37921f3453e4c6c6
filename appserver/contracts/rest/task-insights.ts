import { nullable, oneOf, strict } from '../schema.ts';
import { MetricNameSchema } from '../vocabulary.ts';
import { Type, type Static } from '../type.ts';

const Value = Type.Number();

const Impact = {
  impact: nullable(
    Type.Number({ description: 'mean over repeats of what permuting costs in the metric; above 0 is worse' }),
  ),
  std: nullable(Type.Number({ description: 'of the repeats, divided by their number' })),
  normalized: nullable(Type.Number({ description: 'by the largest impact of a feature; null where none is above 0' })),
};
const FeatureImpact = strict({
  kind: Type.Literal('feature-impact'),
  metric: MetricNameSchema,
  score: nullable(Type.Number({ description: 'of the rows used, nothing permuted; null where it is undefined' })),
  repeats: Type.Integer({ description: 'permutations, the same ones for all features' }),
  features: Type.Array(
    strict({
      feature: Type.String(),
      ...Impact,
      group: nullable(Type.Integer({ description: 'index into groups: others say much the same' })),
    }),
    { description: 'that the model reads, by falling impact' },
  ),
  unused: Type.Array(Type.String(), { description: 'features that the model does not read: impact 0' }),
  groups: Type.Array(
    strict({
      features: Type.Array(Type.String()),
      association: Type.Number({ description: 'the least of the pairs that link them' }),
      ...Impact,
    }),
    { description: 'near-duplicates, with the impact of permuting them together' },
  ),
  associationMin: Type.Number({ description: 'pairs at or above it are linked' }),
  associatedCount: Type.Integer({ description: 'features that were held against each other, those of most impact' }),
});

/** Where the rows of a bin lie. */
export const EFFECT_BIN_KINDS = ['range', 'level', 'others', 'missing'] as const;
const perOutput = (description: string) => Type.Array(Value, { description: `${description}, by output` });
const EffectBin = strict({
  kind: oneOf(EFFECT_BIN_KINDS),
  from: nullable(Type.Number({ description: 'least value of a range; dates: seconds since 1970; null if infinite' })),
  to: nullable(Type.Number({ description: 'its largest' })),
  at: nullable(Type.Number({ description: 'a value of it, its median, at which the dependence is' })),
  level: nullable(Type.String()),
  rowCount: Type.Integer(),
  weight: Value,
  meanActual: perOutput('of the rows of the bin'),
  meanPredicted: perOutput('of the rows of the bin, out of fold'),
  partialDependence: nullable(
    Type.Array(Value, { description: 'mean prediction if every row had this value, by output; null of others' }),
  ),
});
const FeatureEffects = strict({
  kind: Type.Literal('feature-effects'),
  outputs: Type.Array(nullable(Type.String()), {
    description: 'the positive class, the largest classes in class order, or null: the value of a regression target',
  }),
  dependenceRowCount: Type.Integer({ description: 'rows over which the partial dependence is a mean' }),
  featureCount: Type.Integer({ description: 'features that the model reads' }),
  features: Type.Array(
    strict({
      feature: Type.String(),
      movement: Type.Number({ description: 'mean change of a prediction when the feature is permuted' }),
      bins: Type.Array(EffectBin),
    }),
    { description: 'by falling movement; no more than a hundred' },
  ),
});

const Rate = nullable(Value);
const Segment = strict({
  kind: oneOf(EFFECT_BIN_KINDS),
  from: nullable(Type.Number({ description: 'least value of a range; dates: seconds since 1970; null if infinite' })),
  to: nullable(Type.Number({ description: 'its largest' })),
  level: nullable(Type.String()),
  rowCount: Type.Integer(),
  weight: Value,
  meanActual: perOutput('of its rows'),
  meanPredicted: perOutput('of its rows, out of fold'),
  score: nullable(Type.Number({ description: 'of its rows; null where it is undefined' })),
  gain: nullable(Type.Number({ description: 'above 0: better than all rows together, in units of the metric' })),
  noise: nullable(
    Type.Number({
      description:
        'standard error of the gain, or of as many rows drawn at random where that is larger; null below fifty rows',
    }),
  ),
  pValue: nullable(
    Type.Number({ description: 'that chance gives such a gain in any of the segments that were tested (Holm)' }),
  ),
  rates: nullable(
    strict({
      selected: Type.Number({ description: 'share of rows that are predicted positive' }),
      truePositive: Rate,
      falsePositive: Rate,
      precision: Rate,
    }),
  ),
});
/** Of binary targets, between segments of fifty rows and more; null where fewer than two are. */
const Disparities = strict({
  selectedDifference: Type.Number({ description: 'largest less smallest rate of selection: demographic parity' }),
  selectedRatio: nullable(Type.Number({ description: 'smallest by largest; four fifths are asked for often' })),
  truePositiveDifference: nullable(Type.Number({ description: 'equal opportunity' })),
  falsePositiveDifference: Rate,
  equalizedOddsDifference: nullable(Type.Number({ description: 'the larger of the two before' })),
});
const Segments = strict({
  kind: Type.Literal('segments'),
  metric: MetricNameSchema,
  score: nullable(Type.Number({ description: 'of all rows used; null where it is undefined' })),
  threshold: nullable(Type.Number({ description: 'from which probability on a row is predicted positive; binary' })),
  outputs: Type.Array(nullable(Type.String()), { description: 'see feature-effects' }),
  columnCount: Type.Integer({ description: 'that rows were parted by, those of too few rows a value among them' }),
  testedCount: Type.Integer({ description: 'segments whose gain was tested' }),
  notable: Type.Array(strict({ feature: Type.String(), segment: Type.Integer({ minimum: 0 }) }), {
    description: 'segments with a pValue below 0.05, the worst first; `segment` is an index into those of the feature',
  }),
  features: Type.Array(
    strict({
      feature: Type.String(),
      isModelled: Type.Boolean({ description: 'whether the model reads it' }),
      segments: Type.Array(Segment),
      disparities: nullable(Disparities),
    }),
    { description: 'columns that the model reads first; the target and texts are left out' },
  ),
});

const LearningCurve = strict({
  kind: Type.Literal('learning-curve'),
  metric: MetricNameSchema,
  points: Type.Array(
    strict({
      part: Type.Number({ description: 'of the training rows of the model' }),
      rowCount: nullable(
        Type.Integer({ description: 'rows fitted on; null of the model itself, which tells its own' }),
      ),
      score: nullable(Type.Number({ description: 'of the rows that rank models, the same for all points' })),
      gain: nullable(
        Type.Number({
          description: 'by which the model with all its rows is better, in units of the metric; null of itself',
        }),
      ),
      noise: nullable(Type.Number({ description: 'standard error of the gain, by a grouped jackknife' })),
    }),
    { description: 'growing parts, each half of the next; the last is the model itself' },
  ),
});

/** What a task computes. */
export const TaskInsightContent = Type.Union([FeatureImpact, FeatureEffects, Segments, LearningCurve]);
export type TaskInsightContent = Static<typeof TaskInsightContent>;
