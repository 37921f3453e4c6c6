import type { TaskProgress, TrainTask } from '#contracts';
import { fitModel, type FitIo, type FitResult, type RankGroup } from '#ml';
import { PROGRAM_VERSION } from '#runtime';
import { binsFolder } from '#object-store';
import { binObjects } from '../child/bin-objects.ts';
import { openFileSpool } from '../child/file-spool.ts';
import type { TaskRun } from '../child/task-run.ts';
import { failpointEngine } from './failpoint-engine.ts';
import { besideRanks } from './ranks.ts';
import { sha256 } from './stored-artifact.ts';
import { toldSource } from './told-source.ts';

/** Fits the model of a task, beside the other ranks of its group if it has one, from what an earlier attempt has left. */
export async function fitTask(run: TaskRun, spec: TrainTask): Promise<FitResult> {
  const { reporter } = run;
  reporter.log(beginningOf(spec));
  return besideRanks(run, async (ranks, signal) => {
    const { rethrow, ...parts } = openFit(run, spec);
    const io: FitIo = {
      ...parts.io,
      ...(await checkpointsFor(run, ranks)),
      ...(ranks === undefined ? {} : { ranks }),
      ...(signal === undefined ? {} : { signal }),
    };
    const fit = await fitModel(spec, parts.source, parts.engine, io);
    rethrow();
    return fit;
  });
}

/** What a fit reads, computes with and tells. */
function openFit({ context, reporter, scratchDir, remainingMs }: TaskRun, spec: TrainTask) {
  const { engine, rethrow } = failpointEngine(context.engine);
  let latest: TaskProgress = { fraction: 0, phase: 'starting', message: '', iteration: null };
  const source = toldSource(context.openDataset(spec.datasetId, spec.table), async (row) => {
    reporter.progress({ ...latest, message: `${latest.message}, row ${row} of ${spec.table.rowCount}` });
    await reporter.breathe();
  });
  const { hadoop, retention } = context.configuration;
  const folder = binsFolder(spec.projectId, hadoop.user);
  const io: FitIo = {
    sha256,
    now: () => performance.now(),
    remainingMs,
    onProgress: async (progress) => {
      latest = progress;
      reporter.progress(progress);
      rethrow();
      await reporter.breathe();
    },
    onIteration: (progress) => reporter.progress(progress),
    openSpool: () => openFileSpool(scratchDir),
    ...(retention.binsBytesMax === 0 ? {} : { bins: binObjects(context.store, folder, PROGRAM_VERSION) }),
    log: (line) => reporter.log(line),
  };
  return { source, engine, rethrow, io };
}

/** The first rank leaves states; all go on from the same one, or all begin anew. */
async function checkpointsFor(
  { checkpoints, reporter }: TaskRun,
  ranks: RankGroup | undefined,
): Promise<Pick<FitIo, 'resumeFrom' | 'onCheckpoint'>> {
  const resumeFrom = await checkpoints.open();
  const onCheckpoint: FitIo['onCheckpoint'] = (checkpoint) => checkpoints.offer(checkpoint);
  if (ranks === undefined) return { resumeFrom, onCheckpoint };
  const own = new TextEncoder().encode(sha256(resumeFrom ?? new Uint8Array(0)));
  const isSame = ranks.allgather(own).every((other) => Buffer.compare(other, own) === 0);
  if (!isSame) reporter.log('the ranks do not have the same checkpoint, the task begins anew');
  return { resumeFrom: isSame ? resumeFrom : null, ...(ranks.rank === 0 ? { onCheckpoint } : {}) };
}

/** What is about to be fitted, for the task's log. */
function beginningOf({
  blueprintId,
  features,
  table,
  partitioning,
  refit,
  sampleFraction,
  ...spec
}: TrainTask): string {
  const rows = refit === null ? `${partitioning.method} ${partitioning.validation}` : `a refit of ${refit.of}`;
  const share = sampleFraction === 1 ? '' : `, a share of ${sampleFraction} of them`;
  return `${blueprintId} for ${spec.target.targetType} on ${table.rowCount} rows${share}, ${features.length} features, ${rows}, seed ${spec.seed}, ${spec.threadCount} threads`;
}
