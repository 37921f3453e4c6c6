import type { ManifestFile, TrainTask } from '#contracts';
import { manifestOf, outOfFoldFile, type FitResult } from '#ml';
import { leakageLines } from './leakage-lines.ts';
import { failpoint } from '#runtime';
import { peakMemoryBytes } from '../child/peak-memory.ts';
import type { TaskHandler } from '../child/task-run.ts';
import { fitTask } from './fit-task.ts';
import { microsPerRow } from './micros-per-row.ts';

/** Fits a model and writes its artefact: `blob`, `out-of-fold.bin` (not for a refit), and `manifest.json` last. */
export const runTrain: TaskHandler<TrainTask> = async (run) => {
  const { task, context, reporter, attempt } = run;
  const { spec } = task;
  const fit = await fitTask(run, spec);
  reporter.log(endOf(spec, fit));
  if (fit.leakage !== null) for (const line of leakageLines(fit.leakage)) reporter.log(line);
  reporter.progress({ fraction: 0.98, phase: 'writing', message: 'writing the artefact' });
  const blob = await attempt.write('blob', fit.blob);
  const files: ManifestFile[] = [];
  if (fit.outOfFold !== null) files.push(await attempt.write('out-of-fold.bin', outOfFoldFile(fit.outOfFold)));
  await failpoint('worker.close');
  const manifest = manifestOf(spec, fit, { createdAt: new Date().toISOString(), files });
  await failpoint('worker.manifest');
  const written = await attempt.write('manifest.json', Buffer.from(JSON.stringify(manifest)));
  return {
    kind: 'train',
    contentHash: fit.contentHash,
    rowCount: fit.rowCount,
    iterations: fit.iterations,
    ...(fit.content.calibration === undefined ? {} : { calibration: fit.content.calibration }),
    ...(fit.leakage === null ? {} : { leakage: fit.leakage }),
    scores: fit.scores,
    fitMs: fit.timings.totalMs,
    predictMicrosPerRow: await microsPerRow(fit.scorer, context, spec),
    sizeBytes: blob.sizeBytes + written.sizeBytes,
    peakMemoryBytes: peakMemoryBytes(),
    stoppedByDeadline: fit.stoppedByDeadline,
  };
};

/** What came of it. The holdout's scores are not told: a log is read while the holdout is locked. */
function endOf({ metric }: TrainTask, fit: FitResult): string {
  const { validation = null, crossValidation = null, backtests } = fit.scores ?? {};
  const folds = backtests === undefined ? 'cross-validation' : `mean of ${backtests.length} backtests`;
  const scores = [
    ...(validation === null ? [] : [`${metric} ${validation[metric] ?? 'undefined'} (validation)`]),
    ...(crossValidation === null ? [] : [`${metric} ${crossValidation[metric] ?? 'undefined'} (${folds})`]),
  ];
  return [
    `fitted on ${fit.rowCount} rows in ${(fit.timings.totalMs / 1_000).toFixed(3)} s`,
    ...(fit.iterations === null ? [] : [`${fit.iterations} iterations`]),
    ...scores,
    ...(fit.stoppedByDeadline ? ['stopped by the deadline'] : []),
  ].join('; ');
}
