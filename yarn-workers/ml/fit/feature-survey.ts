import { AppError, type BatchSource, type ManifestStep, type RowSpan, type TrainingStatistics } from '#contracts';
import { featureDecoder, isText, type TextAnalysis } from '#scoring';
import { hash32, indicesWhere, rowHash } from '#statistics';
import { datePairs, type DateColumns } from '../blueprints/dates.ts';
import type { PlaceColumns } from '../blueprints/places.ts';
import type { ReadRows } from './encoder.ts';
import { STATISTICS_CELLS_MAX, STATISTICS_ROWS_MAX } from './limits.ts';
import { geoSurveyor } from './places/geo-survey.ts';
import { placeSurveyor } from './places/place-survey.ts';
import { rowKeeper } from './row-keeper.ts';
import { trainingGroups, type Member, type RowRoles, type TrainingGroups } from './row-roles.ts';
import { categorySurveyor } from './survey/category-surveyor.ts';
import { numberSurveyor } from './survey/number-surveyor.ts';
import type { Passes, SpanPass } from './survey/passes.ts';
import { rowParts, rowsOfParts } from './survey/row-pieces.ts';
import { spanStates, type SpanGatherer } from './survey/spans.ts';
import { NO_PARTS, joinParts, partsOf } from './survey/state-parts.ts';
import type { LevelCounts, Surveyor } from './survey/surveyor.ts';
import type { TaskFeature } from './task-columns.ts';
import { textSurveyor, type SurveyedTerms } from './text/text-survey.ts';

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

/** What decides about a survey. */
export interface SurveyJob {
  readonly features: readonly TaskFeature[];
  readonly roles: RowRoles;
  readonly source: BatchSource;
  readonly seed: number;
  /** How terms of texts are counted; none: texts are only looked at. */
  readonly analyses: readonly TextAnalysis[];
  /** What becomes of dates, and of places. */
  readonly dates: DateColumns;
  readonly places: PlaceColumns;
  /** Rows that are kept as they are read; null: none. */
  readonly isKept: ((row: number) => boolean) | null;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One pass over all features. Counts are kept by fold, so that each member's levels and terms come from its training rows
 * alone. Memory: the dictionaries of the category features x folds, at most STATISTICS_CELLS_MAX numbers, and at most
 * COUNTED_TERMS_MAX terms an analysis of a text; of a span as much again.
 */
export async function surveyFeatures(
  job: SurveyJob,
  passes: Passes,
): Promise<{ readonly survey: FeatureSurvey; readonly kept: readonly ReadRows[] }> {
  const { features, dates } = job;
  const { surveyors, texts, places } = surveyorsOf(job);
  const kept: ReadRows[] = [];
  await passes.over({ pass: 'features' }, (state) => {
    const [ofPlaces = NO_PARTS, ofRows = NO_PARTS, ...ofFeatures] = partsOf(state, 2 + surveyors.length);
    places.merge(ofPlaces);
    if (ofRows.head !== null) kept.push(rowsOfParts(ofRows));
    for (const [index, own] of ofFeatures.entries()) surveyors[index]?.merge(own);
  });
  const pairs = dates.differences ? datePairs(features.map(({ manifest }) => manifest.type)) : [];
  const differences = pairs.map(([feature, minus]): ManifestStep => ({ kind: 'date-difference', feature, minus }));
  const survey: FeatureSurvey = {
    stepsOf: (member) => [
      ...surveyors.flatMap((surveyor, index) => surveyor.steps(member, index)),
      ...differences,
      ...places.steps(member),
    ],
    levelsOf: (member, feature, rowsMin, most) => surveyors[feature]?.levels?.(member, rowsMin, most) ?? null,
    texts: [...texts].flatMap(([feature, surveyor]) => surveyor.terms(feature)),
    statistics: surveyors.map((surveyor, index) => surveyor.statistics(index)),
  };
  return { survey, kept };
}

/** What the rows of spans tell about features, and of places; and the rows that are kept. */
export function featurePass(job: SurveyJob): SpanPass {
  const { features, source, signal, isKept } = job;
  const request = features.map((feature) => feature.request);
  return (spans) => {
    const { surveyors, places, inStatistics } = surveyorsOf(job);
    // Decoders know the dictionaries of one read.
    const decoders = features.map(({ manifest }) => featureDecoder(manifest));
    const gather = (span: RowSpan): SpanGatherer => {
      const gatherers = surveyors.map((surveyor) => surveyor.gather(span));
      const ofPlaces = places.gather();
      const keeper = isKept === null ? null : rowKeeper(isKept);
      return {
        add: (batch) => {
          keeper?.add(batch);
          const { firstRow, rowCount } = batch;
          const chosen = indicesWhere(rowCount, (row) => inStatistics(firstRow + row));
          for (const [index, decode] of decoders.entries()) {
            const column = batch.columns[index];
            if (column === undefined)
              throw new AppError(
                'INTERNAL',
                `a batch has ${batch.columns.length} columns, expected ${features.length}`,
              );
            const decoded = decode(column, rowCount, firstRow);
            gatherers[index]?.add(decoded, rowCount, firstRow, chosen);
            ofPlaces.add(index, decoded, rowCount, firstRow);
          }
        },
        parts: () => {
          const rows = keeper === null ? NO_PARTS : rowParts(keeper.rows());
          return joinParts([ofPlaces.parts(), rows, ...gatherers.map((gatherer) => gatherer.parts())]);
        },
      };
    };
    return spanStates(source, request, spans, gather, signal);
  };
}

function surveyorsOf({ features, roles, seed, analyses, dates, places }: SurveyJob) {
  const groups = trainingGroups(roles);
  const inStatistics = statisticsRows(roles, groups, features.length, seed);
  const texts = new Map(
    [...features.entries()]
      .filter(([, { manifest }]) => isText(manifest))
      .map(([index]) => [index, textSurveyor(analyses, groups, roles.of.length, seed)]),
  );
  const surveyors = features.map((feature, index): Surveyor => {
    const text = texts.get(index);
    if (text !== undefined) return text;
    switch (feature.manifest.parse.kind) {
      case 'category':
        return categorySurveyor(feature, groups);
      case 'geo':
        return geoSurveyor(feature.manifest, groups, places, inStatistics);
      case 'number':
      case 'date':
        return numberSurveyor(feature, dates);
    }
  });
  return { surveyors, texts, places: placeSurveyor(places, groups, inStatistics), inStatistics };
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
