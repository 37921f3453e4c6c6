import { expect } from 'chai';
import type { TextAnalysis } from '#scoring';
import { readCorpora } from '../../../../../../yarn-workers/ml/fit/text/corpus.ts';
import {
  CORPUS_ENTRIES_MAX,
  EXPECTED_AFTER_TEXTS,
  TERM_COEFFICIENTS_MAX,
  TEXT_WORK_MAX,
} from '../../../../../../yarn-workers/ml/fit/text/limits.ts';
import { textSurvey, type SurveyedTerms } from '../../../../../../yarn-workers/ml/fit/text/text-survey.ts';
import { TRAINING } from '../../../../../../yarn-workers/ml/partition/types.ts';
import { taskFeatures } from '../../../../../../yarn-workers/ml/fit/task-columns.ts';
import { memorySource, storedTable, textRule, type MemoryColumn } from '../../../../../support/memory-table.ts';

const WORDS: TextAnalysis = { tokens: 'words', minLength: 1, maxLength: 1, charactersMax: 20_000 };
const CHARACTERS: TextAnalysis = { ...WORDS, tokens: 'characters', minLength: 2, maxLength: 2 };
const ALL_ROWS = 0x1_0000_0000;

/** A survey of texts of 40 characters in a table of so many rows. */
function surveyed(analyses: readonly TextAnalysis[], rowCount: number): SurveyedTerms[] {
  const survey = textSurvey(0, analyses, 1, () => 0, rowCount, 1);
  const texts = Array.from({ length: EXPECTED_AFTER_TEXTS }, () => 'words of a text '.repeat(3).slice(0, 40));
  survey.add({ kind: 'text', texts }, texts.length, 0);
  return survey.terms();
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
    const survey = textSurvey(0, [WORDS], 1, () => 0, 4_000, 1);
    const text = `${'x'.repeat(39)} `.repeat(500);
    const texts = Array.from({ length: 4_000 }, () => text);
    survey.add({ kind: 'text', texts }, texts.length, 0);
    const [terms] = survey.terms();
    const share = (terms?.rowLimit ?? NaN) / ALL_ROWS;
    expect(share * 4_000 * text.length).to.be.within(0.7 * TEXT_WORK_MAX, 1.1 * TEXT_WORK_MAX);
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
        add: () => undefined,
        mostFrequent: (_, termsMax) => (asked.push(termsMax), ['a', 'b']),
        documentsOf: () => documents,
        release: () => undefined,
      },
    });
    const read = (terms: readonly SurveyedTerms[], outputCount = 1) =>
      readCorpora(terms, { seed: 1, outputCount, rowCount: cells.length }, features, roles, memorySource(table, 300));
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
