import { AppError, type BatchSource, type ColumnBatch, type ManifestStep, type TrainingStatistics } from '#contracts';
import {
  featureDecoder,
  isText,
  keyTable,
  type CategoryValues,
  type FeatureDecoder,
  type FeatureValues,
  type TextAnalysis,
} from '#scoring';
import { hash32, indicesWhere, rowHash } from '#statistics';
import { datePairs, type DateColumns } from '../blueprints/dates.ts';
import type { PlaceColumns } from '../blueprints/places.ts';
import { compareCodePoints } from '../text-order.ts';
import {
  CATEGORY_LEVELS_MAX,
  LEVEL_ROWS_MAX,
  LEVEL_ROWS_MIN,
  LEVEL_ROWS_SHARE,
  STATISTICS_CELLS_MAX,
  STATISTICS_ROWS_MAX,
} from './limits.ts';
import { grownArray } from './grown-array.ts';
import { geoSurvey } from './places/geo-survey.ts';
import { placeSurvey } from './places/place-survey.ts';
import { trainingGroups, type Member, type RowRoles, type TrainingGroups } from './row-roles.ts';
import type { TaskFeature } from './task-columns.ts';
import { textSurvey, type SurveyedTerms } from './text/text-survey.ts';
import { categoryStatistics, numberStatistics } from './training-statistics.ts';

const STATISTICS_SALT = 0x5a17_0002;

/** What one pass over the features finds: enough to fit the steps of every member, each from its own training rows. */
export interface FeatureSurvey {
  /** The steps of a member: those of each feature that is no text, in the features' order, then those of two features. */
  readonly stepsOf: (member: Member) => ManifestStep[];
  /** The levels of a category in a member's training rows, most frequent first; null of any other feature. */
  readonly levelsOf: (member: Member, feature: number, rowsMin: number, most: number) => LevelCounts | null;
  /** What the analyses found in the texts. */
  readonly texts: readonly SurveyedTerms[];
  readonly statistics: TrainingStatistics[];
}

/** Levels of a category with their training rows. */
export interface LevelCounts {
  readonly keys: readonly string[];
  readonly counts: readonly number[];
  readonly missingCount: number;
  /** Of all levels, those that are not among the keys too. */
  readonly levelCount: number;
}

/** Rows of each key of a category feature, by group of training rows. */
interface CategoryCounts {
  readonly groupCount: number;
  readonly byKey: Map<string, Float64Array>;
  readonly missing: Float64Array;
}

/**
 * One pass over all features. Counts are kept by fold, so that each member's levels and terms come from its training rows
 * alone. Memory: the dictionaries of the category features x folds, at most STATISTICS_CELLS_MAX numbers, and at most
 * COUNTED_TERMS_MAX terms an analysis of a text.
 *
 * @param analyses how terms of texts are counted; none: texts are only looked at
 * @param dates what becomes of dates
 * @param places what becomes of places
 * @param onBatch sees what is read, a column a feature
 */
