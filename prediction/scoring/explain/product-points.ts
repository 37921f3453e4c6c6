/** What a rule's error may be, of the magnitude of a_f - m_f: a tenth of the last bit of 1. */
const ERROR_MAX = 2 ** -56;

/** Bernstein ellipses that are tried: rho is the sum of the semi-axes. */
const ELLIPSES = Array.from({ length: 16 }, (_, index) => {
  const logarithm = 0.1 * 1.3 ** index;
  const rho = Math.exp(logarithm);
  const minorAxis = (rho - 1 / rho) / 2;
  return {
    turned: minorAxis / 2,
    spread: minorAxis ** 2 / 4,
    other: Math.log(32 / 15 / ERROR_MAX) - Math.log(rho ** 2 - 1),
    ofPoint: 1 / (2 * logarithm),
  };
});

/** From here on counts go up in eights, so that few rules are made. */
const SINGLE_COUNTS_MAX = 32;
const COUNT_STEP = 8;

/**
 * Points of a Gauss-Legendre rule that are enough for the integrals over t in (0, 1) of the products, over all fields g but one, of
 * m_g + t (a_g - m_g), where |a_g| = 1 and |m_g| <= 1. Half as many as there are fields make it exact; fewer are enough where no
 * a_g is far from m_g, or fields are many:
 *
 * The error of n >= 2 points for a function that is analytic within the ellipse with foci 0 and 1 whose semi-axes are A / 2 and
 * B / 2, A = (rho + 1 / rho) / 2, B = (rho - 1 / rho) / 2, and there of magnitude M at most, is (32 / 15) M rho^(2 - 2n) / (rho^2 - 1) at most.
 * With t = (1 + s) / 2, s = x + iy, a factor is p + s q, p = (a + m) / 2, q = (a - m) / 2, and
 *
 *     |p + s q|^2 = |p|^2 + |s|^2 |q|^2 + 2x Re(conj(p) q) - 2y Im(conj(p) q),
 *     Re(conj(p) q) = (1 - |m|^2) / 4,   Im(conj(p) q) = Im(conj(m) a) / 2,   |x| <= A <= 1 + B^2 / 2,   |y| <= B,   |s|^2 <= 1 + B^2,
 *
 * so it is at most 1 + B |Im(conj(m) a)| + B^2 (1 - Re(conj(m) a)) / 2, whose square root is at most exp of half of what follows the 1. So
 *
 *     ln M <= B / 2 x sum of |Im(conj(m) a)| + B^2 / 4 x sum of (1 - Re(conj(m) a))
 *
 * Each ellipse gives a number of points that brings the error below 2^-56; the least of some ellipses is taken.
 *
 * @param turned sum over the fields of |Im(conj(m) a)|
 * @param spread sum over the fields of 1 - Re(conj(m) a)
 * @see Trefethen 2013, "Approximation Theory and Approximation Practice", theorem 19.3, there with n + 1 points on (-1, 1)
 */
export function pointCountFor(turned: number, spread: number, fieldCount: number): number {
  let least = Infinity;
  for (const ellipse of ELLIPSES)
    least = Math.min(least, (turned * ellipse.turned + spread * ellipse.spread + ellipse.other) * ellipse.ofPoint);
  const count = Math.max(2, 1 + Math.ceil(least));
  const rounded = count <= SINGLE_COUNTS_MAX ? count : Math.ceil(count / COUNT_STEP) * COUNT_STEP;
  return Math.min(rounded, exactPointCount(fieldCount));
}

/** Points of a Gauss rule that is exact for polynomials of degree `fieldCount` - 1. */
export const exactPointCount = (fieldCount: number): number => Math.ceil(fieldCount / 2);
