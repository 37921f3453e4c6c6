import type { Calibration } from '#contracts';
import { packArtifact, withCalibration, type ModelArrays, type PackedArtifact, type UnpackedContent } from '#scoring';
import type { ModelSettings } from '../blueprints/settings.ts';
import { tryCalibration } from './calibration.ts';
import type { MemberContext } from './fit-member.ts';
import type { HeldBackRows } from './held-back-rows.ts';
import type { HeldBackScores } from './held-back-scores.ts';
import { scorePartitions } from './predict-partitions.ts';
import { rankMeeting } from './rank-meeting.ts';
import type { TaskFeature } from './task-columns.ts';

/**
 * Packs what was fitted, scores the rows held back, and adds the calibration that they ask for, if any; a
 * refit has that of its twin.
 *
 * @param columns the features of the content, offsets included
 * @param heldBack the rows as the content's steps encode them; null: they are encoded again
 * @returns with raw scores for predictions: see `turnIntoPredictions`; null in a refit
 */
export async function packCalibrated(
  context: Omit<MemberContext, 'settings'>,
  settings: ModelSettings | null,
  plain: UnpackedContent,
  models: ReadonlyMap<string, ModelArrays>,
  columns: readonly TaskFeature[],
  heldBack: HeldBackRows | null,
): Promise<PackedArtifact & { readonly outOfFold: HeldBackScores | null }> {
  const { task, roles, rows, source, io } = context;
  const packed = packArtifact(plain, models, io.sha256);
  const { content } = packed;
  const outOfFold =
    task.refit === null
      ? await scorePartitions(
          { content, models },
          columns,
          { roles, rows, heldBack, ranks: io.ranks ?? null, meeting: rankMeeting(io) },
          source,
          io.signal,
        )
      : null;
  const calibration =
    task.refit === null ? await chosenCalibration(context, settings, outOfFold) : task.refit.calibration;
  if (calibration === undefined) return { ...packed, outOfFold };
  return { ...withCalibration(packed, calibration, io.sha256), outOfFold };
}

/**
 * The calibration that makes the log loss of held-back rows less by more than its standard error; undefined where none does.
 * The baseline says what the target's shares are, and has none.
 */
async function chosenCalibration(
  { task, rows, io }: Omit<MemberContext, 'settings'>,
  settings: ModelSettings | null,
  held: HeldBackScores | null,
): Promise<Calibration | undefined> {
  if (held === null || settings === null) return undefined;
  const { offsets } = rows;
  const added = (row: number): number => offsets.reduce((sum, { values }) => sum + (values[row] ?? NaN), 0);
  const trial = await tryCalibration(held, task.target, offsets.length === 0 ? null : added, task.seed);
  if (trial === null || !(trial.gain > trial.noise)) return undefined;
  const { calibration, gain, noise, rowCount } = trial;
  io.log?.(
    `calibrated: ${calibration.slope.toPrecision(4)} x raw score + ${calibration.intercept.toPrecision(4)}; log loss of ${rowCount} rows held back falls by ${gain.toPrecision(3)}, standard error ${noise.toPrecision(3)}`,
  );
  return calibration;
}
