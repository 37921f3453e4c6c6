import { Id, Sha256, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/** Challengers of a deployment, at most: a prediction server holds each in memory. */
export const CHALLENGERS_MAX = 3;

/** The part of the predicted rows that a challenger predicts too, drawn row by row. */
export const SampleFraction = Type.Number({ exclusiveMinimum: 0, maximum: 1 });

/** A model that predicts beside a deployment's, as signed records have it. */
export const ChallengerAssignment = strict({ modelId: Id, manifestSha256: Sha256, sampleFraction: SampleFraction });
export type ChallengerAssignment = Static<typeof ChallengerAssignment>;
