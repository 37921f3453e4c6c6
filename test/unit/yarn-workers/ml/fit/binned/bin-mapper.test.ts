import { expect } from 'chai';
import { ZERO_THRESHOLD } from '#scoring';
import { createRandom } from '#statistics';
import { binnerOf, type BinMapper, type NumberBins } from '../../../../../../yarn-workers/ml/fit/binned/bin-mapper.ts';
import { binValues } from '../../../../../../yarn-workers/ml/fit/binned/bin-values.ts';

const numbers = (bounds: readonly number[], hasMissingBin: boolean): NumberBins => ({
  kind: 'number',
  binCount: bounds.length + (hasMissingBin ? 1 : 0),
  mostFrequentBin: 0,
  hasMissingBin,
  upperBounds: Float64Array.from(bounds),
});

/** The definition, looked for one bound after the other. @see LightGBM 4.7.0, bin.h (ValueToBin) */
function expectedBin({ binCount, hasMissingBin, upperBounds }: NumberBins, value: number): number {
  if (Number.isNaN(value) && hasMissingBin) return binCount - 1;
  const known = Number.isNaN(value) || Math.abs(value) <= ZERO_THRESHOLD ? 0 : value;
  const last = binCount - (hasMissingBin ? 2 : 1);
  const found = upperBounds.subarray(0, last).findIndex((bound) => known <= bound);
  return found < 0 ? last : found;
}

function binsOf(mapper: BinMapper, values: Float64Array): Uint16Array {
  const bins = new Uint16Array(values.length);
  binnerOf(mapper)(values, 0, 1, values.length, bins, 0);
  return bins;
}

describe('fit: bins of values', () => {
  const random = createRandom(11);
  const shapes: Record<string, () => number> = {
    even: () => random.uniform() * 200 - 100,
    skewed: () => Math.exp(40 * random.uniform()),
    'of all sizes': () => (random.uniform() < 0.5 ? -1 : 1) * 10 ** (600 * random.uniform() - 300),
    'close together': () => 1 + 1e-15 * random.below(9),
    'around zero': () => (random.below(7) - 3) * 1e-35,
  };
  for (const [name, draw] of Object.entries(shapes)) {
    for (const hasMissingBin of [false, true]) {
      it(`are those of the definition: ${name}, ${hasMissingBin ? 'with' : 'without'} a bin for missing values`, () => {
        for (const count of [1, 2, 3, 16, 255, 3_000]) {
          const bounds = Float64Array.from({ length: count - 1 }, draw).sort();
          const mapper = numbers([...bounds, Infinity], hasMissingBin);
          const values = Float64Array.from([
            ...[NaN, 0, -0, Infinity, -Infinity, 1e-36, -1e-36, 1.1e-35, -1.1e-35, Number.MAX_VALUE, Number.MIN_VALUE],
            ...bounds,
            ...Array.from({ length: 2_000 }, draw),
          ]);
          expect(binsOf(mapper, values)).to.deep.equal(Uint16Array.from(values, (value) => expectedBin(mapper, value)));
        }
      });
    }
  }

  it('are read with a stride, and written from a place on', () => {
    const mapper = numbers([0, 10, Infinity], false);
    const bins = new Uint8Array(5).fill(9);
    binnerOf(mapper)(Float64Array.of(-1, 5, 5, 20, 7, 7), 1, 2, 2, bins, 2);
    expect([...bins]).to.deep.equal([9, 9, 1, 2, 9]);
  });

  it('of categories: those without a bin, and missing ones, are of the first', () => {
    const mapper: BinMapper = {
      kind: 'category',
      binCount: 4,
      mostFrequentBin: 1,
      categories: Int32Array.of(-1, 7, 0, 300),
    };
    expect([...binsOf(mapper, Float64Array.of(7, 0, 300, 7.9, 1, -1, -0.5, NaN, 1e9, Infinity))]).to.deep.equal([
      1, 2, 3, 1, 0, 0, 2, 0, 0, 0,
    ]);
  });

  it('have a value each that is of them', () => {
    const bounds = [-5, -1.0000000180025095e-35, 1.0000000180025095e-35, 3, Infinity];
    const values = binValues(numbers(bounds, true));
    expect([...values.slice(0, 1), ...values.slice(2)]).to.deep.equal([-5, 0, 3, Infinity, NaN]);
    // The bin ends at the largest negative number that does not count as zero: a value of it must not either.
    expect(values[1]).to.be.below(-1.1e-35);
    expect([
      ...binValues({ kind: 'category', binCount: 3, mostFrequentBin: 0, categories: Int32Array.of(-1, 4, 2) }),
    ]).to.deep.equal([NaN, 4, 2]);
  });
});
