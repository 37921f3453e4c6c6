import { runCheck, type ReadableStore } from './check.ts';
import type { ThreadWork } from './messages.ts';
import { answerQuestion } from './questions.ts';

/** Does it in the thread that calls: the hash that a check gives, or JSON text of an answer. @throws see `runCheck`, `answerQuestion` */
export async function runWork(work: ThreadWork, store: ReadableStore): Promise<string> {
  return work.type === 'check'
    ? runCheck(work.check, store)
    : JSON.stringify(await answerQuestion(work.question, store));
}
