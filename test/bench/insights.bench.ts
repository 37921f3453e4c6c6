/**
 * How long impact and effects of features take on real data: `node test/bench/insights.bench.ts FOLDER [DATASET...]`, with the FOLDER of
 * `linear-models.bench.ts`. Printed are for each model rows and features, seconds of both, the size of their files and what ranks first.
 */
import type { InsightTask, StoredInsight } from '#contracts';
import { manifestOf } from '#ml';
import { computeInsight } from '../support/in-memory.ts';
import { memorySource, storedTable } from '../support/memory-table.ts';
import { freeIo, trainTask } from '../support/modelling-task.ts';
import { fitted, realData } from './real-data.ts';

const [folder = '', ...only] = process.argv.slice(2);

const firstOf = ({ insight }: StoredInsight): string =>
  ('features' in insight ? insight.features : [])
    .slice(0, 3)
    .map((one) => ('impact' in one ? `${one.feature} ${one.impact?.toPrecision(3) ?? ''}` : one.feature))
    .join(', ');

for await (const { name, plan: planFor, train } of realData(folder, only)) {
  const plan = planFor({});
  for (const blueprintId of ['linear', 'lightgbm-fast', 'lightgbm-slow']) {
    const { fit } = await fitted(plan, train, { blueprintId, parameters: {}, refitOf: null, iterations: null });
    if (fit.outOfFold === null) throw new Error('a model of a search has out-of-fold predictions');
    const manifest = manifestOf(trainTask(train, plan, { blueprintId }), fit, {
      createdAt: '2026-01-01T00:00:00Z',
      files: [],
    });
    const { target, metric, seed } = plan;
    for (const insight of ['feature-impact', 'feature-effects'] as const) {
      const task: InsightTask = {
        ...{ kind: 'insight', insight, modelId: 'model-1', projectId: 'project-1', datasetId: 'dataset-1' },
        ...{
          table: storedTable(train),
          target,
          metric,
          seed,
          artifactPath: 'models/m/1-a',
          manifestSha256: '0'.repeat(64),
        },
      };
      const input = { manifest, blob: fit.blob, outOfFold: fit.outOfFold, source: memorySource(train) };
      const startedAt = performance.now();
      const stored = await computeInsight(task, input, freeIo());
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(2);
      const bytes = JSON.stringify(stored).length;
      process.stdout.write(
        `${name} ${blueprintId} ${insight}: ${stored.rowCount} rows, ${plan.features.length} features, ${seconds} s, ${bytes} bytes; ${firstOf(stored)}\n`,
      );
    }
  }
}
