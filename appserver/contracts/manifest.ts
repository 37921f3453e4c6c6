import { ParseRule } from './parse-rule.ts';
import { SEASONS } from './partitioning.ts';
import { Id, Sha256, Timestamp, nullable, oneOf, strict } from './schema.ts';
import { FeatureTypeSchema, LINKS, TargetTypeSchema } from './vocabulary.ts';
import { Type, type Static } from './type.ts';

/**
 * Artefact format, version 1: `manifest.json` (this) and `blob` (arrays, little endian, each section 8-byte aligned).
 * No code, no pickles. Steps are plain data that `scoring` applies; models name sections of the blob.
 */
export const ARTIFACT_FORMAT_VERSION = 1;

/** One input feature and how its cells are read. Order is the order of the dataset. */
export const ManifestFeature = strict({ name: Type.String(), type: FeatureTypeSchema, parse: ParseRule });
export type ManifestFeature = Static<typeof ManifestFeature>;

/**
 * Parts that a date becomes, each a dense column: epochDays has the fraction of the day; weekday: Monday 0; dayOfYear from 1.
 * The last six are sine and cosine of the time since the year, the week, and the day began as an angle, a full turn being the
 * whole year, week, or day: so that their end is next to their beginning. Those from dayOfYear on came with encodings.
 */
export const DATE_PARTS = [
  'epochDays',
  'year',
  'month',
  'day',
  'weekday',
  'hour',
  'dayOfYear',
  'yearSine',
  'yearCosine',
  'weekSine',
  'weekCosine',
  'daySine',
  'dayCosine',
] as const;
export type DatePart = (typeof DATE_PARTS)[number];

/** What a text is cut into: words and symbols, or the characters of its words. */
export const TEXT_TOKENS = ['words', 'characters'] as const;
export type TextTokens = (typeof TEXT_TOKENS)[number];

/** What the numbers say that a category's levels become: see `category-numbers` of `ManifestStep`. */
export const CATEGORY_MEANINGS = ['target', 'count'] as const;
export type CategoryMeaning = (typeof CATEGORY_MEANINGS)[number];

/** What a step of holidays makes: days to and since the nearest ones, or a column a holiday. */
export const HOLIDAY_COLUMNS = ['distances', 'names'] as const;

/** Parts that a place becomes, each a dense column: directions are those of `place-directions`. */
export const PLACE_PARTS = ['latitude', 'longitude', 'north-east', 'north-west'] as const;
export type PlacePart = (typeof PLACE_PARTS)[number];

/** Columns that a distance becomes: kilometres, and the natural logarithm of one more than these. */
export const DISTANCE_MEASURES = ['kilometres', 'log-kilometres'] as const;
export type DistanceMeasure = (typeof DISTANCE_MEASURES)[number];

const placeWidth = Type.Number({
  minimum: 0,
  maximum: 1,
  description: 'length of a degree of longitude in degrees of latitude, where the training rows are',
});

/** Most cuts between all places and one of their cells: 1,024 cells. */
export const PLACE_DEPTH_MAX = 10;

/** Longest n-gram of a text step. */
export const TEXT_LENGTH_MAX = 8;

const ngramLength = Type.Integer({ minimum: 1, maximum: TEXT_LENGTH_MAX });

