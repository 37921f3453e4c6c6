import { expect } from 'chai';
import type { TextAnalysis } from '#scoring';
import { readCorpora } from '../../../../../../yarn-workers/ml/fit/text/corpus.ts';
import {
  CORPUS_ENTRIES_MAX,
  EXPECTED_AFTER_TEXTS,
  TERM_COEFFICIENTS_MAX,
  TEXT_WORK_MAX,
} from '../../../../../../yarn-workers/ml/fit/text/limits.ts';
import { corporaPass } from '../../../../../../yarn-workers/ml/fit/text/span-corpus.ts';
import { passesAlone } from '../../../../../../yarn-workers/ml/fit/survey/passes.ts';
import { surveySpans } from '../../../../../../yarn-workers/ml/fit/survey/spans.ts';
import {
  textSurveyor,
  type SurveyedTerms,
  type TextSurveyor,
} from '../../../../../../yarn-workers/ml/fit/text/text-survey.ts';
import { rowSpans } from '../../../../../../yarn-workers/ml/fit/binned/row-uses.ts';
import { TRAINING } from '../../../../../../yarn-workers/ml/partition/types.ts';
import { taskFeatures } from '../../../../../../yarn-workers/ml/fit/task-columns.ts';
import { memorySource, storedTable, textRule, type MemoryColumn } from '../../../../../support/memory-table.ts';

const WORDS: TextAnalysis = { tokens: 'words', minLength: 1, maxLength: 1, charactersMax: 20_000 };
const CHARACTERS: TextAnalysis = { ...WORDS, tokens: 'characters', minLength: 2, maxLength: 2 };
const ALL_ROWS = 0x1_0000_0000;

/** A survey of texts of 40 characters in a table of so many rows. */
function surveyed(analyses: readonly TextAnalysis[], rowCount: number): SurveyedTerms[] {
  const texts = Array.from({ length: EXPECTED_AFTER_TEXTS }, () => 'words of a text '.repeat(3).slice(0, 40));
  return surveyOf(analyses, rowCount, [texts]).terms(0);
}

/** A survey of texts that spans of equal length begin with. */
function surveyOf(analyses: readonly TextAnalysis[], rowCount: number, texts: readonly string[][]): TextSurveyor {
  const survey = textSurveyor(analyses, { count: 1, of: () => 0, trains: () => () => true }, rowCount, 1);
  for (const [index, span] of rowSpans(rowCount, texts.length).entries()) {
    const gatherer = survey.gather(span);
    const own = texts[index] ?? [];
    gatherer.add({ kind: 'text', texts: own }, own.length, span.from, new Uint32Array());
    survey.merge(gatherer.parts());
  }
  return survey;
}

