import type { TrainingStatistics } from '#contracts';
import type { FeatureValues, TextAnalysis } from '#scoring';
import { CHARACTERS_WORK, EXPECTED_AFTER_TEXTS, TEXT_WORK_MAX } from './limits.ts';
import { rowSampler } from './row-sampler.ts';
import { termCounter, type TermCounter } from './term-counts.ts';

/** The terms of a text feature in one analysis. */
export interface SurveyedTerms {
  /** Index of the feature. */
  readonly feature: number;
  readonly analysis: TextAnalysis;
  /** Counts by group of training rows. */
  readonly counter: TermCounter;
  /** Rows whose hash is below can be read in the time there is: see `takesBelow`. */
  readonly rowLimit: number;
  /** True for characters beside words: rather than leave out rows for them, they are left out. */
  readonly isOptional: boolean;
}

/** What one pass finds out about a text feature. */
export interface TextSurvey {
  add(values: FeatureValues, rowCount: number, firstRow: number): void;
  /** What could be counted. */
  terms(): SurveyedTerms[];
  statistics(): TrainingStatistics;
}

/**
 * Counts the terms of the rows that train, as many rows as TEXT_WORK_MAX allows, and the missing texts of all that train.
 *
 * @param groupOf the row's group, -1 for rows that train nothing
 * @param rowCount of the table
 */
export function textSurvey(
  feature: number,
  analyses: readonly TextAnalysis[],
  groupCount: number,
  groupOf: (row: number) => number,
  rowCount: number,
  seed: number,
): TextSurvey {
  const surveys = analyses.map((analysis) => {
    const isOptional = analysis.tokens === 'characters' && analyses.length > 1;
    return analysisSurvey(analysis, groupCount, isOptional, rowCount, seed);
  });
  let trainingCount = 0;
  let missingCount = 0;
  return {
    add: (values, count, firstRow) => {
      for (let i = 0; i < count; i += 1) {
        const group = groupOf(firstRow + i);
        if (group < 0) continue;
        const text = values.kind === 'text' ? (values.texts[i] ?? null) : null;
        trainingCount += 1;
        if (text === null) missingCount += 1;
        else for (const survey of surveys) survey.add(text, firstRow + i, group);
      }
    },
    terms: () => surveys.flatMap((survey) => survey.terms(feature)),
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

/** One analysis; an optional one is given up as soon as it is clear that it would leave out rows. */
function analysisSurvey(
  analysis: TextAnalysis,
  groupCount: number,
  isOptional: boolean,
  rowCount: number,
  seed: number,
) {
  const sampler = rowSampler(seed, TEXT_WORK_MAX);
  const allRows = sampler.limit;
  const workOf = (text: string): number =>
    Math.min(text.length, analysis.charactersMax) * (analysis.tokens === 'words' ? 1 : CHARACTERS_WORK);
  let counter: TermCounter | null = termCounter(analysis, groupCount);
  let textCount = 0;
  let work = 0;
  const isTooMuch = (): boolean =>
    sampler.limit < allRows || (textCount === EXPECTED_AFTER_TEXTS && (work / textCount) * rowCount > TEXT_WORK_MAX);
  return {
    add: (text: string, row: number, group: number): void => {
      if (counter === null || !sampler.takes(row)) return;
      counter.add(text, group);
      sampler.spend(workOf(text));
      textCount += 1;
      work += workOf(text);
      if (isOptional && isTooMuch()) counter = null;
    },
    terms: (feature: number): SurveyedTerms[] =>
      counter === null ? [] : [{ feature, analysis, counter, rowLimit: sampler.limit, isOptional }],
  };
}