export async function surveyFeatures(
  features: readonly TaskFeature[],
  roles: RowRoles,
  source: BatchSource,
  seed: number,
  analyses: readonly TextAnalysis[],
  dates: DateColumns,
  places: PlaceColumns,
  signal?: AbortSignal,
  onBatch: (batch: ColumnBatch) => void = () => undefined,
): Promise<FeatureSurvey> {
  const groups = trainingGroups(roles);
  const inStatistics = statisticsRows(roles, groups, features.length, seed);
  const textSurveys = features.map(({ manifest }, index) =>
    isText(manifest) ? textSurvey(index, analyses, groups.count, groups.of, roles.of.length, seed) : null,
  );
  const surveyed = features.map((feature, index): Survey => {
    const texts = textSurveys[index] ?? null;
    if (texts !== null) return { ...texts, decode: featureDecoder(feature.manifest), steps: () => [] };
    switch (feature.manifest.parse.kind) {
      case 'category':
        return categorySurvey(feature, groups);
      case 'geo':
        return {
          ...geoSurvey(feature.manifest, groups, places, inStatistics),
          decode: featureDecoder(feature.manifest),
        };
      case 'number':
      case 'date':
        return numberSurvey(feature, dates);
    }
  });
  const surveyedPlaces = placeSurvey(places, groups, inStatistics);
  const request = features.map((feature) => feature.request);
  const batches = request.length === 0 ? [] : source.batches(request, signal);
  for await (const batch of batches) {
    onBatch(batch);
    const chosen = indicesWhere(batch.rowCount, (row) => inStatistics(batch.firstRow + row));
    for (const [index, survey] of surveyed.entries()) {
      const column = batch.columns[index];
      if (column === undefined)
        throw new AppError('INTERNAL', `a batch has ${batch.columns.length} columns, expected ${features.length}`);
      const decoded = survey.decode(column, batch.rowCount, batch.firstRow);
      survey.add(decoded, batch.rowCount, batch.firstRow, chosen);
      surveyedPlaces.add(index, decoded, batch.rowCount, batch.firstRow);
    }
  }
  const pairs = dates.differences ? datePairs(features.map(({ manifest }) => manifest.type)) : [];
  const differences = pairs.map(([feature, minus]): ManifestStep => ({ kind: 'date-difference', feature, minus }));
  return {
    stepsOf: (member) => [
      ...surveyed.flatMap((survey, index) => survey.steps(member, index)),
      ...differences,
      ...surveyedPlaces.steps(member),
    ],
    levelsOf: (member, feature, rowsMin, most) => surveyed[feature]?.levels?.(member, rowsMin, most) ?? null,
    texts: textSurveys.flatMap((texts) => texts?.terms() ?? []),
    statistics: surveyed.map((survey, index) => survey.statistics(index)),
  };
}

/** What is gathered about one feature. */
interface Survey {
  readonly decode: FeatureDecoder;
  /** @param chosen the rows of the batch that statistics of numbers are made from */
  add(decoded: FeatureValues, rowCount: number, firstRow: number, chosen: Uint32Array): void;
  /** None of a text: its step is part of the fit. */
  steps(member: Member, feature: number): ManifestStep[];
  /** Of a category. */
  levels?(member: Member, rowsMin: number, most: number): LevelCounts;
  /** Once, at the end of the pass. */
  statistics(feature: number): TrainingStatistics;
}

function numberSurvey({ manifest }: TaskFeature, { parts, holidays }: DateColumns): Survey {
  const kept = grownArray((length) => new Float64Array(length));
  return {
    decode: featureDecoder(manifest),
    add: (decoded, _rowCount, _firstRow, chosen) => {
      if (decoded.kind !== 'number')
        throw new AppError('INTERNAL', `${JSON.stringify(manifest.name)} does not decode as numbers`);
      for (const row of chosen) kept.push(decoded.values[row] ?? NaN);
    },
    steps: (_member, feature): ManifestStep[] =>
      manifest.parse.kind === 'date'
        ? [{ kind: 'date-parts', feature, parts: [...parts] }, ...(holidays === null ? [] : [{ ...holidays, feature }])]
        : [{ kind: 'numeric', feature }],
    statistics: (feature) => numberStatistics(feature, kept.take()),
  };
}

function categorySurvey({ manifest }: TaskFeature, groups: TrainingGroups): Survey {
  const counts = categoryCounts(groups);
  const tally = keyTally(counts);
  return {
    decode: featureDecoder(manifest),
    add: (decoded, rowCount, firstRow) => {
      if (decoded.kind !== 'category')
        throw new AppError('INTERNAL', `${JSON.stringify(manifest.name)} does not decode as a category`);
      tally(decoded, rowCount, firstRow, groups.of);
    },
    steps: (member, feature) => [{ kind: 'category-codes', feature, ...codesOf(counts, groups.trains(member)) }],
    levels: (member, rowsMin, most) => levelsOf(counts, groups.trains(member), rowsMin, most),
    statistics: (feature) => {
      const totals = [...counts.byKey].map(([value, byGroup]) => ({ value, count: sumOf(byGroup, () => true) }));
      return categoryStatistics(
        feature,
        totals,
        sumOf(counts.missing, () => true),
      );
    },
  };
}

