import { AttemptsAnswer, ContainersAnswer, read, type ContainerShape } from './rest-shapes.ts';

/** One attempt of an application master. */
export interface ApplicationAttempt {
  /** 1 is the first. */
  readonly number: number;
  /** `appattempt_...`; null where the ResourceManager does not say. */
  readonly attemptId: string | null;
  readonly state: string | null;
  readonly startedAtMs: number;
  /** Of the application master; empty while it waits for one. */
  readonly containerId: string;
  readonly node: string | null;
  readonly logUrl: string | null;
}

/** A container that YARN knows of. */
export interface ContainerReport {
  readonly containerId: string;
  readonly node: string | null;
  readonly nodeHttpAddress: string | null;
  readonly logUrl: string | null;
  /** `NEW`, `RUNNING` or `COMPLETE`; null where the ResourceManager does not say. */
  readonly state: string | null;
  readonly exitStatus: number | null;
  readonly diagnostics: string;
  readonly memoryMb: number;
  readonly vcores: number;
}

/** @throws YARN_ANSWER_UNREADABLE */
export function readAttempts(json: unknown): ApplicationAttempt[] {
  return (read(AttemptsAnswer, json, 'application attempts').appAttempts?.appAttempt ?? []).map((attempt) => ({
    number: attempt.id,
    attemptId: attempt.appAttemptId ?? null,
    state: attempt.appAttemptState ?? null,
    startedAtMs: attempt.startTime,
    containerId: attempt.containerId ?? '',
    node: attempt.nodeId ?? null,
    logUrl: attempt.logsLink ?? null,
  }));
}

/** @throws YARN_ANSWER_UNREADABLE */
export function readContainers(json: unknown): ContainerReport[] {
  const { container = [] } = read(ContainersAnswer, json, 'containers');
  return (Array.isArray(container) ? container : [container]).map(toContainer);
}

function toContainer(shape: ContainerShape): ContainerReport {
  return {
    containerId: shape.containerId,
    node: shape.assignedNodeId ?? shape.nodeId ?? null,
    nodeHttpAddress: shape.nodeHttpAddress ?? null,
    logUrl: shape.logUrl ?? null,
    state: shape.containerState ?? null,
    exitStatus: shape.containerState === 'COMPLETE' ? numberOrNull(shape.containerExitStatus) : null,
    diagnostics: shape.diagnosticsInfo ?? '',
    memoryMb: Number(shape.allocatedMB),
    vcores: Number(shape.allocatedVCores),
  };
}

const numberOrNull = (value: number | string | undefined): number | null =>
  value === undefined ? null : Number(value);
