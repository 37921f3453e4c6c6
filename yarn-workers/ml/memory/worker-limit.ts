import { MEMORY_SHARE_MAX } from '#contracts';
import { MIB } from './limits.ts';

/** What the worker itself holds beside the task's process. */
const SUPERVISOR_BYTES = 80 * MIB;

/** Limit of the worker that a task is to have whose process takes so many bytes. */
export const workerLimitFor = (peakBytes: number): number =>
  Math.ceil((peakBytes + SUPERVISOR_BYTES) / MEMORY_SHARE_MAX);
