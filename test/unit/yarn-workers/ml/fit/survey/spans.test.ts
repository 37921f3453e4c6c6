import { expect } from 'chai';
import type { BatchSource, RowSpan } from '#contracts';
import {
  featurePass,
  surveyFeatures,
  type FeatureSurvey,
  type SurveyJob,
} from '../../../../../../yarn-workers/ml/fit/feature-survey.ts';
import { rowSpans } from '../../../../../../yarn-workers/ml/fit/binned/row-uses.ts';
import type { ReadRows } from '../../../../../../yarn-workers/ml/fit/encoder.ts';
import type { Passes } from '../../../../../../yarn-workers/ml/fit/survey/passes.ts';
import { SPANS_MAX, surveySpans } from '../../../../../../yarn-workers/ml/fit/survey/spans.ts';
import { decodeParts, encodeParts } from '../../../../../../yarn-workers/ml/fit/survey/state-bytes.ts';
import { sha256 } from '../../../../../support/boosting-engine.ts';
import { appErrorOf, expectError } from '../../../../../support/expect-error.ts';
import { memorySource, type MemoryColumn } from '../../../../../support/memory-table.ts';
import { spanJob, spanTable, spanTask } from '../../../../../support/span-table.ts';

const ROWS = 1_500;
const BATCH_ROWS = 130;

/** Passes whose spans are read by so many, each on its own, and go through bytes. */
const passesBy = (job: SurveyJob, spans: readonly RowSpan[], count: number): Passes => ({
  over: async (_order, merge) => {
    for (const { from, to } of rowSpans(spans.length, count))
      for await (const state of featurePass(job)(spans.slice(from, to)))
        merge(decodeParts(encodeParts(state, sha256), sha256));
  },
});

/** A cell of each kept row, whatever the dictionary that it was read with. */
const cellsOf = (kept: readonly ReadRows[]): unknown[] =>
  kept.flatMap(({ rows, columns }) =>
    [...rows].map((row, index) => [
      row,
      ...columns.map((column) => {
        if (column.view !== 'dictionary') return column.values[index];
        const code = column.codes[index] ?? -1;
        return code < 0 ? null : column.dictionary[code];
      }),
    ]),
  );

/** All that members are fitted from, to the last bit. */
function contentOf(survey: FeatureSurvey, job: SurveyJob): unknown {
  const members = [...job.roles.members, { fold: null }];
  return {
    steps: members.map((member) => survey.stepsOf(member)),
    levels: members.map((member) => job.features.map((_, index) => survey.levelsOf(member, index, 1, 1_000))),
    terms: survey.texts.map(({ feature, analysis, counter, rowLimit, isOptional }) => {
      const terms = counter.mostFrequent(() => true, 10_000);
      const documents = terms.map((term) => counter.documentsOf(term));
      return { feature, analysis, rowLimit, isOptional, terms, documents };
    }),
    statistics: survey.statistics,
  };
}

