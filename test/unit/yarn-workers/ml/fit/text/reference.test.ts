import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import type { TextTokens } from '#contracts';
import { compileText, forEachTerm, type TextAnalysis } from '#scoring';
import type { GlmFamily } from '../../../../../../yarn-workers/ml/blueprints/objective.ts';
import { penaltyPath } from '../../../../../../yarn-workers/ml/fit/linear/path.ts';
import { RowPlaces } from '../../../../../../yarn-workers/ml/fit/row-places.ts';
import type { Corpus } from '../../../../../../yarn-workers/ml/fit/text/corpus.ts';
import { memberText, termColumns, textStep } from '../../../../../../yarn-workers/ml/fit/text/member-text.ts';
import { textComponents } from '../../../../../../yarn-workers/ml/fit/text/text-components.ts';
import { REPOSITORY_ROOT } from '../../../../../support/repository.ts';

interface Model {
  readonly coefficients: readonly (readonly number[])[];
  readonly intercepts: number | readonly number[];
}

interface Fixture {
  readonly texts: readonly string[];
  readonly binary: readonly number[];
  readonly classes: readonly number[];
  readonly value: readonly number[];
  readonly analyses: Readonly<
    Record<
      'words' | 'characters',
      {
        readonly lengths: readonly [number, number];
        readonly minDocuments: number;
        readonly terms: readonly string[];
        readonly rows: readonly number[];
        readonly vectors: readonly Readonly<Record<string, number>>[];
        readonly models: Readonly<Record<string, Model>>;
        readonly components: readonly (readonly number[])[];
      }
    >
  >;
}

// The cast holds: generate.py, beside the file, writes this shape.
const FIXTURE = JSON.parse(readFileSync(path.join(REPOSITORY_ROOT, 'test/fixtures/text/text.json'), 'utf8')) as Fixture;
const ROWS = Int32Array.from(FIXTURE.texts.keys());

/** Of every term that enough texts have. */
function corpusOf(tokens: 'words' | 'characters'): Corpus {
  const { lengths, minDocuments } = FIXTURE.analyses[tokens];
  const analysis: TextAnalysis = { tokens, minLength: lengths[0], maxLength: lengths[1], charactersMax: 20_000 };
  const counted = FIXTURE.texts.map((text) => {
    const counts = new Map<string, number>();
    forEachTerm(text, analysis, (term) => counts.set(term, (counts.get(term) ?? 0) + 1));
    return counts;
  });
  const documents = new Map<string, number>();
  for (const counts of counted) for (const term of counts.keys()) documents.set(term, (documents.get(term) ?? 0) + 1);
  const terms = [...documents.keys()].filter((term) => (documents.get(term) ?? 0) >= minDocuments).sort();
  const placeOf = new Map(terms.map((term, place) => [term, place]));
  const entries = counted.map((counts) => [...counts].filter(([term]) => placeOf.has(term)));
  const offsets = [0];
  for (const own of entries) offsets.push((offsets.at(-1) ?? 0) + own.length);
  return {
    feature: 0,
    analysis,
    vocabularies: [terms],
    placeOf,
    rows: RowPlaces.of(FIXTURE.texts.length, () => true),
    offsets: Int32Array.from(offsets),
    places: Int32Array.from(entries.flat(), ([term]) => placeOf.get(term) ?? -1),
    counts: Uint16Array.from(entries.flat(), ([, count]) => count),
    isMissing: new Uint8Array(FIXTURE.texts.length),
  };
}

const LABELS: Readonly<Record<string, readonly number[]>> = {
  binomial: FIXTURE.binary,
  multinomial: FIXTURE.classes,
  gaussian: FIXTURE.value,
};

/** Coefficients that all classes share say nothing: scikit-learn and we hold them at a sum of 0. */
function fitted(tokens: TextTokens, family: GlmFamily, lambda: number, outputCount: number) {
  const text = memberText(corpusOf(tokens), 0, ROWS);
  const sparse = termColumns(text, ROWS);
  const block = {
    levelCount: text.terms.length,
    codes: null,
    values: null,
    sparse,
    sign: 0,
    isComplete: false,
  } as const;
  const path = penaltyPath({
    family,
    outputCount,
    training: {
      design: { rowCount: ROWS.length, blocks: [block] },
      labels: Float64Array.from(LABELS[family] ?? []),
      weights: new Float64Array(ROWS.length).fill(1 / ROWS.length),
      offsets: null,
    },
    l1Ratio: 0,
    tolerance: 1e-16,
    isTooLate: () => false,
  });
  for (const factor of [30, 5]) path.fitAt(lambda * factor);
  return { text, outputs: path.fitAt(lambda).outputs };
}

