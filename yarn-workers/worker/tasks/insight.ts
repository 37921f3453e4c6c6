import { INSIGHT_FILE, type InsightTask } from '#contracts';
import { computeInsight } from '#ml';
import { failpoint } from '#runtime';
import type { TaskHandler } from '../child/task-run.ts';
import { openStoredPredictions, readStoredArtifact, sha256 } from './stored-artifact.ts';
import { toldSource } from './told-source.ts';

/** Computes what a model says of its features and writes it as {@link INSIGHT_FILE}, whose bytes the task decides alone. */
export const runInsight: TaskHandler<InsightTask> = async ({ task, context, reporter, attempt }) => {
  const { spec } = task;
  reporter.log(`${spec.insight} of model ${spec.modelId}, seed ${spec.seed}`);
  const { manifest, blob } = await readStoredArtifact(context.store, spec);
  const outOfFold = await openStoredPredictions(context.store, spec.artifactPath);
  const source = toldSource(context.openDataset(spec.datasetId, spec.table), async (row) => {
    const message = `row ${row} of ${spec.table.rowCount}`;
    reporter.progress({ fraction: 0, phase: 'reading', message });
    await reporter.breathe();
  });
  const insight = await computeInsight(
    spec,
    { manifest, blob, outOfFold, source, engine: context.engine },
    {
      sha256,
      now: () => performance.now(),
      onProgress: async (progress) => {
        reporter.progress(progress);
        await reporter.breathe();
      },
      log: (line) => reporter.log(line),
    },
  );
  await failpoint('worker.close');
  await attempt.write(INSIGHT_FILE, Buffer.from(JSON.stringify(insight)));
  return { kind: 'insight', rowCount: insight.rowCount };
};
