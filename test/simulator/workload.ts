import { createHash } from 'node:crypto';
import type { TaskSpec } from '#contracts';
import type { Random } from './random.ts';

/**
 * What a task does when it is run.
 * - `plain` succeeds; `flaky` dies by its own fault once or twice before
 * - `poison` dies by its own fault each time; `user-fault` says that its data are bad
 * - `memory` passes the limit in its first attempt; `greedy` in each
 * - `liar` seals another hash than that of its bytes in its first attempt
 * - `deadline` has a time by which it must have sealed, which may be too short
 * - `chain` makes another task when it has succeeded
 */
export const BEHAVIOURS = [
  'plain',
  'flaky',
  'poison',
  'user-fault',
  'memory',
  'greedy',
  'liar',
  'deadline',
  'chain',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** How many of 100 tasks behave so. */
const SHARES: Readonly<Record<Behaviour, number>> = {
  plain: 58,
  flaky: 8,
  poison: 5,
  'user-fault': 4,
  memory: 5,
  greedy: 2,
  liar: 5,
  deadline: 6,
  chain: 7,
};

/** A task as the simulator knows it beside the queue. */
export interface PlannedTask {
  readonly id: string;
  readonly jobId: string;
  readonly behaviour: Behaviour;
  readonly priority: number;
  readonly projectId: string;
  /** Time from its creation until it must have sealed; null: none. */
  readonly deadlineMs: number | null;
  /** Attempts that fail before one succeeds. */
  readonly failures: number;
  readonly iterations: number;
  readonly iterationMs: number;
  /** What it makes when it has succeeded. */
  readonly next: PlannedTask | null;
  /** Tasks of its job that must succeed first. */
  readonly dependsOn: readonly string[];
}

/** How the tasks of a job belong together: not at all, one after another, or all at the same time. */
export type JobShape = 'independent' | 'dependent' | 'group';

/** Tasks that are created together. */
export interface PlannedJob {
  readonly id: string;
  readonly atMs: number;
  readonly shape: JobShape;
  readonly tasks: readonly PlannedTask[];
}

const TASKS_PER_JOB_MAX = 5;
/** Fewer than workers, so that a group can form while some of them are down. */
const GROUP_SIZE_MAX = 3;
const PROJECT_COUNT = 4;

/** Jobs until there are so many tasks, arriving at random. */
export function planJobs(random: Random, taskCount: number, newId: (prefix: string) => string): PlannedJob[] {
  const jobs: PlannedJob[] = [];
  let left = taskCount;
  let atMs = 0;
  while (left > 0) {
    const shape: JobShape = random.chance(0.7) ? 'independent' : random.chance(0.5) ? 'dependent' : 'group';
    const size = Math.min(left, 1 + random.below(shape === 'group' ? GROUP_SIZE_MAX : TASKS_PER_JOB_MAX));
    const id = newId('job');
    const projectId = `project-${random.below(PROJECT_COUNT)}`;
    const tasks: PlannedTask[] = [];
    for (let index = 0; index < size; index += 1) {
      const before = tasks.at(-1);
      const dependsOn = shape === 'dependent' && before !== undefined ? [before.id] : [];
      tasks.push(planTask(random, drawBehaviour(random), { jobId: id, projectId, dependsOn, newId }));
    }
    jobs.push({ id, atMs, shape, tasks });
    left -= size;
    atMs += random.exponential(1_500 * size);
  }
  return jobs;
}

interface PlanContext {
  readonly jobId: string;
  readonly projectId: string;
  readonly dependsOn: readonly string[];
  readonly newId: (prefix: string) => string;
}

function planTask(random: Random, behaviour: Behaviour, context: PlanContext): PlannedTask {
  const { jobId, projectId, dependsOn, newId } = context;
  return {
    id: newId('task'),
    jobId,
    behaviour,
    projectId,
    priority: random.chance(0.2) ? random.below(5) : 0,
    deadlineMs: behaviour === 'deadline' ? Math.round(random.between(5_000, 200_000)) : null,
    failures: 1 + random.below(2),
    iterations: 2 + random.below(6),
    iterationMs: random.between(50, 1_200),
    next: behaviour === 'chain' ? planTask(random, 'plain', { ...context, dependsOn: [] }) : null,
    dependsOn,
  };
}

function drawBehaviour(random: Random): Behaviour {
  let rest = random.below(100);
  for (const behaviour of BEHAVIOURS) {
    rest -= SHARES[behaviour];
    if (rest < 0) return behaviour;
  }
  return 'plain';
}

/** The bytes of a task's result: of the task alone, so that every attempt must make the same. */
export const resultBytes = (taskId: string): Uint8Array => {
  const digest = createHash('sha256').update(`result of ${taskId}`).digest();
  return Buffer.concat([digest, digest, Buffer.from(taskId)]);
};

export const specOf = (task: PlannedTask): TaskSpec => ({
  kind: 'batch-predict',
  batchPredictionId: task.id,
  modelId: 'model',
  artifactPath: 'models/model/1-a',
  manifestSha256: '0'.repeat(64),
  datasetId: `dataset-${task.projectId}`,
  table: { rowCount: 0, columns: [], files: [] },
  passthroughColumns: [],
});
