import { oneOf, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/** Rules of a deployment, at most: an event has a bit for each. */
export const HUMILITY_RULES_MAX = 30;
/** Features that a rule names, at most. */
export const HUMILITY_FEATURES_MAX = 1_000;

const features = (description: string) =>
  Type.Optional(
    Type.Array(Type.String(), { minItems: 1, maxItems: HUMILITY_FEATURES_MAX, uniqueItems: true, description }),
  );

/**
 * When a rule holds for a row:
 * - `outsideRange`: a number or date is below the least or above the greatest of the training rows, or of `least` and `most` where they are given
 *   (both are inside). A missing value is not outside.
 * - `unseenLevel`: a category is none of the levels that the model knows; a missing value is no level.
 * - `missingValue`: a cell is missing, or its column is.
 * - `nearThreshold`: binary: the positive class's probability is at most `within` away from the deployment's threshold.
 * - `lowProbability`: classifiers: the probability of the predicted class is below `below`.
 * - `predictionOutside`: regression: the prediction is below `least` or above `most`.
 *
 * One that names several features holds where it holds for one of them; one that names none is of all that the model reads.
 */
export const HumilityCondition = Type.Union([
  strict({
    type: Type.Literal('outsideRange'),
    features: features('numbers or dates; not given: all whose training range is known'),
    least: Type.Optional(Type.Number({ description: 'instead of the least training value; of one number only' })),
    most: Type.Optional(Type.Number({ description: 'instead of the greatest training value; of one number only' })),
  }),
  strict({ type: Type.Literal('unseenLevel'), features: features('categories; not given: all of them') }),
  strict({ type: Type.Literal('missingValue'), features: features('not given: all that the model reads') }),
  strict({ type: Type.Literal('nearThreshold'), within: Type.Number({ minimum: 0, maximum: 1 }) }),
  strict({ type: Type.Literal('lowProbability'), below: Type.Number({ minimum: 0, maximum: 1 }) }),
  strict({
    type: Type.Literal('predictionOutside'),
    least: Type.Optional(Type.Number()),
    most: Type.Optional(Type.Number()),
  }),
]);
export type HumilityCondition = Static<typeof HumilityCondition>;

/** What a rule does with a row for which it holds. */
export const HUMILITY_ACTIONS = ['warn', 'override', 'refuse'] as const;
export type HumilityActionType = (typeof HUMILITY_ACTIONS)[number];

/** `override`: the answer has this prediction; of several rules that hold the first one's. `refuse`: the request is answered 422 PREDICTION_REFUSED. */
export const HumilityAction = Type.Union([
  strict({ type: Type.Literal('warn') }),
  strict({
    type: Type.Literal('override'),
    prediction: Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
      description: 'a class, by its text; regression: a number',
    }),
  }),
  strict({ type: Type.Literal('refuse') }),
]);
export type HumilityAction = Static<typeof HumilityAction>;

/** What a deployment does where its model should not be sure of itself. */
export const HumilityRule = strict({
  name: Type.String({
    minLength: 1,
    maxLength: 100,
    pattern: '^[^\\u0000-\\u001f]*[^\\s\\u0000-\\u001f][^\\u0000-\\u001f]*$',
  }),
  when: HumilityCondition,
  then: HumilityAction,
});
export type HumilityRule = Static<typeof HumilityRule>;

/** Rules in their order; names differ. */
export const HumilityRules = Type.Array(HumilityRule, { maxItems: HUMILITY_RULES_MAX });
export type HumilityRules = Static<typeof HumilityRules>;

/** A rule that held for a row, as an answer tells it. */
export const HeldRule = strict({
  rule: Type.String(),
  action: oneOf(HUMILITY_ACTIONS),
  modelPrediction: Type.Optional(
    Type.Union([Type.String(), Type.Number()], {
      description: 'what the model had predicted, of the rule that overrides',
    }),
  ),
});
export type HeldRule = Static<typeof HeldRule>;
