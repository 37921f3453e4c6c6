import { expect } from 'chai';
import { AppError, toProblem } from '#contracts';
import { newId } from '#runtime';
import { claimTasks, DEFAULT_POOL } from '#store';
import type { Wish } from '../../../appserver/server/queue/claim-desk.ts';
import { random } from './walk.ts';
import { LEASE_MS, QUEUE_CONFIG, type World } from './world.ts';

/** A worker's wish for a task; a worker of its own unless told. */
export function wish(options: Partial<Wish> = {}): Wish {
  const workerId = options.workerId ?? newId('worker');
  const tokenOf = (taskId: string, fence: number) => `${workerId}-${taskId}-${fence}`;
  const pool = DEFAULT_POOL;
  const requestId = newId('claim');
  const memoryBytes = 4 * 1024 ** 3;
  return {
    workerId,
    pool,
    memoryBytes,
    requestId,
    cachedDatasets: [],
    joinsGroups: true,
    waitMs: 0,
    tokenOf,
    ...options,
  };
}

/** One transaction that serves these wishes; the ids of their tasks, null where there was none. */
export async function claimTogether(world: World, wishes: readonly Wish[], tasksMax = 64): Promise<(string | null)[]> {
  const requests = wishes.map((each) => ({ ...each, mayBeRepeat: true, nonce: 'a1' }));
  const options = {
    leaseMs: LEASE_MS,
    groupWaitMs: QUEUE_CONFIG.groupWaitMs,
    containerMemoryMaxMb: Infinity,
    tasksMax,
  };
  const answers = await world.database.transaction((trx) => claimTasks(trx, requests, options));
  return requests.map((request) => answers.get(request)?.task.id ?? null);
}

interface ModelTask {
  readonly id: string;
  readonly project: string;
  readonly datasetId: string;
  readonly priority: number;
  readonly cost: number;
  isHeld: boolean;
}

const STEPS = 25;
/** So few that the statement looks at all of them. */
const TASKS_MAX = 14;

/** Random tasks, batches and ends, beside a list in memory and the rule as one would tell it. */
export async function compareWithModel(world: World, seed: number): Promise<void> {
  const next = random(seed);
  const below = (count: number) => Math.floor(next() * count);
  let tasks: ModelTask[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    while (tasks.length < TASKS_MAX && next() < 0.8) {
      const made = { project: `p${below(4)}`, datasetId: `d${below(4)}`, priority: below(3) - 1 };
      const { id } = await world.addTask(made);
      const cost = 1 + below(3);
      await world.database.knex('task').where({ id }).update({ cost });
      tasks.push({ id, ...made, cost, isHeld: false });
      await world.advance(1);
    }
    const wishes = Array.from({ length: 1 + below(5) }, () =>
      wish({ cachedDatasets: Array.from({ length: below(3) }, () => `d${below(4)}`) }),
    );
    const expected = expectedOf(tasks, wishes);
    expect(await claimTogether(world, wishes), `seed ${seed}, step ${step}`).to.deep.equal(expected);
    for (const task of tasks) task.isHeld ||= expected.includes(task.id);
    const ended = tasks.filter(({ isHeld }) => isHeld && next() < 0.4);
    for (const { id } of ended) await end(world, id);
    tasks = tasks.filter((task) => !ended.includes(task));
  }
  for (const { id, isHeld } of tasks) await (isHeld ? end(world, id) : world.cancelTask(id));
}

async function end(world: World, taskId: string): Promise<void> {
  const problem = toProblem(new AppError('TASK_CHILD_DIED', 'it died'), null, true);
  await world.queue.fail({ taskId, fence: 1 }, { blame: 'user', problem, log: [] });
}

/** One task after the other, tasks in order of age. */
function expectedOf(tasks: readonly ModelTask[], wishes: readonly Wish[]): (string | null)[] {
  const held = tasks.filter(({ isHeld }) => isHeld);
  const ready = tasks.filter(({ isHeld }) => !isHeld);
  const waiting = new Set(wishes);
  const given = new Map<Wish, string>();
  const forAnybody: string[] = [];
  for (let count = Math.min(ready.length, wishes.length); count > 0; count -= 1) {
    const runningCost = ({ project }: ModelTask) =>
      held.filter((task) => task.project === project).reduce((sum, { cost }) => sum + cost, 0);
    const foreground = ready.filter(({ priority }) => priority >= 0);
    const eligible = foreground.length > 0 ? foreground : ready;
    const least = Math.min(...eligible.map(runningCost));
    const ofLeast = eligible.filter((task) => runningCost(task) === least);
    const highest = Math.max(...ofLeast.map(({ priority }) => priority));
    const pool = ofLeast.filter(({ priority }) => priority === highest);
    const cacherOf = ({ datasetId }: ModelTask) =>
      [...waiting].find(({ cachedDatasets }) => cachedDatasets.includes(datasetId));
    const task = pool.find(cacherOf) ?? pool[0];
    if (task === undefined) throw new Error('there are tasks');
    const cacher = cacherOf(task);
    if (cacher === undefined) forAnybody.push(task.id);
    else {
      given.set(cacher, task.id);
      waiting.delete(cacher);
    }
    ready.splice(ready.indexOf(task), 1);
    held.push(task);
  }
  for (const each of waiting) {
    const id = forAnybody.shift();
    if (id !== undefined) given.set(each, id);
  }
  return wishes.map((each) => given.get(each) ?? null);
}
