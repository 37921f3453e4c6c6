import type { ManifestStep } from '#contracts';
import { SCORE_MAX } from '../models/tree-arrays.ts';
import { forEachTerm } from './tokens.ts';

export type TextStep = Extract<ManifestStep, { kind: 'text-scores' }>;

/** Writes a text's scores, `out[at]` and on, one an output; NaN for a missing text. Not re-entrant. */
export type TextScorer = (text: string | null, out: Float64Array, at: number) => void;

/**
 * Weight of a term that is `documents` times among `documentCount` texts: as if one more text had every term, so that none
 * divides by 0, and never 0.
 *
 * @see scikit-learn 1.9, `TfidfTransformer(smooth_idf=True)`
 */
export const inverseDocumentFrequency = (documentCount: number, documents: number): number =>
  Math.log((1 + documentCount) / (1 + documents)) + 1;

/** Weight of a term that a text has `count` times: ten times say more than once, but not ten times as much. */
export const sublinear = (count: number): number => 1 + Math.log(count);

/** Proves that a step's arrays fit each other and no score can be anything but finite. @throws ARTIFACT_INVALID */
export function checkTextStep(step: TextStep, fail: (what: string) => never): void {
  const { minLength, maxLength, documentCount, terms, documents, outputCount, coefficients } = step;
  if (minLength > maxLength) fail(`minLength is ${minLength}, maxLength ${maxLength}`);
  if (documents.length !== terms.length) fail(`${documents.length} document counts of ${terms.length} terms`);
  if (coefficients.length !== terms.length * outputCount)
    fail(`${coefficients.length} coefficients of ${terms.length} terms and ${outputCount} outputs`);
  if (new Set(terms).size !== terms.length) fail('a term appears twice');
  const most = documents.find((count) => count > documentCount);
  if (most !== undefined) fail(`a term is in ${most} of ${documentCount} texts`);
  const wrong = coefficients.find((value) => !(Math.abs(value) <= SCORE_MAX / Math.max(1, terms.length)));
  if (wrong !== undefined) fail(`a coefficient is ${wrong}`);
}

/** A step with the first of its columns. */
export interface PlacedTextStep {
  readonly step: TextStep;
  readonly column: number;
}

/**
 * Compiles steps that read the same feature and cut it into the same terms, when they are first used: the members of a
 * model mostly do, and a text is cut and each term looked up once for all of them. What a step says is what it would say
 * alone. `at` of the scorer is the place of column 0.
 *
 * Memory: the terms of all in one hash table, and by step 12 bytes a term and 8 a coefficient. A text's terms are weighed in
 * the order in which the text first has them, so its scores do not depend on anything but the text.
 */
export function compileTexts(steps: readonly PlacedTextStep[]): TextScorer {
  let compiled: TextScorer | null = null;
  return (text, out, at) => {
    compiled ??= scorerOf(steps);
    compiled(text, out, at);
  };
}

/** One step whose columns begin at `at`. */
export const compileText = (step: TextStep): TextScorer => compileTexts([{ step, column: 0 }]);

function scorerOf(steps: readonly PlacedTextStep[]): TextScorer {
  const [first] = steps;
  if (first === undefined) return () => undefined;
  const placeOf = new Map<string, number>();
  for (const { step } of steps) for (const term of step.terms) if (!placeOf.has(term)) placeOf.set(term, placeOf.size);
  const weighers = steps.map((placed) => weigherOf(placed, placeOf));
  const counts = new Int32Array(placeOf.size);
  const found = new Int32Array(placeOf.size);
  return (text, out, at) => {
    let foundCount = 0;
    if (text !== null)
      forEachTerm(text, first.step, (term) => {
        const place = placeOf.get(term);
        if (place === undefined) return;
        const count = counts[place] ?? 0;
        if (count === 0) {
          found[foundCount] = place;
          foundCount += 1;
        }
        counts[place] = count + 1;
      });
    for (const weigh of weighers) weigh(text === null ? -1 : foundCount, found, counts, out, at);
    for (let i = 0; i < foundCount; i += 1) counts[found[i] ?? 0] = 0;
  };
}

/** Weighs the terms that were found in a text; a count of -1: there is no text. */
type Weigher = (foundCount: number, found: Int32Array, counts: Int32Array, out: Float64Array, at: number) => void;

function weigherOf({ step, column }: PlacedTextStep, placeOf: ReadonlyMap<string, number>): Weigher {
  const { terms, documents, documentCount, outputCount } = step;
  const coefficients = Float64Array.from(step.coefficients);
  const idf = Float64Array.from(documents, (count) => inverseDocumentFrequency(documentCount, count));
  const own = new Int32Array(placeOf.size).fill(-1);
  for (const [place, term] of terms.entries()) own[placeOf.get(term) ?? 0] = place;
  return (foundCount, found, counts, out, at) => {
    const from = at + column;
    for (let output = 0; output < outputCount; output += 1) out[from + output] = foundCount < 0 ? NaN : 0;
    let squares = 0;
    for (let i = 0; i < foundCount; i += 1) {
      const place = found[i] ?? 0;
      const term = own[place] ?? -1;
      if (term < 0) continue;
      const weight = sublinear(counts[place] ?? 1) * (idf[term] ?? 0);
      squares += weight * weight;
      for (let output = 0; output < outputCount; output += 1)
        out[from + output] = (out[from + output] ?? 0) + weight * (coefficients[term * outputCount + output] ?? 0);
    }
    if (squares === 0) return;
    const length = Math.sqrt(squares);
    for (let output = 0; output < outputCount; output += 1) out[from + output] = (out[from + output] ?? 0) / length;
  };
}

/** Steps that can be compiled together, in the order of the first of each; `column` of each step as it is. */
export function textGroups(steps: readonly PlacedTextStep[]): PlacedTextStep[][] {
  const groups = new Map<string, PlacedTextStep[]>();
  for (const placed of steps) {
    const { feature, tokens, minLength, maxLength, charactersMax } = placed.step;
    const key = [feature, tokens, minLength, maxLength, charactersMax].join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [placed]);
    else group.push(placed);
  }
  return [...groups.values()];
}
