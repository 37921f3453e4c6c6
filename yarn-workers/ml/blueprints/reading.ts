import type { ManifestStep, TrainTask } from '#contracts';
import type { TextAnalysis } from '#scoring';
import { settingsOf } from './catalogue.ts';
import { dateColumnsOf, type DateColumns } from './dates.ts';
import { readsHistory } from './history.ts';
import { isBoosted, isFactorization, isForest, isLinear, naiveBayesOf, type ModelSettings } from './settings.ts';
import { textAnalysesOf } from './text.ts';

/** Kinds of the steps that read features: those of an artefact. */
export type FeatureStepKind = ManifestStep['kind'];
export const FEATURE_STEP_KINDS = [
  'numeric',
  'category-codes',
  'date-parts',
  'date-difference',
  'holidays',
  'place-directions',
  'place-parts',
  'place-cells',
  'place-distance',
  'category-cross',
  'text-scores',
  'category-numbers',
  'series-history',
] as const satisfies readonly FeatureStepKind[];

/** What decides what a model reads of its features. */
export type ReadTask = Pick<TrainTask, 'blueprintId' | 'parameters' | 'featureSteps'>;

/** How a model reads its features. */
export interface Reading {
  /** Null for the baseline and naive forecasts. */
  readonly settings: ModelSettings | null;
  readonly analyses: readonly TextAnalysis[];
  readonly dates: DateColumns;
  readonly uses: (kind: FeatureStepKind) => boolean;
}

/** Whether boosted trees of these settings read categories of many levels as numbers. */
export const encodesCategories = (settings: ModelSettings): boolean =>
  isBoosted(settings) && (settings.categories !== 'codes' || settings.categoryCounts);

/** The steps of a blueprint with these settings, in the order of {@link FEATURE_STEP_KINDS}, where nothing else is said. */
export function usualSteps(blueprintId: string, settings: ModelSettings | null): FeatureStepKind[] {
  if (settings === null) return [];
  if (naiveBayesOf(settings) !== null) return ['text-scores'];
  const bends = !isFactorization(settings) && (!isLinear(settings) || settings.pieces > 1);
  const left = new Set<FeatureStepKind>([
    ...(isFactorization(settings) || (settings.holidays ?? 'none') === 'none' ? (['holidays'] as const) : []),
    // Straight lines have directions of places in their sum already.
    ...(bends ? [] : (['place-directions'] as const)),
    ...(isLinear(settings) && (settings.placeCells ?? 0) > 0 ? [] : (['place-cells'] as const)),
    // Forests draw columns at random: one more that says nothing costs more than noise (ADR 63).
    ...(isForest(settings) ? (['place-distance'] as const) : []),
    ...(isLinear(settings) && (settings.crosses ?? 0) > 0 ? [] : (['category-cross'] as const)),
    ...(textAnalysesOf(settings).length > 0 ? [] : (['text-scores'] as const)),
    ...(encodesCategories(settings) ? [] : (['category-numbers'] as const)),
    ...(readsHistory(blueprintId) ? [] : (['series-history'] as const)),
  ]);
  return FEATURE_STEP_KINDS.filter((kind) => !left.has(kind));
}

/**
 * What a task reads of its features, by the steps of its blueprint.
 *
 * @throws BLUEPRINT_UNKNOWN; VALIDATION_FAILED on a parameter that does not exist or fit
 */
export function readingOf({ blueprintId, parameters, featureSteps }: ReadTask): Reading {
  const settings = settingsOf(blueprintId, parameters);
  const used: ReadonlySet<string> = new Set(featureSteps ?? usualSteps(blueprintId, settings));
  const { parts, differences, holidays } = dateColumnsOf(settings);
  return {
    settings,
    analyses: used.has('text-scores') ? textAnalysesOf(settings) : [],
    dates: {
      parts: used.has('date-parts') ? parts : [],
      differences: differences && used.has('date-difference'),
      holidays: used.has('holidays') ? holidays : null,
    },
    uses: (kind) => used.has(kind),
  };
}
