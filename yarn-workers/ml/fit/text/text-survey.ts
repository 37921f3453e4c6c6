import { Type, nullable, parse, strict, type RowSpan, type TrainingStatistics } from '#contracts';
import type { FeatureValues, TextAnalysis } from '#scoring';
import type { TrainingGroups } from '../row-roles.ts';
import { NO_PARTS, joinParts, partsOf, type StateParts } from '../survey/state-parts.ts';
import type { Gatherer, Surveyor } from '../survey/surveyor.ts';
import { CHARACTERS_WORK, EXPECTED_AFTER_TEXTS, TEXT_WORK_MAX } from './limits.ts';
import { rowSampler } from './row-sampler.ts';
import { termCounter, type TermCounter } from './term-counts.ts';

/** The terms of a text feature in one analysis. */
export interface SurveyedTerms {
  /** Index of the feature. */
  readonly feature: number;
  readonly analysis: TextAnalysis;
  /** Counts by group of training rows. */
  readonly counter: Pick<TermCounter, 'mostFrequent' | 'documentsOf' | 'release'>;
  /** Rows whose hash is below can be read in the time there is: see `takesBelow`. */
  readonly rowLimit: number;
  /** True for characters beside words: rather than leave out rows for them, they are left out. */
  readonly isOptional: boolean;
}

/** What a pass finds out about a text feature. */
export interface TextSurveyor extends Surveyor {
  /** What could be counted. */
  terms(feature: number): SurveyedTerms[];
}

const Counts = strict({ rows: Type.Integer({ minimum: 0 }), missing: Type.Integer({ minimum: 0 }) });
/** Rows that are taken, below a limit of hashes; null where the analysis was given up. */
const Limit = nullable(strict({ rowLimit: Type.Number() }));

/**
 * Counts the terms of the rows that train, as many rows as TEXT_WORK_MAX allows, of which each span of the table has its part, and the
 * missing texts of all that train.
 *
 * @param rowCount of the table
 */
export function textSurveyor(
  analyses: readonly TextAnalysis[],
  groups: TrainingGroups,
  rowCount: number,
  seed: number,
): TextSurveyor {
  const surveys = analyses.map((analysis) => {
    const isOptional = analysis.tokens === 'characters' && analyses.length > 1;
    return analysisSurvey(analysis, groups.count, isOptional, rowCount, seed);
  });
  let trainingCount = 0;
  let missingCount = 0;
  return {
    gather: (span) =>
      textGatherer(
        surveys.map((survey) => survey.gather(span)),
        groups,
      ),
    merge: (state) => {
      const [own, ...analysed] = partsOf(state, 1 + surveys.length);
      const { rows, missing } = parse(Counts, own?.head, 'texts of a span', 'INTERNAL');
      trainingCount += rows;
      missingCount += missing;
      for (const [index, each] of analysed.entries()) surveys[index]?.merge(each);
    },
    steps: () => [],
    terms: (feature) => surveys.flatMap((survey) => survey.terms(feature)),
    statistics: (feature): TrainingStatistics => ({
      ...{ feature, rowCount: trainingCount, missingCount },
      ...{ edges: null, counts: null, topValues: null },
    }),
  };
}

function textGatherer(
  surveys: readonly { add(text: string, row: number, group: number): void; parts(): StateParts }[],
  groups: TrainingGroups,
): Gatherer {
  let [rows, missing] = [0, 0];
  return {
    add: (values: FeatureValues, count, firstRow) => {
      for (let i = 0; i < count; i += 1) {
        const group = groups.of(firstRow + i);
        if (group < 0) continue;
        const text = values.kind === 'text' ? (values.texts[i] ?? null) : null;
        rows += 1;
        if (text === null) missing += 1;
        else for (const survey of surveys) survey.add(text, firstRow + i, group);
      }
    },
    parts: () => joinParts([{ head: { rows, missing }, arrays: [] }, ...surveys.map((survey) => survey.parts())]),
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
  let counter: TermCounter | null = termCounter(analysis, groupCount);
  const limits: number[] = [];
  return {
    gather: (span: RowSpan) => analysisGatherer(analysis, groupCount, isOptional, rowCount, seed, span),
    merge: (state: StateParts): void => {
      const [own, terms] = partsOf(state, 2);
      const limit = parse(Limit, own?.head, 'limit of rows of a span', 'INTERNAL');
      if (limit === null || terms === undefined) counter = null;
      else {
        limits.push(limit.rowLimit);
        counter?.merge(terms);
      }
    },
    terms: (feature: number): SurveyedTerms[] =>
      counter === null ? [] : [{ feature, analysis, counter, rowLimit: harmonicMean(limits), isOptional }],
  };
}

/**
 * The limit at which all spans together make the work that they may: the work of all rows of a span is what it may make by its limit. Of one
 * span it is its own, to the last bit.
 */
function harmonicMean(limits: readonly number[]): number {
  const [first = NaN] = limits;
  if (limits.every((limit) => limit === first)) return first;
  return limits.length / limits.reduce((sum, limit) => sum + 1 / limit, 0);
}

/** @param span whose rows may make so much of all work as they are of all rows */
function analysisGatherer(
  analysis: TextAnalysis,
  groupCount: number,
  isOptional: boolean,
  rowCount: number,
  seed: number,
  span: RowSpan,
) {
  const spanRows = span.to - span.from;
  const workMax = TEXT_WORK_MAX * (spanRows / Math.max(1, rowCount));
  const sampler = rowSampler(seed, workMax);
  const allRows = sampler.limit;
  const workOf = (text: string): number =>
    Math.min(text.length, analysis.charactersMax) * (analysis.tokens === 'words' ? 1 : CHARACTERS_WORK);
  let counter: TermCounter | null = termCounter(analysis, groupCount);
  let textCount = 0;
  let work = 0;
  const isTooMuch = (): boolean =>
    sampler.limit < allRows || (textCount === EXPECTED_AFTER_TEXTS && (work / textCount) * spanRows > workMax);
  return {
    add: (text: string, row: number, group: number): void => {
      if (counter === null || !sampler.takes(row)) return;
      counter.add(text, group);
      sampler.spend(workOf(text));
      textCount += 1;
      work += workOf(text);
      if (isOptional && isTooMuch()) counter = null;
    },
    parts: (): StateParts => {
      const limit = counter === null ? null : { rowLimit: sampler.limit };
      return joinParts([{ head: limit, arrays: [] }, counter?.parts() ?? NO_PARTS]);
    },
  };
}
