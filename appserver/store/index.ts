export { advanceClock, openDatabase, SIGNAL_NAMES } from './database.ts';
export type { Database, DatabaseOptions, SignalName, Transaction } from './database.ts';
export { isUniqueViolation } from './database-errors.ts';
export { insertOrIgnore, insertRows, now, rawRows, readClock } from './dialect.ts';
export type { ClockSource, Dialect, DialectName, Queryable } from './dialect.ts';
export {
  createJob,
  endsWithItsTask,
  finishJob,
  getJob,
  isFinalJobState,
  listJobs,
  lockJob,
  markJobCancelAsked,
  setJobResource,
  startJob,
  updateJobProgress,
} from './jobs.ts';
export type { JobEnding, JobFilter, NewJob, StoredJob } from './jobs.ts';
export { decodeCursor, encodeCursor, pageByCreation, type Page, type PageOptions } from './cursor.ts';
export { migrate, SCHEMA_VERSION, type Migration } from './migrate.ts';
export { problemOf, problemText } from './problems.ts';
export {
  createTask,
  getTask,
  HELD_STATES,
  holdTasks,
  isFinalTaskState,
  isHeld,
  listQueue,
  lockTask,
  releaseTasks,
  setTaskPriority,
  shiftDeadlines,
  tasksOfJob,
} from './tasks.ts';
export type { NewTask, Task } from './tasks.ts';

export * from './api-keys.ts';
export * from './autopilot-runs.ts';
export * from './batch-predictions.ts';
export * from './datasets.ts';
export * from './deployments.ts';
export * from './idempotency.ts';
export * from './models.ts';
export * from './projects.ts';
export * from './sessions.ts';
export * from './users.ts';
export { claimTask, countClaimable, forgetRequest, getAttempt, type Claim, type ClaimRequest } from './claims.ts';
export { decideFailure, type FailureDecision, type FailureHistory, type RetryPolicy } from './failure-policy.ts';
export { abdicate, lead, stillLeads, tickDuty, type Leadership } from './leaders.ts';
export { beatTask, expiredLeases, extendLeases, postponeLease, resumeTask, startTask } from './leases.ts';
export type { Beat, BeatOutcome, ExpiredLease } from './leases.ts';
export { appendEvent, readEvents, trimOutbox, type OutboxEvent } from './outbox.ts';
export { finishCancelledJob, settleJob } from './settle.ts';
export { appendTaskLog, LOG_LINES_MAX, readTaskLog, type TaskLogLine } from './task-log.ts';
export { hashToken, isToken, newToken } from './tokens.ts';
export {
  cancelHeldTask,
  cancelTask,
  commitTask,
  dropUnusedSeals,
  expireTask,
  failTask,
  getSeal,
  giveUpOverdue,
  overdueTasks,
  sealTask,
} from './transitions.ts';
export type { AttemptEnding, Failure, Holder, Seal, Transition } from './transitions.ts';
export { dueWakeUps, setWakeUp, takeWakeUp, type WakeUp } from './wake-ups.ts';
export {
  countLiveWorkers,
  forgetWorkers,
  identifyWorker,
  listWorkers,
  registerWorker,
  setWorkerDraining,
  touchWorker,
  SEEN_STEP_MS,
  type NewWorker,
  type Worker,
} from './workers.ts';
export * from './task-counts.ts';
