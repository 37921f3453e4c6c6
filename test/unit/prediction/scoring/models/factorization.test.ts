import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse, Type } from '#contracts';
import { compileFactorization, RANK_MAX, type FactorizationArrays } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { randomFactorization, scoresByPairs, termsOfRow } from '../random-factorization.ts';
import { HOSTILE_VALUES } from '../random-trees.ts';
import { randomGenerator } from '../support.ts';

const Numbers = Type.Array(Type.Number());
const References = Type.Object({
  users: Type.Integer(),
  items: Type.Integer(),
  rank: Type.Integer(),
  rows: Type.Array(Numbers),
  cases: Type.Array(
    Type.Object({ scores: Numbers, intercept: Type.Number(), coefficients: Numbers, vectors: Numbers }),
  ),
});
const { users, items, rank, rows, cases } = parse(
  References,
  JSON.parse(
    readFileSync(new URL('../../../../fixtures/factorization-machine/references.json', import.meta.url), 'utf8'),
  ) as unknown,
  'factorization machines of numpy',
);

/** A machine of numpy as an artefact would hold it: two categories, and a number by a line through 0. */
function arraysOf({ intercept, coefficients, vectors }: (typeof cases)[number]): FactorizationArrays {
  const term = (input: number, factor: number): number[] => [
    factor * (coefficients[input] ?? NaN),
    ...vectors.slice(input * rank, (input + 1) * rank).map((value) => factor * value),
  ];
  const levels = users + items;
  const inputs = Array.from({ length: levels }, (_, input) => term(input, 1));
  const zero = new Float64Array(3 * (1 + rank));
  return {
    ...{ outputCount: 1, rank, columnCount: 3, intercept: Float64Array.of(intercept), otherwise: zero, mean: zero },
    columnField: Int32Array.of(0, 1, 2),
    columnKind: Uint8Array.of(1, 1, 0),
    pointOffset: Int32Array.of(0, users, levels, levels + 2),
    knot: Float64Array.from([...Array(users).keys(), ...Array(items).keys(), -8, 8]),
    value: Float64Array.from([...inputs, term(levels, -8), term(levels, 8)].flat()),
  };
}

describe('factorization machines', () => {
  it('are scored as numpy scores them, pair by pair', () => {
    for (const one of cases) {
      const { score } = compileFactorization(arraysOf(one), 3);
      const out = new Float64Array(1);
      for (const [index, row] of rows.entries()) {
        score(Float64Array.from(row), 0, out, 0);
        expect(out[0]).to.be.closeTo(one.scores[index] ?? NaN, 1e-12);
      }
    }
  });

  for (const outputCount of [1, 3])
    it(`are the sum of all pairs of columns of different fields, whatever is in a row: ${outputCount} outputs`, () => {
      const random = randomGenerator(70 + outputCount);
      for (let round = 0; round < 60; round += 1) {
        const columnCount = 1 + random.integer(6);
        const model = randomFactorization(random, columnCount, outputCount, 1 + random.integer(4));
        const { score } = compileFactorization(model, columnCount);
        const row = Array.from({ length: columnCount }, () =>
          random.integer(4) === 0 ? random.pick(HOSTILE_VALUES) : random.integer(9) - 2,
        );
        const out = new Float64Array(1 + outputCount).fill(-7);
        score(Float64Array.from([NaN, ...row]), 1, out, 1);
        expect(out[0]).to.equal(-7);
        for (const [output, expected] of scoresByPairs(model, termsOfRow(model, row)).entries())
          expect(out[1 + output]).to.be.closeTo(expected, 1e-12);
      }
    });

  it('read the columns that they are told to', () => {
    const random = randomGenerator(80);
    const model = randomFactorization(random, 3, 2, 2);
    const row = [1, 2, 0.5];
    const [own, moved] = [new Float64Array(2), new Float64Array(2)];
    compileFactorization(model, 3).score(Float64Array.from(row), 0, own, 0);
    compileFactorization(model, 5, Int32Array.of(4, 0, 2)).score(Float64Array.of(2, NaN, 0.5, NaN, 1), 0, moved, 0);
    expect(moved).to.deep.equal(own);
  });

  it('are refused where they could leave their arrays or a score could be no number', async () => {
    const model = randomFactorization(randomGenerator(90), 4, 2, 3);
    const changed = (at: number, array: Float64Array, value: number): Float64Array =>
      array.map((one, index) => (index === at ? value : one));
    for (const [changes, message] of [
      [{ rank: 0 }, /rank is 0/],
      [{ rank: RANK_MAX + 1 }, /rank is 65, expected 1 to 64/],
      [{ rank: 2 }, /value has \d+ elements/],
      [{ outputCount: 0 }, /outputCount is 0/],
      [{ intercept: new Float64Array(3) }, /intercept has 3 elements, expected 2/],
      [{ columnField: Int32Array.of(0, 0, 1) }, /columnField has 3 elements, expected 4/],
      [{ columnField: Int32Array.of(0, 0, 1, 4) }, /column 3 is of field 4 of 4/],
      [{ columnField: Int32Array.of(0, -1, 1, 1) }, /column 1 is of field -1/],
      [{ value: changed(5, model.value, NaN) }, /value 5 is NaN/],
      [{ otherwise: changed(1, model.otherwise, 1e46) }, /otherwise 1 is 1e\+46/],
      [{ intercept: Float64Array.of(0, NaN) }, /intercept 1 is NaN/],
      [{ otherwise: changed(4, model.otherwise, 1e101) }, /otherwise 4 is 1e\+101/],
      [{ mean: changed(0, model.mean, Infinity) }, /mean 0 is Infinity/],
      [{ columnKind: Uint8Array.of(0, 1, 0, 2) }, /column 3 is of kind 2/],
      [{ pointOffset: model.pointOffset.map((offset, at) => (at === 2 ? offset + 99 : offset)) }, /linear model/],
    ] as const) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => compileFactorization({ ...model, ...changes }, 4));
      expect(err.message).to.match(message);
    }
    const err = await appErrorOf('ARTIFACT_INVALID', () => compileFactorization(model, 3, Int32Array.of(0, 1, 2, 3)));
    expect(err.message).to.contain('column 3 of 3');
    // The largest that is taken has a score.
    const most = { ...model, value: model.value.map(() => 1e45), otherwise: model.otherwise.map(() => 1e45) };
    const out = new Float64Array(2);
    compileFactorization(most, 4).score(Float64Array.of(1, 1, 1, 1), 0, out, 0);
    for (const score of out) expect(Math.abs(score)).to.be.lessThan(1e100);
  });
});