function categoryCounts({ count }: TrainingGroups): CategoryCounts {
  return { groupCount: count, byKey: new Map(), missing: new Float64Array(count) };
}

/** Adds rows to the counts; each key's counts are looked up once a dictionary. */
function keyTally(
  counts: CategoryCounts,
): (values: CategoryValues, rowCount: number, firstRow: number, groupOf: (row: number) => number) => void {
  const countsOf = keyTable((key) => {
    if (key === null) return counts.missing;
    let found = counts.byKey.get(key);
    if (found === undefined) counts.byKey.set(key, (found = new Float64Array(counts.groupCount)));
    return found;
  });
  return ({ codes, keys }, rowCount, firstRow, groupOf) => {
    const table = countsOf(keys);
    for (let row = 0; row < rowCount; row += 1) {
      const group = groupOf(firstRow + row);
      if (group < 0) continue;
      const code = codes[row] ?? -1;
      const byGroup = (code < 0 ? counts.missing : table[code]) ?? counts.missing;
      byGroup[group] = (byGroup[group] ?? 0) + 1;
    }
  };
}

function sumOf(byGroup: Float64Array, isWanted: (group: number) => boolean): number {
  let sum = 0;
  for (let group = 0; group < byGroup.length; group += 1) if (isWanted(group)) sum += byGroup[group] ?? 0;
  return sum;
}

/** The keys of a member's training rows by their number of rows, then by code points; those with too few rows are left out. */
function levelsOf(
  counts: CategoryCounts,
  trains: (group: number) => boolean,
  rowsMin: number,
  most: number,
): LevelCounts {
  const levels = [...counts.byKey].map(([key, byGroup]) => ({ key, count: sumOf(byGroup, trains) }));
  const kept = levels
    .filter(({ count }) => count >= rowsMin)
    .sort((a, b) => b.count - a.count || compareCodePoints(a.key, b.key))
    .slice(0, most);
  return {
    keys: kept.map(({ key }) => key),
    counts: kept.map(({ count }) => count),
    missingCount: sumOf(counts.missing, trains),
    levelCount: levels.filter(({ count }) => count > 0).length,
  };
}

/** Codes of a member's levels; rare ones, and all beyond CATEGORY_LEVELS_MAX, read as unseen. Missing is a level of its own. */
function codesOf(
  counts: CategoryCounts,
  trains: (group: number) => boolean,
): { keys: string[]; missingCode: number | null } {
  const missing = sumOf(counts.missing, trains);
  let rowCount = missing;
  for (const byGroup of counts.byKey.values()) rowCount += sumOf(byGroup, trains);
  const rowsMin = Math.min(LEVEL_ROWS_MAX, Math.max(LEVEL_ROWS_MIN, Math.round(rowCount * LEVEL_ROWS_SHARE)));
  const keys = [...levelsOf(counts, trains, rowsMin, CATEGORY_LEVELS_MAX).keys];
  return { keys, missingCode: missing > 0 ? keys.length : null };
}

/** Rows whose numbers the statistics are made from: all that train, or a part by hash where they are too many. */
function statisticsRows(
  roles: RowRoles,
  { of: groupOf }: TrainingGroups,
  featureCount: number,
  seed: number,
): (row: number) => boolean {
  const most = Math.min(STATISTICS_ROWS_MAX, Math.floor(STATISTICS_CELLS_MAX / featureCount));
  const rowCount = roles.of.length;
  if (rowCount <= most) return (row) => groupOf(row) >= 0;
  const salted = hash32(seed, STATISTICS_SALT);
  const limit = (most / rowCount) * 0x1_0000_0000;
  return (row) => rowHash(salted, row) < limit && groupOf(row) >= 0;
}
