import type { AutopilotPlan, DatasetProfile, TrainTask } from '#contracts';
import { imbalanceFor, planAutopilot, profileTable, type AutopilotRequest, type FitIo } from '#ml';
import { sha256 } from './boosting-engine.ts';
import { memorySource, storedTable, type MemoryColumn } from './memory-table.ts';

/** A fit's surroundings without any deadline. */
export const freeIo = (changes: Partial<FitIo> = {}): FitIo => ({
  sha256,
  now: () => performance.now(),
  remainingMs: () => null,
  ...changes,
});

export async function profileOf(columns: readonly MemoryColumn[], batchRows = 500): Promise<DatasetProfile> {
  return profileTable(storedTable(columns), memorySource(columns, batchRows));
}

/** The plan of a request on a table in memory. */
export async function planOf(columns: readonly MemoryColumn[], request: AutopilotRequest): Promise<AutopilotPlan> {
  return planAutopilot(request, {
    profile: await profileOf(columns),
    table: storedTable(columns),
    parallelTasks: 1,
    threadsPerTask: 1,
  });
}

/** A search task of a plan, with some fields replaced. */
export function trainTask(
  columns: readonly MemoryColumn[],
  plan: AutopilotPlan,
  changes: Partial<TrainTask>,
): TrainTask {
  const { target, features, metric, partitioning, weightColumn, monotonic, seed, threadsPerTask } = plan;
  const { blueprintId = 'lightgbm-fast' } = changes;
  const imbalance = imbalanceFor(plan, blueprintId);
  return {
    kind: 'train',
    modelId: 'model-1',
    projectId: 'project-1',
    datasetId: 'dataset-1',
    table: storedTable(columns),
    target,
    features,
    metric,
    partitioning,
    weightColumn,
    ...(imbalance === undefined ? {} : { imbalance }),
    monotonic,
    blueprintId,
    parameters: {},
    sampleFraction: 1,
    refit: null,
    seed,
    threadCount: threadsPerTask,
    ...changes,
  };
}
