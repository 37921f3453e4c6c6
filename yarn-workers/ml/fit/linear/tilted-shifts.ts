import type { OutputState, Penalty } from './newton.ts';
import { leastTiltedShift } from './shift.ts';
import type { Tilt } from './tilt.ts';
import type { Coefficients } from './design.ts';

/**
 * Shares out between the levels of a category and the intercept what predictions do not see, so that penalty and tilt are least.
 *
 * @param curves of the rows at hand, by level
 */
export function shareBlock(
  coefficients: Coefficients,
  { linear, square }: Tilt,
  index: number,
  curves: Float64Array,
  { lambda, l1Ratio }: Penalty,
): void {
  const own = coefficients.blocks[index] ?? new Float64Array(0);
  const [slopes, squares] = [linear.blocks[index], square.blocks[index]];
  const values: number[] = [];
  // The intercept rises by what the levels fall.
  let sum = square.intercept;
  let moment = linear.intercept - square.intercept * coefficients.intercept;
  const isSeen = (level: number): boolean => (curves[level] ?? 0) + (squares?.[level] ?? 0) > 0;
  for (const [level, value] of own.entries()) {
    if (!isSeen(level)) continue;
    const curve = lambda * (1 - l1Ratio) + (squares?.[level] ?? 0);
    values.push(value);
    sum += curve;
    moment += curve * value - (slopes?.[level] ?? 0);
  }
  const shift = leastTiltedShift({ values, absolute: lambda * l1Ratio, square: sum, moment });
  for (let level = 0; level < own.length; level += 1) if (isSeen(level)) own[level] = (own[level] ?? 0) - shift;
  coefficients.intercept += shift;
}

/** The same of what all classes share: each coefficient's part of it, and the intercepts'. */
export function shareClasses(
  states: readonly Pick<OutputState, 'coefficients' | 'tilt'>[],
  { lambda, l1Ratio }: Penalty,
): void {
  const shiftOf = (
    own: readonly number[],
    slopes: readonly number[],
    squares: readonly number[],
    penalty: Penalty,
  ): number => {
    let [square, moment] = [0, 0];
    for (const [output, value] of own.entries()) {
      const curve = penalty.lambda * (1 - l1Ratio) + (squares[output] ?? 0);
      square += curve;
      moment += curve * value - (slopes[output] ?? 0);
    }
    const absolute = penalty.lambda * l1Ratio;
    return square === 0 && absolute === 0
      ? 0
      : leastTiltedShift({ values: absolute === 0 ? [] : own, absolute, square, moment });
  };
  const intercept = shiftOf(
    states.map(({ coefficients }) => coefficients.intercept),
    states.map(({ tilt }) => tilt?.linear.intercept ?? 0),
    states.map(({ tilt }) => tilt?.square.intercept ?? 0),
    { lambda: 0, l1Ratio },
  );
  for (const { coefficients } of states) coefficients.intercept -= intercept;
  for (const [index, block] of states[0]?.coefficients.blocks.entries() ?? []) {
    for (let level = 0; level < block.length; level += 1) {
      const shift = shiftOf(
        states.map(({ coefficients }) => coefficients.blocks[index]?.[level] ?? 0),
        states.map(({ tilt }) => tilt?.linear.blocks[index]?.[level] ?? 0),
        states.map(({ tilt }) => tilt?.square.blocks[index]?.[level] ?? 0),
        { lambda, l1Ratio },
      );
      for (const { coefficients } of states) {
        const own = coefficients.blocks[index];
        if (own !== undefined) own[level] = (own[level] ?? 0) - shift;
      }
    }
  }
}
