import type { ContainerSize } from '#contracts';
import { containerMbFor, type ApplicationFinish, type PoolDemand, type YarnContainer } from '#store';

/** A live application as the plan sees it. */
export interface PoolState {
  /** Containers that there are to be so far. */
  readonly wantedCount: number;
  readonly containers: readonly YarnContainer[];
  readonly demand: Pick<PoolDemand, 'readyCount' | 'heldCount' | 'leastBytes'>;
  /** Of the container that is asked for next. */
  readonly size: ContainerSize;
  /** For how long fewer containers have been needed than there are to be, milliseconds. */
  readonly idleMs: number;
  /** Nodes that are about to leave the cluster. */
  readonly leavingNodes: readonly string[];
}

export interface PoolLimits {
  readonly containersMax: number;
  /** How long a container may have nothing to do. */
  readonly containerIdleMs: number;
  /** How long an application may be without containers and work. */
  readonly applicationIdleMs: number;
  /** A container whose worker has been silent for so long, and holds no task any more, is taken for lost. */
  readonly workerSilentMs: number;
}

/** What is to become of an application's containers. */
export interface PoolPlan {
  readonly wantedCount: number;
  /** Fewer are needed than there are to be: the idle time runs. */
  readonly isIdle: boolean;
  /** Containers to give back, each as soon as its worker has no task. */
  readonly giveBack: readonly string[];
  /** The application is to end; null: it goes on. */
  readonly finish: ApplicationFinish | null;
}

/**
 * Elastic between nothing and its maximum: a container for each task that waits or runs, at once; one less only when it
 * was not needed for a while, so that the pauses between the steps of a run cost no restart. Idle ones go first, of
 * these the youngest: their caches hold least. No busy container is ever taken for being too many. A container whose worker
 * stands still is replaced: YARN sees a process that lives, and would leave the pool's work waiting for it. So is an idle one that
 * is too small for each task that waits.
 */
export function planPool(state: PoolState, limits: PoolLimits): PoolPlan {
  const { demand, containers, wantedCount, idleMs } = state;
  const needed = Math.min(limits.containersMax, demand.readyCount + demand.heldCount);
  const kept = containers.filter(({ releaseAskedAt }) => releaseAskedAt === null);
  const isLost = ({ isBusy, workerSilentMs }: YarnContainer): boolean =>
    !isBusy && workerSilentMs !== null && workerSilentMs >= limits.workerSilentMs;
  const isLeaving = ({ node }: YarnContainer): boolean => node !== null && state.leavingNodes.includes(node);
  const { memoryMb: askedMb } = state.size;
  const neededMb = demand.readyCount === 0 ? 0 : Math.min(askedMb, containerMbFor(demand.leastBytes));
  const isTooSmall = ({ isBusy, size }: YarnContainer): boolean => !isBusy && size !== null && size.memoryMb < neededMb;
  const leaving = kept.filter((container) => isLost(container) || isLeaving(container) || isTooSmall(container));
  const isIdle = needed < wantedCount;
  const next = isIdle && idleMs < limits.containerIdleMs ? wantedCount : needed;
  const staying = kept.filter((container) => !leaving.includes(container));
  const surplus = staying.toSorted(idleYoungestFirst).filter(({ isBusy }) => !isBusy);
  const giveBack = [...leaving, ...surplus.slice(0, Math.max(0, staying.length - next))];
  const isEmpty = needed === 0 && containers.length === 0;
  const isOver = isEmpty && wantedCount === 0 && idleMs >= limits.applicationIdleMs;
  return {
    wantedCount: next,
    isIdle: isIdle || isEmpty,
    giveBack: giveBack.map(({ containerId }) => containerId),
    finish: isOver ? { finalStatus: 'SUCCEEDED', message: idleSentence(limits.applicationIdleMs) } : null,
  };
}

function idleYoungestFirst(left: YarnContainer, right: YarnContainer): number {
  return Number(left.isBusy) - Number(right.isBusy) || right.firstSeenAt - left.firstSeenAt;
}

const idleSentence = (idleMs: number): string =>
  `No task for ${Math.round(idleMs / 1000)} s. Trainyard starts the pool again when there is work.`;
