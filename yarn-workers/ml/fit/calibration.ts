import { hash32, indicesWhere, neumaierSum, rowHash } from '#statistics';
import type { Calibration, TargetSpec } from '#contracts';
import { UNCALIBRATED } from '#scoring';
import { partCountOf, partsOf } from '../ensemble/selection-data.ts';
import { HOLDOUT } from '../partition/types.ts';
import { takeRows, type OutOfFoldSource } from './out-of-fold-source.ts';
import { stoppingLoss } from './stopping-loss.ts';

const SAMPLE_SALT = 0x5a17_0031;
/** Raw scores that calibrations are chosen by at most: a tenth of a second; of more rows a part by hash(seed, row). */
const CELLS_MAX = 50_000;
/** Steps of Newton's method, and halvings of one, at most. */
const STEPS_MAX = 50;
const HALVINGS_MAX = 20;
/** A step is the last one if the loss falls by less than this part of it. */
const TOLERANCE = 1e-12;
/** Slopes beyond are no calibration: the model says nothing, or parts the classes without any mistake. */
const SLOPE_MIN = 0.05;
const SLOPE_MAX = 20;

/** What calibrating was found to be worth. */
export interface CalibrationTrial {
  /** Fitted on all validation rows. */
  readonly calibration: Calibration;
  /** By which the mean log loss of rows falls that were calibrated without their part. */
  readonly gain: number;
  /** Standard error of the gain. */
  readonly noise: number;
  readonly rowCount: number;
}

/** Rows by which a calibration is fitted: raw scores without offsets. */
interface Rows {
  readonly count: number;
  readonly raw: Float64Array;
  readonly offsets: Float64Array | null;
  /** 1 for the positive class, 0 for the other. */
  readonly labels: Float64Array;
  readonly weights: Float64Array;
  readonly parts: Int8Array;
}

/**
 * Tries Platt's calibration on the link scale: log odds become slope x log odds + intercept. Each part of the validation rows is
 * calibrated by a fit on the others.
 *
 * @param held with raw scores, without offsets, for predictions
 * @param offsets what each row of the table adds to its raw score, which is not calibrated; null: nothing
 * @returns null where the target is not binary, or a part's fit cannot be made
 * @see Platt 1999, "Probabilistic outputs for support vector machines"
 */
export async function tryCalibration(
  held: OutOfFoldSource,
  target: TargetSpec,
  offsets: ((row: number) => number) | null,
  seed: number,
): Promise<CalibrationTrial | null> {
  if (target.targetType !== 'binary') return null;
  const rows = await rowsOf(held, target, offsets, seed);
  const partCount = partCountOf(held.facts);
  const term = lossTerm(rows);
  const whole = fitted(rows, () => true, UNCALIBRATED);
  if (whole === null) return null;
  const gains = new Float64Array(rows.count);
  for (let part = 0; part < partCount; part += 1) {
    const calibration = fitted(rows, (row) => rows.parts[row] !== part, whole);
    if (calibration === null) return null;
    for (let row = 0; row < rows.count; row += 1)
      if (rows.parts[row] === part) gains[row] = term(row, UNCALIBRATED) - term(row, calibration);
  }
  const weight = neumaierSum(rows.weights);
  const gain = neumaierSum(gains.map((value, row) => value * (rows.weights[row] ?? 0))) / weight;
  const squares = neumaierSum(gains.map((value, row) => ((rows.weights[row] ?? 0) * (value - gain)) ** 2));
  return {
    calibration: whole,
    gain,
    noise: Math.sqrt(squares) / weight,
    rowCount: rows.count,
  };
}

async function rowsOf(
  held: OutOfFoldSource,
  target: TargetSpec,
  offsets: ((row: number) => number) | null,
  seed: number,
): Promise<Rows> {
  const salted = hash32(seed, SAMPLE_SALT);
  let validating = 0;
  for await (const { partitions } of held.blocks())
    validating += partitions.reduce((count, partition) => count + Number(partition !== HOLDOUT), 0);
  const share = (CELLS_MAX / Math.max(1, validating)) * 0x1_0000_0000;
  const data = await takeRows(held, ({ rows, partitions, weights }) =>
    indicesWhere(
      rows.length,
      (place) =>
        partitions[place] !== HOLDOUT &&
        (weights?.[place] ?? 1) > 0 &&
        (share >= 0x1_0000_0000 || rowHash(salted, rows[place] ?? 0) < share),
    ),
  );
  return {
    count: data.rows.length,
    raw: data.predictions,
    offsets: offsets === null ? null : Float64Array.from(data.rows, offsets),
    labels: Float64Array.from(data.classes ?? [], (index) => Number(index === (target.positiveClass ?? 1))),
    weights: data.weights ?? new Float64Array(data.rows.length).fill(1),
    parts: partsOf(data, seed),
  };
}

