export {
  APPLICATION_STATES,
  hasEnded,
  type ApplicationReport,
  type ApplicationSighting,
  type ApplicationState,
  type FinalStatus,
} from './application.ts';
export type { ApplicationAttempt, ContainerReport } from './attempts.ts';
export { refusalIn, requireSize, ResourceManagerClient, type RmDelegationToken } from './client.ts';
export {
  judgeContainerEnd,
  NODE_VERDICTS,
  type ContainerEnd,
  type ContainerVerdict,
  type NodeVerdict,
} from './container-exit.ts';
export { JarSubmitter, type JarSubmitterOptions } from './jar-submitter.ts';
export { lifetimeText, parseLifetime } from './lifetime.ts';
export type { NodeReport } from './nodes.ts';
export { findQueue, leafQueues, type ContainerAmount, type QueueState, type QueueUser } from './queues.ts';
export { ResourceManagers, type ResourceManagersOptions, type YarnAnswer, type YarnCall } from './resource-managers.ts';
export { submissionBody, type Submission } from './submission.ts';
export type { NewApplication, Submitter } from './submitter.ts';
export type { YarnHttp } from './transport.ts';
export {
  explainWait,
  memoryText,
  WAIT_KINDS,
  type Ask,
  type FreeSpace,
  type WaitKind,
  type WaitReason,
} from './wait-reason.ts';
