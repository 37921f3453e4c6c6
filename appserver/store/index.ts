export { advanceClock, openDatabase, SIGNAL_NAMES } from './database.ts';
export type { Database, DatabaseOptions, SignalName, Transaction, TransactionOptions } from './database.ts';
export { isUniqueViolation } from './database-errors.ts';
export { insertOrIgnore, insertRows, now, rawRows, readClock } from './dialect.ts';
export type { ClockSource, Dialect, DialectName, Queryable } from './dialect.ts';
export {
  createJob,
  endsWithItsTask,
  finishJob,
  leaveJobOpen,
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
export { dumpedTables, dumpTable, loadTable, type DumpPage } from './dump.ts';
export { migrate, migrateIn, readSchemaVersion, SCHEMA_VERSION } from './migrate.ts';
export type { Migrated, MigrateOptions, Migration } from './migrate.ts';
export { MIGRATIONS } from './migrations/index.ts';
export { beginNewLife, type NewLife } from './new-life.ts';
export { objectReferences, type ObjectReference } from './object-references.ts';
export { attemptFolders, folderOf, referencedFolders, type AttemptFolder } from './folder-references.ts';
export { keepRow, seizeRow } from './row-locks.ts';
export {
  doomFolder,
  doomJobs,
  doomTasks,
  doomRows,
  dueDoomedFolders,
  forgetDoomedFolder,
  postponeDoomedFolder,
} from './doomed-objects.ts';
export { countRemoved, EMPTY_ROUND, readSweep, saveSweep } from './object-sweeps.ts';
export type { ObjectCount, SweepRound, SweepState } from './object-sweeps.ts';
export { deleteOldJobs, dropOldUploads, dropUnusedSeals, type HistoryPosition } from './history.ts';
export { readTables, type ColumnFacts, type TableFacts } from './schema-facts.ts';
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

export * from './actuals.ts';
export * from './api-keys.ts';
export { appendAuditEvent, listAudit, REFUSED_EVENT, trimAuditEvents, type AuditRecord } from './audit.ts';
export * from './autopilot-runs.ts';
export * from './batch-predictions.ts';
export * from './dataset-versions.ts';
export * from './datasets.ts';
export * from './challengers.ts';
export * from './deployments.ts';
export * from './feature-lists.ts';
export * from './idempotency.ts';
export * from './inconsistencies.ts';
export * from './insights.ts';
export * from './installation.ts';
export * from './models.ts';
export * from './projects.ts';
export * from './sessions.ts';
export * from './users.ts';
export { earlierClaim, forgetRequest, requestKey, type Claim } from './claim-attempts.ts';
export { claimTasks, type ClaimOptions, type ClaimRequest } from './claims.ts';
export { decideFailure, type FailureDecision, type FailureHistory, type RetryPolicy } from './failure-policy.ts';
export { abdicate, lead, stillLeads, tickDuty, type Leadership } from './leaders.ts';
export {
  beatTask,
  checkpointTask,
  expiredLeases,
  extendLeases,
  findLease,
  postponeLease,
  resumeTask,
  startTask,
} from './leases.ts';
export { GIVE_WAY_AFTER_MS, wayToGive } from './give-way.ts';
export type { Beat, BeatOutcome, LeaseIdentity } from './leases.ts';
export { appendEvent, readEvents, trimOutbox, type OutboxEvent } from './outbox.ts';
export { countRefusals, OTHER_SUBJECTS, REFUSAL_SUBJECTS_MAX, trimRefusals, type Refusal } from './refusals.ts';
export { finishCancelledJob, settleJob } from './settle.ts';
export { LOG_LINES_MAX, readTaskLog, trimTaskLogs, type TaskLogLine } from './task-log.ts';
export { hashToken, isToken, newToken } from './tokens.ts';
export type { AttemptEnding, Holder, Transition } from './attempt-ends.ts';
export { cancelHeldTask, cancelTask, endBereft, giveUpOverdue, overdueTasks } from './endings.ts';
export { endParts } from './fit-parts.ts';
export { meetRanks, type RankMeeting } from './group-ranks.ts';
export {
  checkpointOfGroup,
  createGroup,
  dissolveGroup,
  dissolveOverdueGroup,
  getGroup,
  GROUP_SIZE_MAX,
  overdueGroups,
  type NewMember,
  type TaskGroup,
} from './groups.ts';
export { openTasksOfJob, resultsOfJob } from './job-results.ts';
export { getSeal, sealTask, type Seal } from './seals.ts';
export { commitTask, expireTask, failTask, giveWayTask, type Failure } from './transitions.ts';
export { dueWakeUps, setWakeUp, takeWakeUp, type WakeUp } from './wake-ups.ts';
export {
  countLiveWorkers,
  drainWorker,
  forgetWorkers,
  getWorker,
  identifyWorker,
  keepWorker,
  listWorkers,
  registerWorker,
  touchWorker,
  SEEN_STEP_MS,
  type NewWorker,
  type Worker,
  type WorkerIdentity,
} from './workers.ts';
export { containerMbFor, mostWantedBytes, workerBytesIn } from './worker-memory.ts';
export { DEFAULT_POOL } from './pool-names.ts';
export { addPoolSecret, listPools, setPoolArchive, verifyPoolSecret, type Pool } from './pools.ts';
export * from './task-counts.ts';
export { demandByPool, type PoolDemand } from './pool-demand.ts';
export {
  endApplication,
  finishApplication,
  getApplication,
  liveApplications,
  lockApplication,
  markSubmitted,
  newestApplications,
  noteSync,
  reserveApplication,
  setLifetimeUntil,
  setWantedCount,
  trimApplications,
  type ApplicationFinish,
  type ApplicationNews,
  type YarnApplication,
  type YarnApplicationState,
} from './yarn-applications.ts';
export {
  askRelease,
  drainContainers,
  getContainer,
  liveContainers,
  openTasksOfContainer,
  recordEnds,
  recordHeld,
  runningContainers,
  type ContainerTask,
  type YarnContainer,
} from './yarn-containers.ts';
export { blameNode, excludedNodes, leavingNodes, noteNodes, type ExclusionPolicy } from './yarn-nodes.ts';
export {
  ensureYarnPool,
  isPutOff,
  listYarnPools,
  noteIdle,
  putOffPool,
  setWaitReason,
  trustPool,
  yarnPoolName,
  type YarnPool,
} from './yarn-pools.ts';
export { MONITORING_MIGRATIONS } from './monitoring/migrations.ts';
export { addPairs, PAIRS_MAX, readPairs, type PairKey, type PredictionPair } from './monitoring/pairs.ts';
export {
  countRefusal,
  isHeard,
  lockEpoch,
  saveEpoch,
  telemetryTotals,
  type EpochNews,
  type EpochNumbers,
  type NumberRange,
  type TelemetryTotals,
} from './monitoring/epochs.ts';
export {
  addToHour,
  countedEvents,
  readBaseline,
  readFeatureHours,
  readHours,
  readPredictionHours,
  saveBaseline,
  type FeatureCounts,
  type FeatureHour,
  type HourCounts,
  type HourKey,
  type HourRange,
  type PredictionHour,
  type StateMerger,
} from './monitoring/hours.ts';
export {
  associationKey,
  findPredictions,
  predictedKeys,
  readAssociations,
  saveAssociations,
  type AssociatedPrediction,
  type Association,
  type FeatureLevel,
  type KeyedPrediction,
} from './monitoring/associations.ts';
export {
  addServiceCounters,
  addToServiceHour,
  anyServiceSince,
  NO_SERVICE,
  readServiceHours,
  takeStatement,
  type Service,
  type ServiceHour,
} from './monitoring/service.ts';
export {
  addWaitingSegment,
  archivedBefore,
  archivedEvents,
  fillBatch,
  finishBatch,
  forgetArchived,
  openBatches,
  readBatch,
  waitingTotals,
  type ArchivedFile,
  type WaitingSegmentRow,
  type WaitingTotals,
} from './monitoring/archive.ts';
export {
  addToSegments,
  readSegmentHours,
  segmentedFeatures,
  type SegmentCounts,
  type SegmentHour,
} from './monitoring/segments.ts';
export { forgetBefore, forgetDeployment, monitoredDeployments } from './monitoring/retention.ts';
export {
  alertsSince,
  findAlert,
  forgetAlerts,
  insertAlert,
  insertLook,
  listAlerts,
  readAlertWatch,
  readLooks,
  saveAlertWatch,
  updateAlert,
  type AlertLook,
  type AlertRecord,
  type AlertSettings,
  type AlertWatch,
  type StoredChannel,
} from './alerts.ts';
export {
  dueMessages,
  insertMessages,
  messageTotals,
  noteDelivered,
  noteUndelivered,
  type DueMessage,
  type MessageTotals,
} from './alert-messages.ts';
