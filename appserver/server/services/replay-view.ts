import type { AutopilotRun, RecordedRun } from '#contracts';
import type { AutopilotRunRecord, ModelRecord } from '#store';

/** How the models of a replay compare with those that it repeats. */
export function replayView(
  run: AutopilotRunRecord,
  recordedRun: RecordedRun,
  replayed: readonly ModelRecord[],
): NonNullable<AutopilotRun['replay']> {
  const made = new Map(replayed.map((model) => [model.planned.key, model]));
  const models = recordedRun.models.map(({ task, modelId, contentHash }) => {
    const twin = made.get(task.key);
    const twinHash = twin?.trained?.contentHash ?? null;
    const isOpen = run.finishedAt === null && (twin === undefined || twin.state === 'training');
    return {
      key: task.key,
      of: { modelId, contentHash },
      modelId: twin?.id ?? null,
      contentHash: twinHash,
      isEqual: isOpen ? null : twinHash === contentHash,
      isRecommended: modelId === recordedRun.recommendedModelId,
    };
  });
  const isOpen = models.some(({ isEqual }) => isEqual === null);
  return {
    ofRunId: recordedRun.runId,
    ofProjectId: recordedRun.projectId,
    isEqual: isOpen ? null : models.every(({ isEqual }) => isEqual === true),
    models,
  };
}
