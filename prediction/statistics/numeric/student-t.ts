/**
 * Probability that Student's t with an odd number of degrees of freedom is at least so far from 0, on either side.
 *
 * @param t any number; NaN gives NaN
 * @param degrees odd, from 1 up
 * @see Abramowitz and Stegun 1964, Handbook of mathematical functions, equation 26.7.3
 */
export function studentTwoSided(t: number, degrees: number): number {
  const angle = Math.atan(Math.abs(t) / Math.sqrt(degrees));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  let sum = 0;
  let term = cosine;
  for (let power = 1; power <= degrees - 2; power += 2) {
    sum += term;
    term *= ((power + 1) / (power + 2)) * cosine * cosine;
  }
  return Math.max(0, 1 - (2 / Math.PI) * (angle + sine * sum));
}
