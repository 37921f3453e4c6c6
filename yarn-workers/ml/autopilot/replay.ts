import type {
  AutopilotDecision,
  AutopilotPlan,
  AutopilotState,
  PlannedTask,
  RecordedModel,
  RecordedRun,
} from '#contracts';

/**
 * What a run that makes another one again should do now. A pure function of the recorded run and the results, like `next`, but
 * nothing is decided anew: the recorded tasks are made in their order, `parallelTasks` at a time, each when the models that it
 * refits or blends are there. There are no deadlines: each fit ends where it ended then.
 *
 * The twin of the recommended model is recommended; without it nothing is.
 */
export function nextOfReplay(
  { parallelTasks }: AutopilotPlan,
  recorded: RecordedRun,
  { tasks, results, stopping }: AutopilotState,
): AutopilotDecision {
  const made = new Map(results.flatMap(({ key, modelId, state }) => (state === 'succeeded' ? [[key, modelId]] : [])));
  const twins = new Map(
    recorded.models.flatMap(({ modelId, task }): [string, string][] => {
      const twin = made.get(task.key);
      return twin === undefined ? [] : [[modelId, twin]];
    }),
  );
  const known = new Set(tasks.map(({ key }) => key));
  const openCount = tasks.length - results.length;
  const fresh = stopping
    ? []
    : recorded.models
        .flatMap((model) => (known.has(model.task.key) ? [] : (repeatedTask(model, twins) ?? [])))
        .slice(0, Math.max(0, parallelTasks - openCount));
  const ended = new Set(results.map(({ key }) => key));
  const cancel = stopping ? tasks.flatMap(({ key }) => (ended.has(key) ? [] : [key])) : [];
  const going = { cancel, recommended: null, finished: false, wakeAtMs: null };
  if (fresh.length > 0 || (openCount > 0 && !stopping)) return { ...going, tasks: fresh };
  const twin = twins.get(recorded.recommendedModelId);
  const reason = `Made again as run ${recorded.runId} of project ${recorded.projectId} made and recommended it.`;
  return { ...going, tasks: [], recommended: twin === undefined ? null : { modelId: twin, reason }, finished: true };
}

/** The task that makes a model again; null while, or because, one that it is made of is not there. */
function repeatedTask({ task }: RecordedModel, twins: ReadonlyMap<string, string>): PlannedTask | null {
  const { refitOf, members, ...rest } = task;
  const twin = refitOf === null ? null : twins.get(refitOf);
  const own = members?.flatMap(({ modelId, weight }) => {
    const model = twins.get(modelId);
    return model === undefined ? [] : [{ modelId: model, weight }];
  });
  if (twin === undefined || own?.length !== members?.length) return null;
  return { ...rest, refitOf: twin, ...(own === undefined ? {} : { members: own }), deadlineMs: null };
}