/**
 * A step: what it reads (features, by index into `features`) and the matrix columns it makes, in this order.
 * - `numeric`: one dense column, the number itself; missing stays NaN.
 * - `category-codes`: one category column; code = index in `keys` (section of UTF-8 JSON text in the manifest itself);
 *   a missing cell has `missingCode` (its own level) or NaN where null; an unseen key is NaN.
 * - `date-parts`: one dense column a part; missing is NaN.
 * - `text-scores` (came with text; programs from before refuse it with ARTIFACT_INVALID): one dense column an output, the
 *   dot product of a text's tf-idf vector and the output's coefficients (terms x outputs); missing is NaN. A text counts up
 *   to `charactersMax` UTF-16 units. The vector has (1 + ln count) x (ln((1 + documentCount) / (1 + documents)) + 1) at each
 *   of `terms` and is of length 1, or 0 where the text has none of them: see `compileText` of `scoring`. `components` (came with them; refused
 *   so too): the outputs are directions in which texts differ, no scores of the target.
 * - `category-numbers` (came with encodings; refused so too): `outputCount` dense columns. Key i has
 *   `values[i * outputCount]` and on, a missing cell `missing`, an unseen key `unseen`. `meaning`: `target` is the level's mean
 *   of the target (of a class: its share), drawn towards that of all rows; `count` is the level's share of the rows.
 * - `date-difference` (came with encodings): one dense column, days from the date `minus` (another feature) to this one, with
 *   their fraction; NaN where one of them is missing.
 * - `holidays` (came with them; programs from before refuse it): looks up the day of a date among `days`, of which each has the name at
 *   `nameOf` its place among `names`. Columns: `distances` are days to the next holiday and since the last one, 0 on one, at most 8; `names` a
 *   column a name, 1 on its days, else 0. NaN where the date is missing, before the first day or after the last.
 * - `place-directions` (came with places; programs from before refuse it): two dense columns of a place, latitude + width x
 *   longitude and latitude - width x longitude; NaN where one of them is missing. `feature` is the latitude.
 * - `place-parts` (came with the type `geo`; refused so too): one dense column a part of a feature that is read as places; missing is NaN.
 * - `place-cells` (came with them too): one category column a depth; code = the cell, of 2^depth, that a place lies in; missing is NaN.
 *   Cut i is of the longitude where `onLongitude[i]`; places up to `cuts[i]` go to cut 2i + 1, the others to 2i + 2. `feature` is the
 *   latitude, or read as places where `longitude` is null.
 * - `category-cross` (came with them too): one category column of two features, each a category or a number. A cell has the place of its key among
 *   `keys` (or `otherKeys`), a missing one the place after them, an unseen one the next; code = `codes[place x (otherKeys + 2) + other place]`, null: NaN.
 * - `place-distance` (came with distances; refused so too): one dense column a measure of the great-circle distance between two places of
 *   a row, `feature` with `longitude` and `other` with `otherLongitude`: each is a latitude with its longitude, or read as places where that is
 *   null. NaN where one of them is missing, or no degrees: a latitude beyond 90 or a longitude beyond 360, of either sign.
 * - `series-history` (came with histories; refused so too): what was known of the target of a series, looked up by the date `feature` and
 *   the series. Columns: days since `times` of the series, its last value, its mean over the last 7 and 28 times (`windows`), and with a
 *   `season` the last value and the mean of the last four at the date's place; `log`: logarithms of them all, NaN for 0 and
 *   less. All NaN for an unseen or missing series. `series` is a category or a number; null where all rows are one, of key ''.
 */
