import type { Calibration } from '#contracts';

/** What calibrates nothing. */
export const UNCALIBRATED: Calibration = { slope: 1, intercept: 0 };

/** Calibrates `count` raw scores at `raw[at...]` in place, before offsets are added; a model without calibration keeps every bit. */
export function calibrate(calibration: Calibration | undefined, raw: Float64Array, at: number, count: number): void {
  if (calibration === undefined) return;
  const { slope, intercept } = calibration;
  for (let i = at; i < at + count; i += 1) raw[i] = slope * (raw[i] ?? NaN) + intercept;
}
