import type { Problem } from '#contracts';
import type { ModelCheck } from './check.ts';

/** What was read for the thread, or why it could not be. */
export type ReadAnswer =
  { readonly type: 'bytes'; readonly bytes: Uint8Array } | { readonly type: 'unreadable'; readonly problem: Problem };

/** To the thread: one check at a time; meanwhile one answer to each of its questions. */
export type ToThread = { readonly type: 'check'; readonly check: ModelCheck } | ReadAnswer;

/** From the thread: one question at a time, and how the check ended. */
export type FromThread =
  | { readonly type: 'read'; readonly path: string; readonly maxBytes: number }
  | { readonly type: 'verified'; readonly manifestSha256: string }
  | { readonly type: 'failed'; readonly problem: Problem };
