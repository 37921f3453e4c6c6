import { nullable, oneOf, strict } from './schema.ts';
import { FeatureTypeSchema, PARTITION_METHODS, VALIDATION_METHODS } from './vocabulary.ts';
import { Type, type Static } from './type.ts';

/** Backtests of a run at most. */
export const BACKTESTS_MAX = 20;

/** What a backtest trains on: everything before it, or a time of constant length. */
export const TRAINING_WINDOWS = ['expanding', 'rolling'] as const;
export type TrainingWindow = (typeof TRAINING_WINDOWS)[number];

/** Parts of a date that are the place of a season. */
export const SEASONS = ['hour', 'weekday', 'month'] as const;
export type Season = (typeof SEASONS)[number];

/** Partitioning as asked for; everything is optional but the method. */
export const PartitioningRequest = strict({
  method: oneOf(PARTITION_METHODS),
  validation: Type.Optional(oneOf(VALIDATION_METHODS)),
  folds: Type.Optional(Type.Integer({ minimum: 2, maximum: 20 })),
  validationFraction: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 0.5 })),
  holdoutFraction: Type.Optional(Type.Number({ minimum: 0, maximum: 0.5 })),
  column: Type.Optional(Type.String({ description: 'group key, partition column or date' })),
  duplicates: Type.Optional(
    oneOf(['together'], {
      description:
        'random and stratified: rows that are equal in all features that the run models, whatever their target, are dealt to one partition; without it each row is dealt by itself',
    }),
  ),
  gap: Type.Optional(
    Type.String({
      maxLength: 40,
      description:
        'date: time between training rows and the rows that are predicted, as P7D, PT12H or P1DT6H, or 7d, 12h, 30m; default none',
    }),
  ),
  backtests: Type.Optional(
    Type.Integer({ minimum: 1, maximum: BACKTESTS_MAX, description: 'date: origins that are validated; default 3' }),
  ),
  seriesColumn: Type.Optional(
    Type.String({ description: 'date: which series a row is of, where the rows of several are in one dataset' }),
  ),
  window: Type.Optional(
    oneOf(TRAINING_WINDOWS, {
      description:
        'date: a backtest trains on all rows before it (expanding, the default) or on as long a time as the first',
    }),
  ),
});
export type PartitioningRequest = Static<typeof PartitioningRequest>;

const Instant = Type.String({ description: 'ISO 8601, UTC, to the microsecond where needed' });

/** Rows of a time: from `from` on, before `until`. */
export const TimeWindow = strict({
  from: Instant,
  until: nullable(Type.String({ description: 'exclusive; null: to the last row' })),
  rowCount: Type.Integer({ minimum: 1 }),
});
export type TimeWindow = Static<typeof TimeWindow>;

/** What each time is for: decided from exact counts of rows by date, so that every row's role follows from its date. */
export const DatePartitions = strict({
  gapSeconds: Type.Number({ minimum: 0 }),
  window: oneOf(TRAINING_WINDOWS),
  backtests: Type.Array(strict({ training: TimeWindow, validation: TimeWindow }), {
    minItems: 1,
    maxItems: BACKTESTS_MAX,
    description: 'in the order of time',
  }),
  holdout: nullable(TimeWindow),
  series: Type.Optional(
    strict(
      {
        column: nullable(Type.String({ description: 'null: all rows are one series' })),
        season: nullable(
          oneOf(SEASONS, { description: 'what naive forecasts repeat: by the distance of dates; null: nothing' }),
        ),
      },
      { description: 'there if the target is a number and each date has one row, or a series column is named' },
    ),
  ),
  unusedRowCount: Type.Integer({ minimum: 0, description: 'rows in gaps that are in no partition' }),
});
export type DatePartitions = Static<typeof DatePartitions>;

/** Partitioning with every default decided; with the seed it fixes each row's partition. */
export const Partitioning = strict({
  method: oneOf(PARTITION_METHODS),
  validation: oneOf(VALIDATION_METHODS),
  folds: Type.Integer({ minimum: 1, description: 'tvh: 1; date: backtests' }),
  validationFraction: nullable(
    Type.Number({
      description: 'tvh: of all rows; date: of all rows, in each backtest; null: as many as there is room for',
    }),
  ),
  holdoutFraction: Type.Number({ minimum: 0 }),
  column: nullable(Type.String()),
  seed: Type.Integer({ minimum: 0, maximum: 4294967295 }),
  dates: Type.Optional(DatePartitions),
  duplicates: Type.Optional(
    strict(
      {
        features: Type.Array(strict({ name: Type.String(), type: FeatureTypeSchema }), {
          minItems: 1,
          description: 'rows that are equal in all of them are in one partition, for every model of the project',
        }),
      },
      { description: 'there if equal rows stay together' },
    ),
  ),
});
export type Partitioning = Static<typeof Partitioning>;