export const ManifestStep = Type.Union([
  strict({ kind: Type.Literal('numeric'), feature: Type.Integer({ minimum: 0 }) }),
  strict({
    kind: Type.Literal('category-codes'),
    feature: Type.Integer({ minimum: 0 }),
    keys: Type.Array(Type.String()),
    missingCode: nullable(Type.Integer({ minimum: 0 })),
  }),
  strict({
    kind: Type.Literal('date-parts'),
    feature: Type.Integer({ minimum: 0 }),
    parts: Type.Array(oneOf(DATE_PARTS), { minItems: 1 }),
  }),
  strict({
    kind: Type.Literal('text-scores'),
    feature: Type.Integer({ minimum: 0 }),
    tokens: oneOf(TEXT_TOKENS),
    minLength: ngramLength,
    maxLength: ngramLength,
    charactersMax: Type.Integer({ minimum: 1 }),
    documentCount: Type.Integer({ minimum: 0, description: 'texts that the terms were counted in' }),
    terms: Type.Array(Type.String()),
    documents: Type.Array(Type.Integer({ minimum: 1 }), { description: 'texts that have the term, by term' }),
    outputCount: Type.Integer({ minimum: 1 }),
    coefficients: Type.Array(Type.Number()),
    components: Type.Optional(Type.Literal(true)),
  }),
  strict({
    kind: Type.Literal('category-numbers'),
    feature: Type.Integer({ minimum: 0 }),
    meaning: oneOf(CATEGORY_MEANINGS),
    keys: Type.Array(Type.String()),
    outputCount: Type.Integer({ minimum: 1 }),
    values: Type.Array(Type.Number(), { description: 'keys x outputs' }),
    missing: Type.Array(Type.Number()),
    unseen: Type.Array(Type.Number()),
  }),
  strict({
    kind: Type.Literal('date-difference'),
    feature: Type.Integer({ minimum: 0 }),
    minus: Type.Integer({ minimum: 0 }),
  }),
  strict({
    kind: Type.Literal('holidays'),
    feature: Type.Integer({ minimum: 0 }),
    columns: oneOf(HOLIDAY_COLUMNS),
    names: Type.Array(Type.String(), { minItems: 1 }),
    days: Type.Array(Type.Integer(), { description: 'since 1970, ascending' }),
    nameOf: Type.Array(Type.Integer({ minimum: 0 })),
  }),
  strict({
    kind: Type.Literal('place-directions'),
    feature: Type.Integer({ minimum: 0 }),
    longitude: Type.Integer({ minimum: 0 }),
    width: placeWidth,
  }),
  strict({
    kind: Type.Literal('place-parts'),
    feature: Type.Integer({ minimum: 0 }),
    parts: Type.Array(oneOf(PLACE_PARTS), { minItems: 1 }),
    width: placeWidth,
  }),
  strict({
    kind: Type.Literal('place-cells'),
    feature: Type.Integer({ minimum: 0 }),
    longitude: nullable(Type.Integer({ minimum: 0 })),
    depths: Type.Array(Type.Integer({ minimum: 1, maximum: PLACE_DEPTH_MAX }), { minItems: 1 }),
    onLongitude: Type.Array(Type.Boolean()),
    cuts: Type.Array(Type.Number()),
  }),
  strict({
    kind: Type.Literal('category-cross'),
    feature: Type.Integer({ minimum: 0 }),
    other: Type.Integer({ minimum: 0 }),
    keys: Type.Array(Type.String()),
    otherKeys: Type.Array(Type.String()),
    codes: Type.Array(nullable(Type.Integer({ minimum: 0, maximum: 65_534 }))),
  }),
  strict({
    kind: Type.Literal('place-distance'),
    feature: Type.Integer({ minimum: 0 }),
    longitude: nullable(Type.Integer({ minimum: 0 })),
    other: Type.Integer({ minimum: 0 }),
    otherLongitude: nullable(Type.Integer({ minimum: 0 })),
    measures: Type.Array(oneOf(DISTANCE_MEASURES), { minItems: 1 }),
  }),
  strict({
    kind: Type.Literal('series-history'),
    feature: Type.Integer({ minimum: 0 }),
    series: nullable(Type.Integer({ minimum: 0 })),
    season: nullable(oneOf(SEASONS)),
    windows: Type.Array(Type.Integer({ minimum: 1 })),
    log: Type.Boolean(),
    keys: Type.Array(Type.String()),
    times: Type.Array(Type.Number(), { description: 'of the last known value, seconds since 1970' }),
    values: Type.Array(Type.Number(), { description: 'keys x (last value, a mean a window)' }),
    seasonal: Type.Array(nullable(Type.Number()), {
      description: 'keys x places x (last value, mean); null: none known',
    }),
  }),
]);
export type ManifestStep = Static<typeof ManifestStep>;

/** Element types of blob sections; float32 came with forests. */
export const SECTION_TYPES = ['float64', 'float32', 'int32', 'uint32', 'uint8'] as const;
export type SectionType = (typeof SECTION_TYPES)[number];

