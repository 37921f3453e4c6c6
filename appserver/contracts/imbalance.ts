import { nullable, oneOf, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/** What is done about classes of very different size. */
export const IMBALANCE_METHODS = ['none', 'weights', 'downsampling'] as const;
export type ImbalanceMethod = (typeof IMBALANCE_METHODS)[number];

/** As it is asked for. */
export const ImbalanceRequest = strict({
  method: oneOf(IMBALANCE_METHODS, { description: 'probabilities are those of all rows, whatever the method' }),
  classWeights: Type.Optional(
    Type.Record(Type.String(), Type.Number({ minimum: 0.001, maximum: 10_000 }), {
      description: 'method weights: by label what a row of the class weighs, 1 where left out; default balanced',
    }),
  ),
  ratio: Type.Optional(
    Type.Number({
      minimum: 1,
      maximum: 10_000,
      description: 'method downsampling: rows of the largest class that train, for each row of all others; default 10',
    }),
  ),
});
export type ImbalanceRequest = Static<typeof ImbalanceRequest>;

/** What is done to the rows that train; those held back are never resampled nor weighted by class. */
export const Imbalance = strict({
  method: oneOf(['weights', 'downsampling']),
  factors: Type.Array(Type.Number({ exclusiveMinimum: 0 }), {
    description:
      'in class order. weights: what multiplies the weight of a row; downsampling: the part of the rows that is drawn, 1 for all',
  }),
});
export type Imbalance = Static<typeof Imbalance>;

/** The same of a model, as the REST API shows it; null: nothing was done. */
export const ModelImbalance = nullable(
  strict({
    ...Imbalance.properties,
    tableRowCount: Type.Integer({
      description: 'rows of the table; `rowCount` of the model says how many were fitted',
    }),
  }),
);
