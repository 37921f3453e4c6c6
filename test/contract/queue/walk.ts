import { expect } from 'chai';
import { AppError, BLAMES, isAppError, type ClaimedTask } from '#contracts';
import { readClock } from '#store';
import { checkAlways, checkEnded } from './invariants.ts';
import { LEASE_MS, type TestWorker, type World } from './world.ts';

/** Random numbers in [0, 1) by a seed. @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c (mulberry32) */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the walk remembers beside the database: who was told what. */
interface Memory {
  readonly taskIds: string[];
  /** Those of the one job in which tasks depend on each other. */
  readonly ofJob: Set<string>;
  /** Every claim ever granted: stale ones speak too. */
  readonly claims: ClaimedTask[];
  /** Tasks whose cancellation was acknowledged. */
  readonly cancelled: Set<string>;
  /** Fence under which a commit was answered SUCCEEDED. */
  readonly committedBy: Map<string, number>;
}

/** Statements of workers, users and duties in random order, with repeats, stale holders and jumps of the clock. */
async function walk(world: World, seed: number, steps: number): Promise<void> {
  const next = random(seed);
  const below = (count: number) => Math.floor(next() * count);
  const pick = <T>(values: readonly T[]): T | undefined => values[below(values.length)];
  const workers: TestWorker[] = [];
  for (const protocolVersion of [2, 2, 2, 1]) workers.push(await world.addWorker({ protocolVersion }));
  const memory: Memory = { taskIds: [], ofJob: new Set(), claims: [], cancelled: new Set(), committedBy: new Map() };
  const jobId = await world.addJob('p0');
  world.verify = async () => {
    if (next() < 0.1) throw new AppError('ARTIFACT_INVALID', 'by chance');
  };
  const add = async () => {
    const deadlineAt = next() < 0.3 ? (await readClock(world.database)) + below(4 * LEASE_MS) : null;
    const options = { priority: below(2), deadlineAt };
    const dice = next();
    if (dice < 0.15) {
      memory.taskIds.push(...(await world.addGroup(1 + below(3), { jobId, ...options })).tasks.map(({ id }) => id));
      return;
    }
    const needed = dice < 0.5 ? memory.taskIds.filter((id) => memory.ofJob.has(id)) : [];
    const dependsOn = needed.length === 0 ? [] : [needed[below(needed.length)] ?? '', needed.at(-1) ?? ''];
    const inJob = dice < 0.6 ? { jobId, dependsOn } : { project: `p${below(3)}` };
    const { id } = await world.addTask({ ...inJob, ...options });
    memory.taskIds.push(id);
    if (dice < 0.6) memory.ofJob.add(id);
  };
  const claim = async () => {
    const worker = pick(workers);
    const claimed = worker === undefined ? null : await world.claim(worker);
    if (claimed !== null) memory.claims.push(claimed);
    if (claimed !== null && next() < 0.5) await tolerate(world.start(claimed));
  };
  const checkpoint = async (claimed: ClaimedTask) => {
    const position = 1 + below(5);
    await world.checkpoint(claimed, await world.writeCheckpoint(claimed, position), position);
  };
  /** Mostly one of the last holders, sometimes one of long ago. */
  const holder = () => (next() < 0.7 ? memory.claims.at(-1 - below(3)) : pick(memory.claims));
  const speak = async () => {
    const claimed = holder();
    if (claimed === undefined) return;
    const words = [
      () => world.start(claimed),
      () => world.beat(claimed, { log: [`beat ${below(1000)}`] }),
      () => world.resume(claimed),
      () => checkpoint(claimed),
      () => world.seal(claimed),
      () => world.seal(claimed),
      () => commit(world, claimed, memory),
      () => commit(world, claimed, memory),
      () => world.fail(claimed, pick(BLAMES)),
    ];
    await tolerate(words[below(words.length)]?.());
  };
  const cancel = async () => {
    const id = pick(memory.taskIds);
    if (id === undefined) return;
    await world.cancelTask(id);
    const task = await world.task(id);
    if (task.cancelAsked || task.state === 'CANCELLED') memory.cancelled.add(id);
  };
  const wait = async () => {
    await world.advance(below(2 * LEASE_MS));
    await world.queue.reap();
    await world.queue.giveUpOverdue();
    await world.queue.dissolveGroups();
  };
  for (let step = 0; step < steps; step += 1) {
    const dice = next();
    if (dice < 0.12) await tolerate(add());
    else if (dice < 0.32) await claim();
    else if (dice < 0.84) await speak();
    else if (dice < 0.87) await cancel();
    else if (dice < 0.97) await tolerate(wait());
    else for (const taskId of memory.taskIds.slice(-2)) await tolerate(world.beat({ ...lastOf(memory, taskId) }));
    if (step % 10 === 0) await checkAlways(world);
  }
  await drain(world, workers, memory);
}