describe('ml texts against scikit-learn', () => {
  for (const tokens of ['words', 'characters'] as const) {
    const reference = FIXTURE.analyses[tokens];
    const terms = [...reference.terms].sort();

    it(`${tokens}: the same terms and tf-idf vectors, in a fit and by the step`, () => {
      const text = memberText(corpusOf(tokens), 0, ROWS);
      expect(text.terms).to.deep.equal(terms);
      const { offsets, rows, values } = termColumns(text, ROWS);
      const vectors = FIXTURE.texts.map(() => new Map<string, number>());
      for (const [place, term] of terms.entries())
        for (let entry = offsets[place] ?? 0; entry < (offsets[place + 1] ?? 0); entry += 1)
          vectors[rows[entry] ?? -1]?.set(term, values[entry] ?? NaN);
      // One output a term: its coefficient alone is 1, so that the scores are the vector.
      const coefficients = terms.map((_, term) => Float64Array.from(terms, (__, other) => Number(term === other)));
      const score = compileText(textStep(text, coefficients));
      const scores = new Float64Array(terms.length);
      for (const [index, row] of reference.rows.entries()) {
        const expected = new Map(Object.entries(reference.vectors[index] ?? {}));
        expect([...(vectors[row] ?? []).keys()].sort(), `terms of text ${row}`).to.deep.equal(
          [...expected.keys()].sort(),
        );
        score(FIXTURE.texts[row] ?? null, scores, 0);
        for (const [place, term] of terms.entries()) {
          const value = expected.get(term) ?? 0;
          // The fit holds float32, the fixture ten digits.
          expect(vectors[row]?.get(term) ?? 0, `${term} of text ${row}`).to.be.closeTo(value, 1e-7);
          expect(scores[place], `${term} of text ${row} by the step`).to.be.closeTo(value, 1e-9);
        }
      }
    });

    it(`${tokens}: the components of scikit-learn’s exact decomposition, up to their sign`, () => {
      const text = memberText(corpusOf(tokens), 0, ROWS);
      const { components } = reference;
      const [{ outputs: found } = { outputs: [] }] = textComponents(text, ROWS, components.length, 1);
      expect(found).to.have.length(components.length);
      for (const [place, component] of components.entries()) {
        const along = terms.reduce((sum, term, at) => {
          const expected = component[reference.terms.indexOf(term)] ?? NaN;
          return sum + (found[place]?.[at] ?? NaN) * expected;
        }, 0);
        // After seven iterations a direction is still mixed a little with those of nearly the same singular value.
        expect(Math.abs(along), `cosine of component ${place}`).to.be.closeTo(1, 2e-3);
      }
    });

    for (const [name, model] of Object.entries(reference.models)) {
      it(`${tokens}: ${name}, every coefficient`, () => {
        const [family = '', lambda = ''] = name.split(' ');
        // The cast holds: the fixture names its models by family.
        const { outputs } = fitted(tokens, family as GlmFamily, Number(lambda), model.coefficients.length);
        const intercepts = [model.intercepts].flat();
        const mean = (values: readonly number[]): number =>
          values.reduce((sum, value) => sum + value, 0) / values.length;
        const shift = family === 'multinomial' ? mean(intercepts) - mean(outputs.map((each) => each.intercept)) : 0;
        for (const [output, { intercept, blocks }] of outputs.entries()) {
          expect(intercept + shift, 'intercept').to.be.closeTo(intercepts[output] ?? NaN, 1e-4);
          for (const [place, term] of terms.entries()) {
            const at = reference.terms.indexOf(term);
            expect(blocks[0]?.[place], term).to.be.closeTo(model.coefficients[output]?.[at] ?? NaN, 1e-4);
          }
        }
      });
    }
  }
});
