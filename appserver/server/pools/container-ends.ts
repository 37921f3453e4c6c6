import { AppError, toProblem, type EndedContainer } from '#contracts';
import type { Logger } from '#runtime';
import {
  blameNode,
  drainContainers,
  getContainer,
  putOffPool,
  setWaitReason,
  openTasksOfContainer,
  recordEnds,
  type ExclusionPolicy,
  type Transaction,
  type YarnApplication,
} from '#store';
import { judgeContainerEnd, type ContainerVerdict } from '#yarn';
import type { TaskQueue } from '../queue/index.ts';

/** Three containers within ten minutes are no chance; after an hour a node is tried again. */
export const NODE_EXCLUSION: ExclusionPolicy = { failuresMax: 3, windowMs: 600_000, exclusionMs: 3_600_000 };

/** A container whose worker never registered is followed by the next one after 1 s, then twice that, up to a minute. */
const START_PUT_OFF = { firstMs: 1_000, longestMs: 60_000 } as const;

const OVER = 'YARN says that its container has ended';

const MIB = 1024 ** 2;
/** Lines of YARN's diagnostics that go into a task's log. */
const DIAGNOSTIC_LINES_MAX = 40;
const LINE_CHARS_MAX = 2_000;

export interface EndsContext {
  readonly queue: TaskQueue;
  readonly logger: Logger;
}

/**
 * Takes down which containers ended, and draws the conclusions: their tasks go back to the queue at once, charged or not
 * by whose fault it was; a task that has been sealed is left to the reaper, which commits it. Nodes that fail too often
 * are left alone. Nothing here decides about results: an end is a hint that a lease is over, the fence does the rest.
 */
export async function applyEnds(
  trx: Transaction,
  { queue, logger }: EndsContext,
  { applicationId, pool }: Pick<YarnApplication, 'applicationId' | 'pool'>,
  ended: readonly EndedContainer[],
): Promise<void> {
  for (const end of await recordEnds(trx, applicationId, ended)) {
    const container = await getContainer(trx, end.containerId);
    const tasks = await openTasksOfContainer(trx, end.containerId);
    const memorySeen = Math.max(0, ...tasks.map(({ memoryBytesMax }) => memoryBytesMax ?? 0));
    const verdict = judgeContainerEnd({
      exitStatus: end.exitStatus,
      diagnostics: end.diagnostics,
      wasReleased: end.wasReleased,
      memoryMb: container?.size?.memoryMb ?? 0,
      memorySeenMb: memorySeen === 0 ? null : Math.round(memorySeen / MIB),
    });
    const { containerId, exitStatus, node } = end;
    const facts = { applicationId, containerId, node, exitStatus, tasks: tasks.length };
    const news = `a container ended (${verdict.name}): ${verdict.sentence}`;
    if (verdict.isExpected) logger.info('container_ended', news, facts);
    else logger.warn('container_ended', news, facts);
    for (const { taskId, fence } of tasks) {
      const problem = toProblem(problemOf(verdict, end), null, true);
      const log = [`container ${containerId} on ${node ?? 'an unknown node'}: ${verdict.sentence}`, ...linesOf(end)];
      await queue.failIn(trx, { taskId, fence }, { blame: verdict.blame, problem, log });
    }
    // A node that is lost to YARN may still run it: its worker gets no more tasks, and ends.
    await drainContainers(trx, [containerId], OVER);
    // What fails at its start would fail again at once, and take containers from others.
    if (!verdict.isExpected && container !== null && container.workerId === null) {
      await putOffPool(trx, pool, START_PUT_OFF);
      await setWaitReason(trx, pool, verdict.sentence);
    }
    if (node !== null && verdict.node !== 'none') {
      await blameNode(trx, node, NODE_EXCLUSION, verdict.node === 'exclude');
    }
  }
}

function problemOf({ name, blame, sentence }: ContainerVerdict, { containerId, exitStatus, node }: EndedContainer) {
  const code = blame === 'memory' ? 'TASK_MEMORY' : 'TASK_CHILD_DIED';
  const details = { containerId, exitStatus, node, name };
  return new AppError(code, sentence, { details });
}

function linesOf({ diagnostics }: EndedContainer): string[] {
  return diagnostics
    .split('\n')
    .map((line) => line.trimEnd().slice(0, LINE_CHARS_MAX))
    .filter((line) => line !== '')
    .slice(-DIAGNOSTIC_LINES_MAX);
}