const lastOf = (memory: Memory, taskId: string): ClaimedTask =>
  memory.claims.findLast((claimed) => claimed.taskId === taskId) ?? {
    taskId,
    fence: 1,
    leaseToken: 'none',
    leaseMs: 1,
    attemptPath: '',
    remainingMs: null,
    spec: {} as never, // never read: the token is refused
  };

async function commit(world: World, claimed: ClaimedTask, memory: Memory): Promise<void> {
  const { state } = await world.commit(claimed);
  if (state !== 'SUCCEEDED') return;
  const before = memory.committedBy.get(claimed.taskId);
  expect(before ?? claimed.fence, 'I2 two fences were told that they had committed').to.equal(claimed.fence);
  memory.committedBy.set(claimed.taskId, claimed.fence);
}

/** Refusals are answers; anything else is a fault. */
async function tolerate(statement: Promise<unknown> | undefined): Promise<void> {
  try {
    await statement;
  } catch (err) {
    const answers = [
      'TASK_FENCED',
      'TASK_CANCELLED',
      'CONFLICT',
      'DEPENDENCY_FAILED',
      'LEASE_TOKEN_INVALID',
      'STORE_OBJECT_EXISTS',
    ];
    if (!isAppError(err) || !answers.includes(err.code)) throw err;
  }
}

/** Good workers alone: everything must end. */
async function drain(world: World, workers: readonly TestWorker[], memory: Memory): Promise<void> {
  world.verify = async () => undefined;
  for (let round = 0; round < 100; round += 1) {
    await world.advance(600_000);
    await world.queue.reap();
    await world.queue.giveUpOverdue();
    await world.queue.dissolveGroups();
    await world.queue.close();
    const claims: ClaimedTask[] = [];
    for (const worker of workers) {
      const claimed = await world.claim(worker);
      if (claimed !== null) claims.push(claimed);
    }
    // Members of a group begin when all are held, and commit when all have sealed.
    for (const claimed of claims) await tolerate(world.start(claimed));
    for (const claimed of claims) await tolerate(world.start(claimed));
    for (const claimed of claims) await tolerate(world.seal(claimed));
    for (const claimed of claims) await tolerate(commit(world, claimed, memory));
    const open = (await world.database.knex('task').whereNull('finished_at').select('id')) as unknown[];
    if (claims.length === 0 && open.length === 0) break;
  }
  await checkAlways(world);
  await checkEnded(world, memory.taskIds);
  for (const [taskId, fence] of memory.committedBy) {
    const rows = (await world.database.knex('result').where({ task_id: taskId })) as { fence: number }[];
    expect(
      rows.map((row) => row.fence),
      'I3',
    ).to.deep.equal([fence]);
  }
  for (const taskId of memory.cancelled) expect((await world.task(taskId)).state, 'I7').not.to.equal('SUCCEEDED');
}

export function walkCases(
  world: () => World,
  { seeds, steps }: { readonly seeds: number; readonly steps: number },
): void {
  describe('random walks', () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      it(`keep the invariants: seed ${seed}, ${steps} steps`, () => walk(world(), seed, steps));
    }
  });
}
