import type { SecondState } from './states.ts';

/** What a second look at the finite numbers of a column finds, exact but for its fences. */
export interface NumberSurvey {
  readonly zeroCount: number;
  /** The least value, its rows, and the value next to it; `next` is null where all values are the same. */
  readonly low: { readonly value: number; readonly count: number; readonly next: number | null };
  /** The greatest value, in the same way. */
  readonly high: { readonly value: number; readonly count: number; readonly next: number | null };
  /** Rows below the lower and above the upper fence; null where half of the rows have the same value, which leaves no scale to judge by. */
  readonly outliers: {
    readonly fences: readonly [number, number];
    readonly below: number;
    readonly above: number;
  } | null;
}

/** What is known of a column after the first pass. */
export interface SurveyGround {
  readonly min: number;
  readonly max: number;
  /** Lower and upper quartile. */
  readonly quartiles: readonly [number, number];
}

/** Takes values in any order. */
export interface NumberSurveyor {
  readonly add: (value: number, rowCount: number) => void;
  readonly toData: () => NonNullable<SecondState['survey']>;
  /** Adds what was counted of other rows, by the same ground. */
  readonly merge: (other: NonNullable<SecondState['survey']>) => void;
  readonly result: () => NumberSurvey;
}

/** Interquartile ranges beyond the quartiles from which a value is far out. */
const FENCE_RANGES = 3;

/**
 * Counts what is worth a warning in a second pass; NaN and infinities are left out.
 *
 * @see Tukey 1977, "Exploratory Data Analysis", section 2D: outer fences
 */
export function numberSurveyor({ min, max, quartiles: [lower, upper] }: SurveyGround): NumberSurveyor {
  const range = upper - lower;
  const fences = [lower - FENCE_RANGES * range, upper + FENCE_RANGES * range] as const;
  let zeroCount = 0;
  let minCount = 0;
  let maxCount = 0;
  let nextUp = Infinity;
  let nextDown = -Infinity;
  let below = 0;
  let above = 0;
  return {
    add: (value, count) => {
      if (!Number.isFinite(value)) return;
      if (value === 0) zeroCount += count;
      if (value === min) minCount += count;
      else if (value < nextUp) nextUp = value;
      if (value === max) maxCount += count;
      else if (value > nextDown) nextDown = value;
      if (value < fences[0]) below += count;
      else if (value > fences[1]) above += count;
    },
    toData: () => ({
      ...{ zeroCount, minCount, maxCount, below, above },
      nextUp: String(nextUp),
      nextDown: String(nextDown),
    }),
    merge: (other) => {
      zeroCount += other.zeroCount;
      minCount += other.minCount;
      maxCount += other.maxCount;
      below += other.below;
      above += other.above;
      nextUp = Math.min(nextUp, Number(other.nextUp));
      nextDown = Math.max(nextDown, Number(other.nextDown));
    },
    result: () => ({
      zeroCount,
      low: { value: min, count: minCount, next: nextUp === Infinity ? null : nextUp },
      high: { value: max, count: maxCount, next: nextDown === -Infinity ? null : nextDown },
      outliers: range > 0 ? { fences, below, above } : null,
    }),
  };
}
