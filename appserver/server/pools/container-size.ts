import type { ContainerSize } from '#contracts';
import type { Config } from '#runtime';
import { containerMbFor, workerBytesIn } from '#store';

type Sizes = Pick<Config['yarn'], 'containerMemoryMb' | 'containerMemoryMaxMb' | 'containerVcores'>;

/** Sizes differ by so much at least: a new launch for each prediction would keep no container for the next task. */
const STEP_MB = 512;

/** Memory of the largest container of a worker that is asked for, MB. */
export const largestContainerMb = ({
  containerMemoryMb,
  containerMemoryMaxMb,
}: Omit<Sizes, 'containerVcores'>): number => Math.max(containerMemoryMb, containerMemoryMaxMb);

/**
 * The container that is asked for next: as it is configured, or larger where a task that waits is predicted to need it, up to
 * what may be asked for and what YARN grants.
 *
 * @param mostBytes the most that one of the tasks that wait is predicted to need of its worker
 * @param maximum of YARN; null before it is known
 */
export function containerSize(config: Sizes, mostBytes: number, maximum: ContainerSize | null): ContainerSize {
  const { containerMemoryMb, containerVcores } = config;
  const wantedMb = Math.ceil(containerMbFor(mostBytes) / STEP_MB) * STEP_MB;
  const largestMb = Math.min(largestContainerMb(config), maximum?.memoryMb ?? Infinity);
  return { memoryMb: Math.max(containerMemoryMb, Math.min(wantedMb, largestMb)), vcores: containerVcores };
}

interface ThreadFacts {
  readonly autopilot: Pick<Config['autopilot'], 'threadsPerTask'>;
  readonly compute: Pick<Config['compute'], 'driver'>;
  readonly yarn: Pick<Config['yarn'], 'containerVcores'>;
}

/** Threads of a task of modelling: a container's are its worker's alone, who does one task at a time. */
export const threadsOf = ({ autopilot, compute, yarn }: ThreadFacts): number =>
  compute.driver === 'yarn' ? Math.max(autopilot.threadsPerTask, yarn.containerVcores) : autopilot.threadsPerTask;

/** Limit of the largest worker that models are planned for, bytes. */
export function largestWorkerOf({ autopilot, compute, worker, yarn }: Config): number {
  if (autopilot.workerBytesMax > 0) return autopilot.workerBytesMax;
  return compute.driver === 'yarn' ? workerBytesIn(largestContainerMb(yarn)) : worker.memoryBytes;
}
