import { nullable, Type, type ContainerSize, type Static } from '#contracts';
import { read, ResourceShape, sizeOf } from './rest-shapes.ts';

/** What one user holds of a queue, and the most he may hold while it is contended. */
export interface QueueUser {
  readonly name: string;
  readonly used: ContainerAmount;
  /** Null: the scheduler states no limit per user. */
  readonly limit: ContainerAmount | null;
}

/** Like {@link ContainerSize}, but may be 0. */
export interface ContainerAmount {
  readonly memoryMb: number;
  readonly vcores: number;
}

/** A queue to which applications can be submitted. */
export interface QueueState {
  /** Whole path: `root.analytics.ml`. */
  readonly path: string;
  /** Last part of the path. */
  readonly name: string;
  /** `STOPPED` and `DRAINING` take no new application. */
  readonly state: 'RUNNING' | 'STOPPED' | 'DRAINING' | 'UNKNOWN';
  readonly used: ContainerAmount;
  /** What it is promised, of the cluster as it is now. */
  readonly guaranteed: ContainerAmount;
  /** What it can grow to at most, of the cluster as it is now. */
  readonly maximum: ContainerAmount;
  /** Largest single container that it grants; null: the scheduler does not say. */
  readonly maximumContainer: ContainerSize | null;
  /** For application masters alone; null: no limit is stated. */
  readonly masters: { readonly used: ContainerAmount; readonly limit: ContainerAmount } | null;
  readonly applications: { readonly active: number; readonly pending: number; readonly max: number | null };
  readonly users: readonly QueueUser[];
}

const Users = nullable(
  Type.Object({
    user: Type.Optional(
      Type.Array(
        Type.Object({
          username: Type.String(),
          resourcesUsed: ResourceShape,
          userResourceLimit: Type.Optional(ResourceShape),
        }),
      ),
    ),
  }),
);

const CapacityQueue = Type.Object({
  queueName: Type.String(),
  queuePath: Type.Optional(Type.String()),
  state: Type.Optional(Type.String()),
  absoluteCapacity: Type.Optional(Type.Number()),
  absoluteMaxCapacity: Type.Optional(Type.Number()),
  resourcesUsed: Type.Optional(ResourceShape),
  minEffectiveCapacity: Type.Optional(ResourceShape),
  maxEffectiveCapacity: Type.Optional(ResourceShape),
  maximumAllocation: Type.Optional(nullable(ResourceShape)),
  AMResourceLimit: Type.Optional(ResourceShape),
  usedAMResource: Type.Optional(ResourceShape),
  numActiveApplications: Type.Optional(Type.Number()),
  numPendingApplications: Type.Optional(Type.Number()),
  maxApplications: Type.Optional(Type.Number()),
  users: Type.Optional(Users),
  queues: Type.Optional(nullable(Type.Object({ queue: Type.Optional(Type.Array(Type.Unknown())) }))),
});
type CapacityQueue = Static<typeof CapacityQueue>;

const FairQueue = Type.Object({
  queueName: Type.String(),
  maxResources: ResourceShape,
  minResources: ResourceShape,
  usedResources: ResourceShape,
  maxContainerAllocation: Type.Optional(nullable(ResourceShape)),
  numActiveApps: Type.Optional(Type.Number()),
  numPendingApps: Type.Optional(Type.Number()),
  maxApps: Type.Optional(Type.Number()),
  amMaxResources: Type.Optional(ResourceShape),
  amUsedResources: Type.Optional(ResourceShape),
  childQueues: Type.Optional(nullable(Type.Object({ queue: Type.Optional(Type.Array(Type.Unknown())) }))),
});

const SchedulerAnswer = Type.Object({
  scheduler: Type.Object({
    schedulerInfo: Type.Object({ type: Type.String(), rootQueue: Type.Optional(Type.Unknown()) }),
  }),
});

/** A tree deeper or wider than any that is in use. */
const DEPTH_MAX = 20;
/** Hadoop's way to say "no limit". */
const UNLIMITED_MIN = 2_000_000_000;

/**
 * The leaf queues of `GET /ws/v1/cluster/scheduler`, of a CapacityScheduler or a FairScheduler; of another scheduler none.
 * @param total the cluster's memory and processors, for schedulers that state shares only
 * @throws YARN_ANSWER_UNREADABLE
 */
