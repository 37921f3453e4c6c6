import { nullable, oneOf, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/**
 * Segments of a deployment: its predictions by the levels of features that people name, such as a country or a shop, so that they see where health differs.
 */

/** Features by whose levels the predictions of one deployment are counted, at most: each has a row of counts an hour. */
export const DEPLOYMENT_SEGMENTS_MAX = 3;

/** Names of categories that the model reads and whose values events carry. */
export const DeploymentSegments = Type.Array(Type.String({ minLength: 1 }), {
  maxItems: DEPLOYMENT_SEGMENTS_MAX,
  uniqueItems: true,
  description: 'categories of the model by whose levels predictions are counted, from now on; null or []: none',
});
export type DeploymentSegments = Static<typeof DeploymentSegments>;

/** What the rows of a level have in common: a frequent level of the training rows, any other level, or none. */
export const SEGMENT_LEVEL_KINDS = ['level', 'others', 'missing'] as const;

/** Where the value of a feature counts. */
export const SegmentLevel = strict({
  kind: oneOf(SEGMENT_LEVEL_KINDS, {
    description:
      '`level`: a frequent one of the training rows; `others`: all other levels together; `missing`: no value',
  }),
  level: nullable(Type.String({ description: 'null but of a `level`' })),
});
export type SegmentLevel = Static<typeof SegmentLevel>;
