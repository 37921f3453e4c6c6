import type { Problem } from '#contracts';
import type { ModelCheck } from './check.ts';
import type { ModelQuestion } from './questions.ts';

/** What was read for the thread, or why it could not be. */
export type ReadAnswer =
  { readonly type: 'bytes'; readonly bytes: Uint8Array } | { readonly type: 'unreadable'; readonly problem: Problem };

/** What the thread does: a check, or the answer to a question. */
export type ThreadWork =
  | { readonly type: 'check'; readonly check: ModelCheck }
  | { readonly type: 'question'; readonly question: ModelQuestion };

/** To the thread: one piece of work at a time; meanwhile one answer to each of its questions. */
export type ToThread = ThreadWork | ReadAnswer;

/** From the thread: one question at a time, and how the work ended; `result` is the hash that a check gives, or JSON text of an answer. */
export type FromThread =
  | { readonly type: 'read'; readonly path: string; readonly maxBytes: number }
  | { readonly type: 'read-range'; readonly path: string; readonly start: number; readonly end: number }
  | { readonly type: 'done'; readonly result: string }
  | { readonly type: 'failed'; readonly problem: Problem };
