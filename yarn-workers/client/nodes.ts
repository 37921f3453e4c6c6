import type { ContainerAmount } from './queues.ts';
import { NodesAnswer, read } from './rest-shapes.ts';

/** One NodeManager. */
export interface NodeReport {
  /** `host:port` of its containers' protocol. */
  readonly node: string;
  readonly host: string;
  /** `host:port` of its pages; empty when it never registered. */
  readonly httpAddress: string;
  readonly rack: string;
  /** YARN's NodeState: `RUNNING`, `LOST`, `UNHEALTHY`, `DECOMMISSIONING`, ... */
  readonly state: string;
  readonly version: string;
  readonly healthReport: string;
  readonly labels: readonly string[];
  readonly containerCount: number;
  readonly used: ContainerAmount;
  readonly free: ContainerAmount;
}

/** All nodes, those that are lost or taken out of service included. @throws YARN_ANSWER_UNREADABLE */
export function readNodes(json: unknown): NodeReport[] {
  return (read(NodesAnswer, json, 'nodes').nodes?.node ?? []).map((node) => ({
    node: node.id,
    host: node.nodeHostName,
    httpAddress: node.nodeHTTPAddress ?? '',
    rack: node.rack,
    state: node.state,
    version: node.version ?? '',
    healthReport: node.healthReport?.trim() ?? '',
    labels: node.nodeLabels ?? [],
    containerCount: node.numContainers,
    used: { memoryMb: node.usedMemoryMB, vcores: node.usedVirtualCores },
    free: { memoryMb: node.availMemoryMB, vcores: node.availableVirtualCores },
  }));
}
