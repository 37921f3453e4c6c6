import { parentPort } from 'node:worker_threads';
import { AppError, fromProblem, toProblem } from '#contracts';
import { createCollector } from '#runtime';
import type { ReadableStore } from './check.ts';
import type { FromThread, ReadAnswer, ThreadWork, ToThread } from './messages.ts';
import { runWork } from './work.ts';

// The program of the thread that a `Verifier` starts. Files come from its parent, which alone has the store.

const port = parentPort;
if (port === null) throw new AppError('INTERNAL', 'verification: this program runs in a thread of the app server');

const collector = createCollector();

const tell = (message: FromThread): void => port.postMessage(message);

const ask = async (question: FromThread): Promise<Uint8Array> => {
  collector.look();
  tell(question);
  const answer = await new Promise<ReadAnswer>((resolve) => port.once('message', resolve));
  if (answer.type === 'unreadable') throw fromProblem(answer.problem);
  return answer.bytes;
};

/** Bytes of a file that are asked for at a time, where its end is not known. */
const RANGE_BYTES = 1024 * 1024;

const store: ReadableStore = {
  readAll: (path, { maxBytes }) => ask({ type: 'read', path, maxBytes }),
  async *read(path, { start = 0, end = Infinity } = {}) {
    for (let at = start; at < end;) {
      const until = Number.isFinite(end) ? end : at + RANGE_BYTES;
      const bytes = await ask({ type: 'read-range', path, start: at, end: until });
      yield bytes;
      if (bytes.length < until - at) break;
      at = until;
    }
  },
};

async function answer(work: ThreadWork): Promise<void> {
  try {
    tell({ type: 'done', result: await runWork(work, store) });
  } catch (err) {
    tell({ type: 'failed', problem: toProblem(err, null, true) });
  }
  collector.look();
}

port.on('message', (message: ToThread) => {
  if (message.type === 'check' || message.type === 'question') void answer(message);
});