export function leafQueues(json: unknown, total: ContainerAmount): QueueState[] {
  const { schedulerInfo } = read(SchedulerAnswer, json, 'scheduler').scheduler;
  switch (schedulerInfo.type) {
    case 'capacityScheduler':
      return capacityLeaves(schedulerInfo, '', total, 0);
    case 'fairScheduler':
      return fairLeaves(schedulerInfo.rootQueue, 0);
    default:
      return [];
  }
}

function capacityLeaves(json: unknown, parent: string, total: ContainerAmount, depth: number): QueueState[] {
  const queue = read(CapacityQueue, json, 'scheduler queue');
  const path = queue.queuePath ?? (parent === '' ? queue.queueName : `${parent}.${queue.queueName}`);
  const children = queue.queues?.queue ?? [];
  if (children.length > 0 && depth < DEPTH_MAX) {
    return children.flatMap((child) => capacityLeaves(child, path, total, depth + 1));
  }
  return [capacityQueue(queue, path, total)];
}

function capacityQueue(queue: CapacityQueue, path: string, total: ContainerAmount): QueueState {
  const share = (percent: number | undefined): ContainerAmount => ({
    memoryMb: Math.floor((total.memoryMb * (percent ?? 100)) / 100),
    vcores: Math.floor((total.vcores * (percent ?? 100)) / 100),
  });
  const { AMResourceLimit: limit, usedAMResource: used } = queue;
  const states: readonly QueueState['state'][] = ['RUNNING', 'STOPPED', 'DRAINING'];
  return {
    path,
    name: queue.queueName,
    state: states.find((state) => state === queue.state) ?? 'UNKNOWN',
    used: amountOf(queue.resourcesUsed),
    guaranteed:
      queue.minEffectiveCapacity === undefined ? share(queue.absoluteCapacity) : sizeOf(queue.minEffectiveCapacity),
    maximum:
      queue.maxEffectiveCapacity === undefined ? share(queue.absoluteMaxCapacity) : sizeOf(queue.maxEffectiveCapacity),
    maximumContainer: limited(queue.maximumAllocation),
    masters: limit === undefined ? null : { used: amountOf(used), limit: sizeOf(limit) },
    applications: {
      active: queue.numActiveApplications ?? 0,
      pending: queue.numPendingApplications ?? 0,
      max: queue.maxApplications ?? null,
    },
    users: (queue.users?.user ?? []).map((user) => ({
      name: user.username,
      used: sizeOf(user.resourcesUsed),
      limit: user.userResourceLimit === undefined ? null : sizeOf(user.userResourceLimit),
    })),
  };
}

/** The FairScheduler states neither a queue's state nor what single users hold. */
function fairLeaves(json: unknown, depth: number): QueueState[] {
  const queue = read(FairQueue, json, 'scheduler queue');
  const children = queue.childQueues?.queue ?? [];
  if (children.length > 0 && depth < DEPTH_MAX) return children.flatMap((child) => fairLeaves(child, depth + 1));
  const { amMaxResources: limit, amUsedResources: used } = queue;
  return [
    {
      path: queue.queueName,
      name: queue.queueName.split('.').at(-1) ?? queue.queueName,
      state: 'RUNNING',
      used: sizeOf(queue.usedResources),
      guaranteed: sizeOf(queue.minResources),
      maximum: sizeOf(queue.maxResources),
      maximumContainer: limited(queue.maxContainerAllocation),
      // 0: there is no master and so no limit yet.
      masters: limit === undefined || limit.memory === 0 ? null : { used: amountOf(used), limit: sizeOf(limit) },
      applications: {
        active: queue.numActiveApps ?? 0,
        pending: queue.numPendingApps ?? 0,
        max: queue.maxApps === undefined || queue.maxApps > UNLIMITED_MIN ? null : queue.maxApps,
      },
      users: [],
    },
  ];
}

function amountOf(resource: Static<typeof ResourceShape> | undefined): ContainerAmount {
  return resource === undefined ? { memoryMb: 0, vcores: 0 } : sizeOf(resource);
}

function limited(resource: Static<typeof ResourceShape> | null | undefined): ContainerSize | null {
  if (resource === undefined || resource === null || resource.memory > UNLIMITED_MIN) return null;
  return sizeOf(resource);
}

/** The queue that a user means by a name or a path; null when there is none, or several of that name. */
export function findQueue(queues: readonly QueueState[], nameOrPath: string): QueueState | null {
  const exact = queues.find(({ path }) => path === nameOrPath || path === `root.${nameOrPath}`);
  const named = queues.filter(({ name }) => name === nameOrPath);
  return exact ?? (named.length === 1 ? (named[0] ?? null) : null);
}