export const BlobSection = strict({
  name: Type.String(),
  type: oneOf(SECTION_TYPES),
  offset: Type.Integer({ minimum: 0, description: 'bytes from the start of the blob, a multiple of 8' }),
  length: Type.Integer({ minimum: 0, description: 'elements' }),
});
export type BlobSection = Static<typeof BlobSection>;

/**
 * A fitted model on the link (raw score) scale.
 * - `constant`: `scores` has one raw score a class output (1 for binary and regression, else class count).
 * - `trees`: flat arrays under the section prefix `<prefix>.`: see `TreeArrays` of `scoring`. Tree t adds to output t % outputCount.
 * - `linear`: an intercept and one function of each column, under the prefix: see `LinearArrays` of `scoring`. Programs that
 *   do not know this kind refuse it with ARTIFACT_INVALID.
 * - `forest`: trees whose leaves' shares or means are averaged and then taken to the link scale, under the prefix: see
 *   `ForestArrays` of `scoring`. Programs that do not know this kind refuse it with ARTIFACT_INVALID. `shift` came with
 *   down-sampling; refused so too.
 * - `linear-trees`: as `trees`, with leaves that are linear functions: see `LinearLeaves` of `scoring`. Programs that do not know
 *   this kind refuse it with ARTIFACT_INVALID.
 * - `factorization-machine`: an intercept, one function of each column and the products of vectors that columns have, under the prefix: see
 *   `FactorizationArrays` of `scoring`. Programs that do not know this kind refuse it with ARTIFACT_INVALID.
 * - `network`: one hidden layer of cosines of weighted sums of functions of each column, under the prefix: see `NetworkArrays` of `scoring`.
 *   Programs that do not know this kind refuse it with ARTIFACT_INVALID.
 */
export const ManifestModel = Type.Union([
  strict({ kind: Type.Literal('constant'), scores: Type.Array(Type.Number()) }),
  strict({
    kind: Type.Literal('trees'),
    prefix: Type.String(),
    outputCount: Type.Integer({ minimum: 1 }),
    treeCount: Type.Integer({ minimum: 0 }),
    averageOutput: Type.Boolean({ description: 'sum is divided by the number of iterations (random forest)' }),
  }),
  strict({
    kind: Type.Literal('linear'),
    prefix: Type.String(),
    outputCount: Type.Integer({ minimum: 1 }),
    columnCount: Type.Integer({ minimum: 0, description: 'matrix columns that the member reads' }),
  }),
  strict({
    kind: Type.Literal('forest'),
    prefix: Type.String(),
    outputCount: Type.Integer({ minimum: 1 }),
    columnCount: Type.Integer({ minimum: 0, description: 'matrix columns that the member reads' }),
    treeCount: Type.Integer({ minimum: 1 }),
    link: oneOf(LINKS),
    priorVotes: Type.Integer({ minimum: 0, maximum: 1, description: 'trees that the prior counts as' }),
    shift: Type.Optional(
      Type.Array(Type.Number(), { description: 'what is added to each raw score: see `ForestArrays`' }),
    ),
  }),
  strict({
    kind: Type.Literal('linear-trees'),
    prefix: Type.String(),
    outputCount: Type.Integer({ minimum: 1 }),
    treeCount: Type.Integer({ minimum: 0 }),
    averageOutput: Type.Boolean({ description: 'sum is divided by the number of iterations' }),
  }),
  strict({
    kind: Type.Literal('factorization-machine'),
    prefix: Type.String(),
    outputCount: Type.Integer({ minimum: 1 }),
    columnCount: Type.Integer({ minimum: 0, description: 'matrix columns that the member reads' }),
    rank: Type.Integer({ minimum: 1, description: 'numbers of a vector' }),
  }),
  strict({
    kind: Type.Literal('network'),
    prefix: Type.String(),
    outputCount: Type.Integer({ minimum: 1 }),
    columnCount: Type.Integer({ minimum: 0, description: 'matrix columns that the member reads' }),
    unitCount: Type.Integer({ minimum: 1, description: 'cosines of the hidden layer' }),
  }),
]);
export type ManifestModel = Static<typeof ManifestModel>;

