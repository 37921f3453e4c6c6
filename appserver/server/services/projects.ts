import { AppError, type Project } from '#contracts';
import { findLatestRun, findProject, type AutopilotRunRecord, type ProjectRecord, type Queryable } from '#store';
import { isoOf } from '../auth/authenticate.ts';
import { ownedBy, type Caller } from '../auth/caller.ts';
import { isFinalRunState } from './autopilot-run.ts';

/** A project as the REST API shows it. */
export function projectView(project: ProjectRecord): Project {
  const { fixed } = project;
  const positive = fixed?.target.positiveClass ?? null;
  return {
    id: project.id,
    name: project.name,
    description: project.description,
    datasetId: project.datasetId,
    state: stateOf(project),
    target: fixed?.target.name ?? null,
    targetType: fixed?.target.targetType ?? null,
    classes: fixed?.target.classes.map((entry) => entry.label) ?? [],
    positiveClass: positive === null ? null : (fixed?.target.classes[positive]?.label ?? null),
    metric: fixed?.metric ?? null,
    partitioning: fixed?.partitioning ?? null,
    holdoutUnlockedAt: project.holdoutUnlockedAt === null ? null : isoOf(project.holdoutUnlockedAt),
    recommendedModelId: project.recommendedModelId,
    modelCount: project.modelCount,
    createdAt: isoOf(project.createdAt),
    updatedAt: isoOf(project.updatedAt),
    createdBy: project.createdBy,
  };
}

/** Without a recommended model it is as its newest run. */
function stateOf({ recommendedModelId, runState }: ProjectRecord): Project['state'] {
  if (recommendedModelId !== null) return 'ready';
  switch (runState) {
    case null:
    case 'succeeded':
      return 'new';
    case 'running':
    case 'paused':
    case 'stopping':
      return 'modelling';
    case 'failed':
    case 'cancelled':
      return runState;
  }
}

/** A project that the caller may see. @throws NOT_FOUND */
export async function readProject(db: Queryable, caller: Caller, id: string): Promise<ProjectRecord> {
  return ownedBy(caller, await findProject(db, id), (project) => project.createdBy, `project ${id}`);
}

/** The run of a project that is going on. @throws AUTOPILOT_NOT_RUNNING */
export async function readActiveRun(db: Queryable, project: ProjectRecord): Promise<AutopilotRunRecord> {
  const run = await findLatestRun(db, project.id);
  if (run === undefined || isFinalRunState(run.state))
    throw new AppError('AUTOPILOT_NOT_RUNNING', `project ${project.id}: Autopilot is not running`);
  return run;
}