/** Log loss of a row under a calibration. */
function lossTerm({ raw, offsets, labels }: Rows): (row: number, calibration: Calibration) => number {
  const term = stoppingLoss({ stoppingMetric: 'logLoss', constant: 'prior' }, labels, 1);
  const one = new Float64Array(1);
  return (row, { slope, intercept }) => {
    one[0] = slope * (raw[row] ?? NaN) + intercept + (offsets?.[row] ?? 0);
    return term(one, 0, row);
  };
}

/** First and second derivatives of the loss. */
interface Slopes {
  bySlope: number;
  byIntercept: number;
  curveSlope: number;
  curveBoth: number;
  curveIntercept: number;
}

/** The calibration that minimises the log loss of the rows that `wanted` names, by damped Newton steps from `start`; null if there is none. */
function fitted(rows: Rows, wanted: (row: number) => boolean, start: Calibration): Calibration | null {
  const chosen = Uint32Array.from({ length: rows.count }, (_, row) => row).filter((row) => wanted(row));
  const term = lossTerm(rows);
  const lossAt = (calibration: Calibration): number =>
    neumaierSum(Float64Array.from(chosen, (row) => (rows.weights[row] ?? 0) * term(row, calibration)));
  let best = start;
  let loss = lossAt(best);
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const { slope, intercept } = newtonStep(rows, chosen, best);
    if (!Number.isFinite(slope) || !Number.isFinite(intercept)) return null;
    let share = 1;
    let next = best;
    let nextLoss = Infinity;
    for (let halving = 0; halving < HALVINGS_MAX && !(nextLoss <= loss); halving += 1, share /= 2) {
      next = { slope: best.slope + share * slope, intercept: best.intercept + share * intercept };
      nextLoss = lossAt(next);
    }
    const isLast = !(loss - nextLoss > TOLERANCE * Math.abs(loss));
    if (nextLoss <= loss) [best, loss] = [next, nextLoss];
    if (isLast) break;
  }
  return best.slope >= SLOPE_MIN && best.slope <= SLOPE_MAX ? best : null;
}

function newtonStep(rows: Rows, chosen: Uint32Array, at: Calibration): Calibration {
  const { bySlope, byIntercept, curveSlope, curveBoth, curveIntercept } = slopesAt(rows, chosen, at);
  const determinant = curveSlope * curveIntercept - curveBoth * curveBoth;
  // Where all scores are the same there is no slope to be found.
  if (!(determinant > 1e-12 * curveSlope * curveIntercept))
    return { slope: 0, intercept: -byIntercept / curveIntercept };
  return {
    slope: -(curveIntercept * bySlope - curveBoth * byIntercept) / determinant,
    intercept: -(curveSlope * byIntercept - curveBoth * bySlope) / determinant,
  };
}

function slopesAt({ raw, offsets, labels, weights }: Rows, chosen: Uint32Array, at: Calibration): Slopes {
  const sum: Slopes = { bySlope: 0, byIntercept: 0, curveSlope: 0, curveBoth: 0, curveIntercept: 0 };
  for (const row of chosen) {
    const score = raw[row] ?? NaN;
    const probability = 1 / (1 + Math.exp(-(at.slope * score + at.intercept + (offsets?.[row] ?? 0))));
    const weight = weights[row] ?? 0;
    const gradient = weight * (probability - (labels[row] ?? NaN));
    const curve = weight * probability * (1 - probability);
    sum.bySlope += gradient * score;
    sum.byIntercept += gradient;
    sum.curveSlope += curve * score * score;
    sum.curveBoth += curve * score;
    sum.curveIntercept += curve;
  }
  return sum;
}