/** One member: its own steps (indices into `steps`, in matrix column order) and model; raw scores are blended with `weight`. */
export const ManifestMember = strict({
  weight: Type.Number(),
  steps: Type.Array(Type.Integer({ minimum: 0 })),
  model: ManifestModel,
});
export type ManifestMember = Static<typeof ManifestMember>;

/** What blended log odds become before offsets are added: slope x log odds + intercept; binary only. */
export const Calibration = strict({ slope: Type.Number({ exclusiveMinimum: 0 }), intercept: Type.Number() });
export type Calibration = Static<typeof Calibration>;

/** What is added to raw scores as it is: a number, or the logarithm of one above 0. */
export const OFFSET_KINDS = ['offset', 'exposure'] as const;
export type OffsetKind = (typeof OFFSET_KINDS)[number];

/**
 * A number of the row that belongs to its raw score with coefficient 1, whatever the members say. A row without a valid one
 * has no prediction. Came with offsets; programs from before refuse it with ARTIFACT_INVALID.
 */
export const ManifestOffset = strict({
  kind: oneOf(OFFSET_KINDS),
  step: Type.Integer({ minimum: 0, description: 'the `numeric` step that reads it; no member does' }),
  mean: Type.Number({ description: 'of what is added, over the training rows: what explanations begin from' }),
});
export type ManifestOffset = Static<typeof ManifestOffset>;

/** Training distribution of one input feature, the baseline for drift. */
export const TrainingStatistics = strict({
  feature: Type.Integer({ minimum: 0 }),
  rowCount: Type.Integer({ minimum: 0 }),
  missingCount: Type.Integer({ minimum: 0 }),
  edges: nullable(Type.Array(Type.Number())),
  counts: nullable(Type.Array(Type.Integer())),
  topValues: nullable(Type.Array(strict({ value: Type.String(), count: Type.Integer() }))),
});
export type TrainingStatistics = Static<typeof TrainingStatistics>;

/** What decides predictions and nothing else: its canonical JSON plus the blob's hash is hashed into `contentHash`. */
export const ManifestContent = strict({
  targetType: TargetTypeSchema,
  target: Type.String({ description: 'name of the target feature' }),
  classes: Type.Array(Type.String(), { description: 'labels in class order; empty for regression' }),
  positiveClass: nullable(Type.Integer({ minimum: 0, description: 'index into classes; binary only' })),
  threshold: nullable(Type.Number({ description: 'binary: positive if its probability >= threshold' })),
  link: oneOf(LINKS),
  features: Type.Array(ManifestFeature),
  steps: Type.Array(ManifestStep),
  members: Type.Array(ManifestMember, { minItems: 1 }),
  calibration: Type.Optional(Calibration),
  offsets: Type.Optional(
    Type.Array(ManifestOffset, { minItems: 1, description: 'added after the members are blended' }),
  ),
  sections: Type.Array(BlobSection),
  blobSizeBytes: Type.Integer({ minimum: 0 }),
  blobSha256: Sha256,
});
export type ManifestContent = Static<typeof ManifestContent>;

/** A further file of the attempt directory that the manifest vouches for. */
export const ManifestFile = strict({ name: Type.String(), sizeBytes: Type.Integer({ minimum: 0 }), sha256: Sha256 });
export type ManifestFile = Static<typeof ManifestFile>;

export const Manifest = strict({
  formatVersion: Type.Integer({ minimum: 1 }),
  contentHash: Sha256,
  modelId: Id,
  projectId: Id,
  blueprintId: Type.String(),
  createdAt: Timestamp,
  seed: Type.Integer(),
  rowCount: Type.Integer({ description: 'rows the model was fitted on' }),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  content: ManifestContent,
  trainingStatistics: Type.Array(TrainingStatistics),
  files: Type.Array(ManifestFile, { description: 'other files beside manifest.json and blob: out-of-fold.bin' }),
});
export type Manifest = Static<typeof Manifest>;
