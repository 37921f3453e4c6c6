import { Id, nullable, oneOf, strict, Timestamp } from '../schema.ts';
import { Name, pageOf } from './common.ts';
import { Type, type Static } from '../type.ts';

/** Lists that users make in one project at most. */
export const FEATURE_LISTS_MAX = 100;
/** Features of a list at most, as many as a request may name. */
const LISTED_FEATURES_MAX = 10_000;

/** `POST /projects/{id}/feature-lists`. */
export const CreateFeatureListRequest = strict({
  name: Name,
  features: Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
    minItems: 1,
    maxItems: LISTED_FEATURES_MAX,
    uniqueItems: true,
  }),
});
export type CreateFeatureListRequest = Static<typeof CreateFeatureListRequest>;

/** Features that are modelled together; `featureList` of a request names it by name or id. */
export const FeatureList = strict(
  {
    id: Type.String({ description: 'of a built-in list its name' }),
    name: Type.String(),
    origin: oneOf(['built-in', 'user']),
    description: Type.String(),
    features: Type.Array(Type.String(), { description: 'in the dataset’s order' }),
    createdAt: nullable(Timestamp),
    createdBy: nullable(Id),
  },
  { $id: 'FeatureList' },
);
export type FeatureList = Static<typeof FeatureList>;
export const FeatureListPage = pageOf(FeatureList);
