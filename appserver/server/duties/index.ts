export { createDuty, LEADER_LEASE_MS, startDuties } from './duty.ts';
export type { Duty, DutyContext, DutyRunner, DutyRunnerOptions } from './duty.ts';
export { reaperDuty } from './reaper.ts';
export { reconcilerDuty, type ReconcilerOptions } from './reconciler.ts';
export { schedulerDuty, SCHEDULER_INTERVAL_MS, type SchedulerOptions, type WakeUpHandler } from './scheduler.ts';
export { sweeperDuty } from './sweeper.ts';
