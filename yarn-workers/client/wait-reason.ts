import type { ContainerSize } from '#contracts';
import type { ContainerAmount, QueueState } from './queues.ts';

/** What is asked for and has not been granted. */
export interface Ask {
  readonly size: ContainerSize;
  readonly user: string;
  /** The application waits for its first container, which also counts against the limit for application masters. */
  readonly isMaster: boolean;
}

/** What the cluster has free now. */
export interface FreeSpace {
  readonly total: ContainerAmount;
  /** Of the running nodes, each. */
  readonly nodes: readonly { readonly node: string; readonly free: ContainerAmount }[];
  /** Nodes on which the asker takes no container, after failures there. @default none */
  readonly excludedNodes?: readonly string[];
}

export const WAIT_KINDS = [
  'larger_than_maximum',
  'queue_stopped',
  'masters_limit',
  'user_limit',
  'queue_full',
  'cluster_full',
  'no_node_fits',
  'not_yet',
] as const;
export type WaitKind = (typeof WAIT_KINDS)[number];

/** Why an ask waits, from the scheduler's own numbers. */
export interface WaitReason {
  readonly kind: WaitKind;
  /** For a user: ``queue `ml` is full: asked 8 GB, 2 GB free``. */
  readonly sentence: string;
  /** It will wait for ever unless somebody changes the ask or the cluster. */
  readonly isFinal: boolean;
}

/**
 * The narrowest limit that keeps an ask waiting: of the queue, its masters, its user, the cluster, a single node. Without
 * one the scheduler has only not come to it yet.
 */
export function explainWait(queue: QueueState, ask: Ask, space: FreeSpace): WaitReason {
  return (
    largerThanMaximum(queue, ask) ??
    stopped(queue) ??
    mastersLimit(queue, ask) ??
    userLimit(queue, ask) ??
    queueFull(queue, ask) ??
    clusterFull(ask, space) ?? {
      kind: 'not_yet',
      sentence: `queue \`${queue.name}\` has room for ${amountText(ask.size)}: the scheduler has not granted it yet`,
      isFinal: false,
    }
  );
}

function largerThanMaximum(queue: QueueState, { size }: Ask): WaitReason | null {
  const limit = queue.maximumContainer ?? queue.maximum;
  const short = lacking(limit, size);
  if (short === null) return null;
  const sentence = `queue \`${queue.name}\` grants no container so large: asked ${text(size, short)}, at most ${text(limit, short)}`;
  return { kind: 'larger_than_maximum', sentence, isFinal: true };
}

function stopped(queue: QueueState): WaitReason | null {
  if (queue.state !== 'STOPPED' && queue.state !== 'DRAINING') return null;
  const sentence = `queue \`${queue.name}\` takes no applications: it is ${queue.state.toLowerCase()}`;
  return { kind: 'queue_stopped', sentence, isFinal: false };
}

function mastersLimit(queue: QueueState, ask: Ask): WaitReason | null {
  if (!ask.isMaster || queue.masters === null) return null;
  const { used, limit } = queue.masters;
  const short = lacking(minus(limit, used), ask.size);
  // The CapacityScheduler always lets one master in, however low the limit is.
  if (short === null || used.memoryMb === 0) return null;
  const what = `asked ${text(ask.size, short)}, ${text(used, short)} of ${text(limit, short)} used`;
  const sentence = `queue \`${queue.name}\` has no room for one more application master: ${what}`;
  return { kind: 'masters_limit', sentence, isFinal: false };
}

function userLimit(queue: QueueState, ask: Ask): WaitReason | null {
  const user = queue.users.find(({ name }) => name === ask.user);
  if (user === undefined || user.limit === null) return null;
  // A user below his limit is granted one container beyond it, so only one who has reached it waits for it.
  const isReached = user.used.memoryMb >= user.limit.memoryMb || user.used.vcores >= user.limit.vcores;
  if (!isReached) return null;
  const short = user.used.memoryMb >= user.limit.memoryMb ? 'memory' : 'vcores';
  const has = `${text(user.used, short)} of ${text(user.limit, short)}`;
  const sentence = `user ${ask.user} has ${has} that queue \`${queue.name}\` gives one user: asked ${text(ask.size, short)} more`;
  return { kind: 'user_limit', sentence, isFinal: false };
}

function queueFull(queue: QueueState, ask: Ask): WaitReason | null {
  const free = minus(queue.maximum, queue.used);
  const short = lacking(free, ask.size);
  if (short === null) return null;
  const sentence = `queue \`${queue.name}\` is full: asked ${text(ask.size, short)}, ${text(free, short)} free`;
  return { kind: 'queue_full', sentence, isFinal: false };
}

function clusterFull(ask: Ask, { nodes: all, excludedNodes = [] }: FreeSpace): WaitReason | null {
  const nodes = all.filter(({ node }) => !excludedNodes.includes(node));
  const except = nodes.length === all.length ? '' : exceptText(excludedNodes);
  const free = nodes.reduce((sum, { free: one }) => plus(sum, one), { memoryMb: 0, vcores: 0 });
  const short = lacking(free, ask.size);
  if (short !== null) {
    const sentence = `the cluster is full: asked ${text(ask.size, short)}, ${text(free, short)} free${except}`;
    return { kind: 'cluster_full', sentence, isFinal: false };
  }
  if (nodes.some((node) => lacking(node.free, ask.size) === null)) return null;
  const best = nodes.reduce((left, right) => (right.free.memoryMb > left.free.memoryMb ? right : left));
  const most = `the most is ${amountText(best.free)} on ${best.node}`;
  const sentence = `no node has ${amountText(ask.size)} free at once: ${most}${except}`;
  return { kind: 'no_node_fits', sentence, isFinal: false };
}

const exceptText = (excludedNodes: readonly string[]): string =>
  `, without ${excludedNodes.join(', ')}, where containers failed too often`;

type Measure = 'memory' | 'vcores';

/** Of what there is too little; null when there is enough of both. */
function lacking(free: ContainerAmount, size: ContainerSize): Measure | null {
  if (size.memoryMb > free.memoryMb) return 'memory';
  return size.vcores > free.vcores ? 'vcores' : null;
}

function minus(left: ContainerAmount, right: ContainerAmount): ContainerAmount {
  return {
    memoryMb: Math.max(0, left.memoryMb - right.memoryMb),
    vcores: Math.max(0, left.vcores - right.vcores),
  };
}

function plus(left: ContainerAmount, right: ContainerAmount): ContainerAmount {
  return { memoryMb: left.memoryMb + right.memoryMb, vcores: left.vcores + right.vcores };
}

function text(amount: ContainerAmount, measure: Measure): string {
  return measure === 'memory' ? memoryText(amount.memoryMb) : `${amount.vcores} vcores`;
}

function amountText({ memoryMb, vcores }: ContainerAmount): string {
  return `${memoryText(memoryMb)} and ${vcores} vcores`;
}

const MB_PER_GB = 1024;

/** `512 MB`, `8 GB`, `1.5 GB`: binary units, as YARN means them. */
export function memoryText(memoryMb: number): string {
  if (memoryMb < MB_PER_GB) return `${Math.round(memoryMb)} MB`;
  return `${Number((memoryMb / MB_PER_GB).toFixed(1))} GB`;
}