describe('fit: a survey of spans', () => {
  let table: MemoryColumn[];
  let job: SurveyJob;

  before(async function () {
    this.timeout(60_000);
    table = spanTable(ROWS);
    job = await spanJob(table, await spanTask(table), BATCH_ROWS);
  });

  it('finds every kind of step', async () => {
    const { survey } = await surveyFeatures(job, passesBy(job, surveySpans(ROWS), 1));
    const kinds = new Set(survey.stepsOf({ fold: 0 }).map(({ kind }) => kind));
    expect([...kinds]).to.include.members(['numeric', 'category-codes', 'date-parts', 'place-parts', 'place-cells']);
    expect(survey.texts.map(({ analysis }) => analysis.tokens)).to.deep.equal(['words', 'characters']);
    const odd = job.features.findIndex(({ manifest }) => manifest.name === 'odd');
    expect(survey.levelsOf({ fold: 0 }, odd, 1, 1_000)?.keys).to.include.members(['\ud83d', 'tree \udc00']);
  });

  for (const spanRows of [ROWS, 700, 250, 47])
    it(`is the same, to the last bit, whoever reads spans of ${spanRows} rows and however they are batched`, async () => {
      const spans = surveySpans(ROWS, spanRows);
      const alone = await surveyFeatures(job, passesBy(job, spans, 1));
      for (const [count, batchRows] of [
        [2, BATCH_ROWS],
        [3, 1],
        [5, 10_000],
        [40, 77],
      ] as const) {
        const other = await spanJob(table, await spanTask(table), batchRows);
        const shared = await surveyFeatures(other, passesBy(other, spans, count));
        expect(contentOf(shared.survey, other)).to.deep.equal(contentOf(alone.survey, job));
        expect(cellsOf(shared.kept)).to.deep.equal(cellsOf(alone.kept));
      }
    });

  it('is that of one span as long as nothing is left out, but for sums of degrees', async () => {
    const whole = await surveyFeatures(job, passesBy(job, surveySpans(ROWS), 1));
    const spans = await surveyFeatures(job, passesBy(job, surveySpans(ROWS, 47), 4));
    expect(contentOf(spans.survey, job)).to.deep.equal(contentOf(whole.survey, job));
    expect(cellsOf(spans.kept)).to.deep.equal(cellsOf(whole.kept));
    expect(cellsOf(whole.kept)).to.have.length(Math.ceil((ROWS - 4) / 11));
  });

  it('reads a table that ends early as an error', async () => {
    const short: BatchSource = { ...memorySource(table.map((each) => ({ ...each, cells: each.cells.slice(0, 900) }))) };
    const damaged = { ...job, source: { ...short, rowCount: ROWS } };
    const err = await appErrorOf('DATA_READ_TRUNCATED', () =>
      surveyFeatures(damaged, passesBy(damaged, surveySpans(ROWS, 250), 1)),
    );
    expect(err.message).to.match(/row 900 was not read/);
  });
});

describe('fit: spans of a survey', () => {
  it('depend on the rows alone, and are no more than so many', () => {
    expect(surveySpans(0)).to.deep.equal([{ from: 0, to: 0 }]);
    expect(surveySpans(524_287)).to.have.length(1);
    expect(surveySpans(524_288)).to.have.length(2);
    expect(surveySpans(1_000_000_000)).to.have.length(SPANS_MAX);
    expect(surveySpans(1_000, 300)).to.deep.equal([
      { from: 0, to: 333 },
      { from: 333, to: 666 },
      { from: 666, to: 1_000 },
    ]);
  });
});

describe('fit: the state of a span as bytes', () => {
  const state = {
    head: { of: ['\ud83d', null, 1.5, 'ünï'] },
    arrays: [
      Float64Array.of(NaN, -0, Infinity, 5e-324),
      Int32Array.of(-1),
      Uint32Array.of(2 ** 32 - 1, 0, 1),
      Uint16Array.of(65_535),
      Uint8Array.of(1, 2, 255),
      new Float64Array(),
    ],
  };

  it('is what it was', () => {
    expect(decodeParts(encodeParts(state, sha256), sha256)).to.deep.equal(state);
    // As it is read: at any place of what was received.
    const bytes = encodeParts(state, sha256);
    const apart = Buffer.alloc(bytes.length + 3);
    apart.set(bytes, 3);
    expect(decodeParts(apart.subarray(3), sha256)).to.deep.equal(state);
  });

  it('is refused where a byte is another one, or missing', () => {
    const bytes = encodeParts(state, sha256);
    for (let at = 0; at < bytes.length; at += 13) {
      const altered = bytes.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      expectError(() => decodeParts(altered, sha256), 'ARTIFACT_INVALID');
    }
    for (const length of [0, 79, bytes.length - 1])
      expectError(() => decodeParts(bytes.subarray(0, length), sha256), 'ARTIFACT_INVALID');
  });
});
