import { Type, nullable, strict, type Static } from '#contracts';

const Index = Type.Integer({ minimum: 0 });

/** The features: levels of categories, terms of texts, statistics. */
const FeaturesOrder = strict({ pass: Type.Literal('features') });

/** The chosen terms of texts in each row whose hash is below a limit. */
const CorporaOrder = strict({
  pass: Type.Literal('corpora'),
  rowLimit: Type.Number(),
  plans: Type.Array(
    strict({
      feature: Index,
      analysis: strict({
        tokens: Type.Union([Type.Literal('words'), Type.Literal('characters')]),
        minLength: Index,
        maxLength: Index,
        charactersMax: Index,
      }),
      terms: Type.Array(Type.String()),
    }),
  ),
});
export type CorporaOrder = Static<typeof CorporaOrder>;

/** The target's moments by level of categories, in the training rows of the member of a fold. */
const TargetsOrder = strict({
  pass: Type.Literal('targets'),
  fold: nullable(Index),
  levels: Type.Array(strict({ feature: Index, keys: Type.Array(Type.String()) })),
});
export type TargetsOrder = Static<typeof TargetsOrder>;

/** What a pass over a table is to find out: all that decides about it and does not follow from the task. */
export const PassOrder = Type.Union([FeaturesOrder, CorporaOrder, TargetsOrder]);
export type PassOrder = Static<typeof PassOrder>;
