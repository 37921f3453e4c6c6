import { expect } from 'chai';
import { chiSquareAbove, chiSquareQuantile } from '#statistics';

describe('chiSquareAbove', () => {
  it('has the values of tables and closed forms, relatively exact far out', () => {
    const known: readonly (readonly [x: number, degrees: number, above: number])[] = [
      [3.841458820694124, 1, 0.05],
      [18.307038053275146, 10, 0.05],
      [25, 1, 5.733031437583878e-7], // two-sided normal beyond 5
      [0.2, 2, Math.exp(-0.1)],
      [700, 2, Math.exp(-350)],
      [30, 4, Math.exp(-15) * 16],
      [2, 6, Math.exp(-1) * (1 + 1 + 0.5)],
    ];
    for (const [x, degrees, above] of known)
      expect(chiSquareAbove(x, degrees) / above, `${x} with ${degrees}`).to.be.closeTo(1, 1e-11);
    expect(chiSquareAbove(0, 3)).to.equal(1);
    expect(chiSquareAbove(Infinity, 3)).to.equal(0);
  });

  it('falls from 1 to 0 without a jump where the series ends and the fraction begins', () => {
    for (const degrees of [1, 2, 7, 51, 1_000]) {
      let before = 1;
      for (let x = 0; x < 4 * degrees + 40; x += 0.5) {
        const above = chiSquareAbove(x, degrees);
        expect(above, `${x} with ${degrees}`).to.be.within(0, before);
        before = above;
      }
      const joint = degrees + 2;
      const [left, right] = [chiSquareAbove(joint * (1 - 1e-9), degrees), chiSquareAbove(joint * (1 + 1e-9), degrees)];
      expect(left - right).to.be.closeTo(0, 1e-7);
    }
  });

  it('refuses what is no degree or no statistic', () => {
    for (const [x, degrees] of [
      [-1, 1],
      [NaN, 1],
      [1, 0],
      [1, 1.5],
    ] as const)
      // prettier-ignore
      expect(() => chiSquareAbove(x, degrees)).to.throw('degrees of freedom');
  });
});

describe('chiSquareQuantile', () => {
  it('is the inverse', () => {
    for (const degrees of [1, 5, 40])
      for (const share of [1, 0.9, 0.05, 1e-6, 1e-30])
        expect(chiSquareAbove(chiSquareQuantile(share, degrees), degrees) / share).to.be.closeTo(1, 1e-9);
    expect(() => chiSquareQuantile(0, 1)).to.throw('share');
  });
});
