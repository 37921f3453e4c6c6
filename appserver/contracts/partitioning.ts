import { Type, type Static } from 'typebox';
import { nullable, oneOf, strict } from './schema.ts';
import { PARTITION_METHODS, VALIDATION_METHODS } from './vocabulary.ts';

/** Partitioning as asked for; everything is optional but the method. */
export const PartitioningRequest = strict({
  method: oneOf(PARTITION_METHODS),
  validation: Type.Optional(oneOf(VALIDATION_METHODS)),
  folds: Type.Optional(Type.Integer({ minimum: 2, maximum: 20 })),
  validationFraction: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 0.5 })),
  holdoutFraction: Type.Optional(Type.Number({ minimum: 0, maximum: 0.5 })),
  column: Type.Optional(Type.String({ description: 'group key or partition column' })),
  gap: Type.Optional(Type.String()),
  backtests: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })),
});
export type PartitioningRequest = Static<typeof PartitioningRequest>;

/** Partitioning with every default decided; with the seed it fixes each row's partition. */
export const Partitioning = strict({
  method: oneOf(PARTITION_METHODS),
  validation: oneOf(VALIDATION_METHODS),
  folds: Type.Integer({ minimum: 1, description: 'tvh: 1' }),
  validationFraction: nullable(Type.Number({ description: 'tvh: of all rows' })),
  holdoutFraction: Type.Number({ minimum: 0 }),
  column: nullable(Type.String()),
  seed: Type.Integer({ minimum: 0, maximum: 4294967295 }),
});
export type Partitioning = Static<typeof Partitioning>;
