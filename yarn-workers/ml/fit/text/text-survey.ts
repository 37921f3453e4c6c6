import type { TrainingStatistics } from '#contracts';
import type { FeatureValues, TextAnalysis } from '#scoring';
import { CHARACTERS_WORK, TEXT_CHARACTERS_MAX, TEXT_WORK_MAX } from './limits.ts';
import { rowSampler } from './row-sampler.ts';
import { termCounter, type TermCounter } from './term-counts.ts';

/** The terms of a text feature in one analysis. */
export interface SurveyedTerms {
  /** Index of the feature. */
  readonly feature: number;
  readonly analysis: TextAnalysis;
  /** Counts by fold; the last group is of the rows of no fold. */
  readonly counter: TermCounter;
}

/** What one pass finds out about a text feature. */
export interface TextSurvey {
  add(values: FeatureValues, rowCount: number, firstRow: number): void;
  readonly terms: readonly SurveyedTerms[];
  /** Rows whose hash is below can be read in the time there is: see `takesBelow`. */
  rowLimit(): number;
  statistics(): TrainingStatistics;
}

/**
 * Counts the terms of the rows that train, as many rows as TEXT_WORK_MAX allows, and the missing texts of all that train.
 *
 * @param groupOf the row's group, -1 for rows that train nothing
 */
export function textSurvey(
  feature: number,
  analyses: readonly TextAnalysis[],
  groupCount: number,
  groupOf: (row: number) => number,
  seed: number,
): TextSurvey {
  const terms = analyses.map((analysis) => ({ feature, analysis, counter: termCounter(analysis, groupCount) }));
  const work = analyses.reduce((sum, { tokens }) => sum + (tokens === 'words' ? 1 : CHARACTERS_WORK), 0);
  const sampler = rowSampler(seed, TEXT_WORK_MAX);
  let trainingCount = 0;
  let missingCount = 0;
  return {
    add: (values, rowCount, firstRow) => {
      for (let i = 0; i < rowCount; i += 1) {
        const group = groupOf(firstRow + i);
        if (group < 0) continue;
        const text = values.kind === 'text' ? (values.texts[i] ?? null) : null;
        trainingCount += 1;
        if (text === null) missingCount += 1;
        else if (work > 0 && sampler.takes(firstRow + i)) {
          for (const { counter } of terms) counter.add(text, group);
          sampler.spend(work * Math.min(text.length, TEXT_CHARACTERS_MAX));
        }
      }
    },
    terms,
    rowLimit: () => sampler.limit,
    statistics: () => ({
      feature,
      rowCount: trainingCount,
      missingCount,
      edges: null,
      counts: null,
      topValues: null,
    }),
  };
}
