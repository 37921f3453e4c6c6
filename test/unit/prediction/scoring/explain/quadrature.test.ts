import { expect } from 'chai';
import { gaussLegendre } from '../../../../../prediction/scoring/explain/quadrature.ts';

describe('gaussLegendre', () => {
  it('integrates every polynomial of its degree exactly, but for the last bits', () => {
    for (let count = 1; count <= 128; count += 1) {
      const { points, weights } = gaussLegendre(count);
      for (let degree = 0; degree < 2 * count; degree += 1) {
        let sum = 0;
        for (let q = 0; q < count; q += 1) sum += (weights[q] ?? NaN) * (points[q] ?? NaN) ** degree;
        expect(sum * (degree + 1), `${count} points, degree ${degree}`).to.be.closeTo(1, 1e-12);
      }
    }
  });

  it('has the points and weights of the tables', () => {
    // Abramowitz and Stegun, table 25.4, n = 3, moved from (-1, 1) to (0, 1).
    const { points, weights } = gaussLegendre(3);
    expect(points[0]).to.be.closeTo((1 - 0.774596669241483) / 2, 1e-15);
    expect(points[1]).to.equal(0.5);
    expect(weights[0]).to.be.closeTo(5 / 18, 1e-15);
    expect(weights[1]).to.be.closeTo(4 / 9, 1e-15);
  });

  it('mirrors its points', () => {
    const { points } = gaussLegendre(7);
    for (let q = 0; q < 7; q += 1) expect((points[q] ?? NaN) + (points[6 - q] ?? NaN)).to.be.closeTo(1, 1e-15);
  });
});
