export { sharedAccess, type AttemptAccess } from './attempt-access.ts';
export { HELD_CLAIMS_MAX } from './claim-desk.ts';
export type { OutcomeOf, SealedAttempt, TaskFollowUp } from './follow-up.ts';
export type { VerifiedResult } from './follow-ups.ts';
export { readPoolSecret } from './pool-secret.ts';
export { queueRoutes } from './routes.ts';
export { TaskQueue, type TaskQueueOptions } from './task-queue.ts';
export { verifyFiles } from './verify-files.ts';
export { WorkerProtocol, type WorkerProtocolOptions } from './worker-protocol.ts';
