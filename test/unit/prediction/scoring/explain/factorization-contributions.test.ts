import { expect } from 'chai';
import { compileFactorization, compileFactorizationContributions, type FactorizationArrays } from '#scoring';
import { randomFactorization, scoresByPairs, termsOfRow } from '../random-factorization.ts';
import { HOSTILE_VALUES } from '../random-trees.ts';
import { randomGenerator, type RandomGenerator } from '../support.ts';
import { shapleyOfGame } from './shapley.ts';

/** Sums of some hundreds of terms of magnitude 1 differ by a few last bits. */
const TOLERANCE = 1e-12;

const COLUMNS = 5;

const randomRow = (random: RandomGenerator): number[] =>
  Array.from({ length: COLUMNS }, () =>
    random.integer(4) === 0 ? random.pick(HOSTILE_VALUES) : random.integer(9) - 2,
  );

/** A random machine with the means of some rows. */
function trained(random: RandomGenerator, outputCount: number): FactorizationArrays {
  const model = randomFactorization(random, COLUMNS, outputCount, 3);
  const rows = Array.from({ length: 12 }, () => termsOfRow(model, randomRow(random)).flat());
  const mean = Float64Array.from(
    rows[0] ?? [],
    (_, at) => rows.reduce((sum, terms) => sum + (terms[at] ?? NaN), 0) / rows.length,
  );
  return { ...model, mean };
}

describe('contributions of factorization machines', () => {
  for (const outputCount of [1, 3])
    for (const [name, features] of [
      ['each column a feature', [0, 1, 2, 3, 4]],
      ['a feature a field', [0, 0, 1, 1, 2]],
    ] as const)
      it(`are Shapley values as they are defined, fields taken as independent: ${outputCount} outputs, ${name}`, () => {
        const random = randomGenerator(300 + outputCount);
        const count = Math.max(...features) + 1;
        for (let round = 0; round < 10; round += 1) {
          const model = trained(random, outputCount);
          const width = outputCount * (1 + model.rank);
          const row = randomRow(random);
          const terms = termsOfRow(model, row);
          const means = terms.map((_, column) => [...model.mean.subarray(column * width, (column + 1) * width)]);
          const { base, phi } = shapleyOfGame(count, (known) =>
            scoresByPairs(
              model,
              terms.map((own, column) => ((known >> (features[column] ?? 0)) % 2 === 1 ? own : (means[column] ?? []))),
            ),
          );
          const places = { ofColumn: Int32Array.from(features), count };
          const columns = Int32Array.from({ length: COLUMNS }, (_, column) => column);
          const { baseValues, add } = compileFactorizationContributions(model, columns, places);
          const out = new Float64Array(outputCount * count).fill(1);
          add(Float64Array.from(row), 0, 0.5, out);
          const raw = new Float64Array(outputCount);
          compileFactorization(model, COLUMNS).score(Float64Array.from(row), 0, raw, 0);
          for (let output = 0; output < outputCount; output += 1) {
            expect(baseValues[output]).to.be.closeTo(base[output] ?? NaN, TOLERANCE);
            let sum = baseValues[output] ?? NaN;
            for (let place = 0; place < count; place += 1) {
              const gain = 2 * ((out[output * count + place] ?? NaN) - 1);
              expect(gain).to.be.closeTo(phi[output]?.[place] ?? NaN, TOLERANCE);
              sum += gain;
            }
            expect(sum).to.be.closeTo(raw[output] ?? NaN, TOLERANCE);
          }
        }
      });
});
