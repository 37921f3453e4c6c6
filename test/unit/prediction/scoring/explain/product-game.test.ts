import { expect } from 'chai';
import { productGame } from '../../../../../prediction/scoring/explain/product-game.ts';
import { exactPointCount, pointCountFor } from '../../../../../prediction/scoring/explain/product-points.ts';
import { gaussLegendre } from '../../../../../prediction/scoring/explain/quadrature.ts';
import { randomGenerator, type RandomGenerator } from '../support.ts';

/** Magnitude and angle. */
type Polar = readonly [number, number];

/** A field where it is known, where it is not. */
interface Factor {
  readonly known: Polar;
  readonly unknown: Polar;
}

type Complex = readonly [number, number];

const complex = ([magnitude, angle]: Polar): Complex => [magnitude * Math.cos(angle), magnitude * Math.sin(angle)];
const times = ([a, b]: Complex, [c, d]: Complex): Complex => [a * c - b * d, a * d + b * c];
const between = ([a, b]: Complex, [c, d]: Complex, t: number): Complex => [a + t * (c - a), b + t * (d - b)];

/** The Shapley value of one field by the rule that is exact for as many factors, each product made anew. */
function byExactRule(factors: readonly Factor[], phase: number, field: number): number {
  const { points, weights } = gaussLegendre(exactPointCount(factors.length));
  let sum = 0;
  for (const [q, t] of points.entries()) {
    let product = complex([1, phase]);
    for (const [other, { known, unknown }] of factors.entries()) {
      const [a, m] = [complex(known), complex(unknown)];
      product = times(product, other === field ? [a[0] - m[0], a[1] - m[1]] : between(m, a, t));
    }
    sum += (weights[q] ?? NaN) * product[0];
  }
  return sum;
}

/** How many points are taken, see `pointCountFor`. */
function pointCountOf(factors: readonly Factor[]): number {
  let [turned, spread] = [0, 0];
  for (const { known, unknown } of factors) {
    const [real, imaginary] = times(complex(known), complex([unknown[0], -unknown[1]]));
    turned += Math.abs(imaginary);
    spread += 1 - real;
  }
  return pointCountFor(turned, spread, factors.length);
}

const anywhere = (random: RandomGenerator): number => 2 * Math.PI * random.next();

const KINDS: Readonly<Record<string, (random: RandomGenerator) => Factor>> = {
  'near their means': (random) => {
    const angle = anywhere(random);
    return { known: [1, angle], unknown: [0.999, angle + 0.1 * (random.next() - 0.5)] };
  },
  'all turned the same way': () => ({ known: [1, 0.1], unknown: [0.995, 0] }),
  'a quarter turn from their means': () => ({ known: [1, Math.PI / 2], unknown: [1, 0] }),
  'opposite to their means': () => ({ known: [1, Math.PI], unknown: [1, 0] }),
  'of means that are nearly 0': (random) => ({ known: [1, anywhere(random)], unknown: [0.01, anywhere(random)] }),
  'anywhere, means on the circle': (random) => ({ known: [1, anywhere(random)], unknown: [1, anywhere(random)] }),
  'anywhere, means too': (random) => ({ known: [1, anywhere(random)], unknown: [random.next(), anywhere(random)] }),
  'mostly at their means': (random) =>
    random.integer(10) === 0
      ? { known: [1, anywhere(random)], unknown: [0.5, anywhere(random)] }
      : { known: [1, 1], unknown: [1, 1] },
};

describe('product games', () => {
  for (const [what, factorOf] of Object.entries(KINDS))
    it(`have the Shapley values of the exact rule with fewer points: factors ${what}`, () => {
      const random = randomGenerator(500);
      for (const fieldCount of [1, 2, 3, 7, 14, 40, 60, 100, 400]) {
        const factors = Array.from({ length: fieldCount }, () => factorOf(random));
        const phase = anywhere(random);
        const { known, unknown, shapley } = productGame(fieldCount);
        for (const [field, factor] of factors.entries()) {
          [known.real[field], known.imaginary[field]] = complex(factor.known);
          [unknown.real[field], unknown.imaginary[field]] = complex(factor.unknown);
        }
        const values = shapley(Math.cos(phase), Math.sin(phase));
        for (const field of new Set([0, 1, Math.floor(fieldCount / 2), fieldCount - 1].filter((at) => at < fieldCount)))
          // Factors of magnitude 1 at most, each rounded: some hundred last bits of the magnitude of what is summed.
          expect(values[field], `${fieldCount} fields`).to.be.closeTo(byExactRule(factors, phase, field), 1e-14);
        const worth = (end: 'known' | 'unknown'): number =>
          factors.reduce((product, factor) => times(product, complex(factor[end])), complex([1, phase]))[0];
        expect(values.reduce((sum, value) => sum + value, 0)).to.be.closeTo(worth('known') - worth('unknown'), 1e-12);
      }
    });

  it('take few points where fields are near their means, or many; never more than make the rule exact', () => {
    const random = randomGenerator(510);
    const countOf = (kind: string, fieldCount: number): number =>
      pointCountOf(Array.from({ length: fieldCount }, () => KINDS[kind]?.(random) ?? expect.fail(kind)));
    expect(countOf('near their means', 60)).to.be.lessThan(15);
    expect(countOf('near their means', 400)).to.be.lessThan(25);
    expect(countOf('of means that are nearly 0', 400)).to.be.lessThan(100);
    for (const kind of Object.keys(KINDS))
      for (const fieldCount of [1, 2, 3, 14, 60, 400])
        expect(countOf(kind, fieldCount)).to.be.within(1, Math.ceil(fieldCount / 2));
    expect(pointCountFor(0, 0, 1_000)).to.be.within(2, 4);
  });

  it('of no fields have no values', () => {
    expect(productGame(0).shapley(1, 0)).to.have.length(0);
  });
});