describe('ml texts within their bounds', () => {
  it('leave out characters beside words where not all rows could be read, and told early', () => {
    const kindsOf = (terms: readonly SurveyedTerms[]) => terms.map(({ analysis }) => analysis.tokens);
    const few = Math.floor(TEXT_WORK_MAX / 40 / 4);
    expect(kindsOf(surveyed([WORDS, CHARACTERS], few))).to.deep.equal(['words', 'characters']);
    expect(kindsOf(surveyed([WORDS, CHARACTERS], 1.1 * few))).to.deep.equal(['words']);
    expect(kindsOf(surveyed([CHARACTERS], 100 * few)), 'alone they are read').to.deep.equal(['characters']);
  });

  it('read as many rows as there is time for', () => {
    const shareOf = (texts: readonly string[][]): number => {
      const [terms] = surveyOf([WORDS], 4_000, texts).terms(0);
      return (terms?.rowLimit ?? NaN) / ALL_ROWS;
    };
    const text = `${'x'.repeat(39)} `.repeat(500);
    const whole = Array.from({ length: 4_000 }, () => text);
    expect(shareOf([whole]) * 4_000 * text.length).to.be.within(0.7 * TEXT_WORK_MAX, 1.1 * TEXT_WORK_MAX);
    const halves = [whole.slice(2_000), whole.slice(2_000)];
    expect(shareOf(halves) * 4_000 * text.length).to.be.within(0.7 * TEXT_WORK_MAX, 1.1 * TEXT_WORK_MAX);
    // The second half makes a tenth of the work.
    const unequal = [whole.slice(2_000), whole.slice(2_000).map((long) => long.slice(0, 2_000))];
    expect(shareOf(unequal) * 2_000 * 1.1 * text.length).to.be.within(0.6 * TEXT_WORK_MAX, 1.1 * TEXT_WORK_MAX);
  });

  it('leave out characters where one span alone makes too much work of them', () => {
    const long = Array.from({ length: 2_000 }, () => 'ab '.repeat(5_000));
    const short = Array.from({ length: 2_000 }, () => 'ab');
    for (const texts of [
      [short, long],
      [long, short],
    ])
      expect(
        surveyOf([WORDS, CHARACTERS], 4_000, texts)
          .terms(0)
          .map(({ analysis }) => analysis.tokens),
      ).to.deep.equal(['words']);
  });

  it('hold as many entries as there is memory for: first without characters, then fewer rows', async () => {
    const cells = Array.from({ length: 4_000 }, (_, row) => (row % 10 === 0 ? null : 'a b ab'));
    const table: MemoryColumn[] = [{ name: 'note', cells, parse: textRule }];
    const features = taskFeatures({
      table: storedTable(table),
      features: [{ name: 'note', type: 'text', uniqueCount: 1 }],
    });
    const roles = {
      of: new Int8Array(cells.length).fill(TRAINING),
      members: [{ fold: null }],
      sample: null,
      held: null,
      drawn: null,
      spans: null,
    };
    const asked: number[] = [];
    /** Terms that claim to be in so many texts. */
    const claimed = (analysis: TextAnalysis, documents: number): SurveyedTerms => ({
      feature: 0,
      analysis,
      rowLimit: ALL_ROWS,
      isOptional: analysis.tokens === 'characters',
      counter: {
        mostFrequent: (_, termsMax) => (asked.push(termsMax), ['a', 'b']),
        documentsOf: () => documents,
        release: () => undefined,
      },
    });
    const source = memorySource(table, 300);
    const passes = passesAlone({
      spans: surveySpans(cells.length, 700),
      passOf: (order) =>
        order.pass === 'corpora'
          ? corporaPass({ features, roles, source, seed: 1 }, order)
          : expect.fail(`no pass of ${order.pass}`),
    });
    const read = (terms: readonly SurveyedTerms[], outputCount = 1) =>
      readCorpora(terms, { seed: 1, outputCount, rowCount: cells.length }, roles, passes);
    const half = CORPUS_ENTRIES_MAX / 2;
    const both = await read([claimed(WORDS, half / 2), claimed(CHARACTERS, half / 2)], 100);
    expect(both.all.map(({ analysis }) => analysis.tokens)).to.deep.equal(['words', 'characters']);
    expect(both.rowShare).to.equal(1);
    expect(asked).to.deep.equal([TERM_COEFFICIENTS_MAX / 100, TERM_COEFFICIENTS_MAX / 100]);
    expect(both.all[0]?.places).to.have.length(2 * 3_600);
    const words = await read([claimed(WORDS, half), claimed(CHARACTERS, half)]);
    expect(words.all.map(({ analysis }) => analysis.tokens)).to.deep.equal(['words']);
    expect(words.rowShare).to.equal(1);
    const fewer = await read([claimed(WORDS, 4 * half), claimed(CHARACTERS, half)]);
    expect(fewer.rowShare).to.equal(0.25);
    const held = cells.filter((cell, row) => cell !== null && fewer.holds(row)).length;
    expect(held).to.be.within(750, 1_050);
    expect(fewer.all[0]?.places).to.have.length(2 * held);
  });
});
