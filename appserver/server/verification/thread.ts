import { parentPort } from 'node:worker_threads';
import { AppError, fromProblem, toProblem } from '#contracts';
import { runCheck, type ModelCheck, type ReadableStore } from './check.ts';
import type { FromThread, ReadAnswer, ToThread } from './messages.ts';

// The program of the thread that a `Verifier` starts. Files come from its parent, which alone has the store.

const port = parentPort;
if (port === null) throw new AppError('INTERNAL', 'verification: this program runs in a thread of the app server');

const tell = (message: FromThread): void => port.postMessage(message);

const store: ReadableStore = {
  async readAll(path, { maxBytes }) {
    tell({ type: 'read', path, maxBytes });
    const answer = await new Promise<ReadAnswer>((resolve) => port.once('message', resolve));
    if (answer.type === 'unreadable') throw fromProblem(answer.problem);
    return answer.bytes;
  },
};

async function answer(check: ModelCheck): Promise<void> {
  try {
    tell({ type: 'verified', manifestSha256: await runCheck(check, store) });
  } catch (err) {
    tell({ type: 'failed', problem: toProblem(err, null, true) });
  }
}

port.on('message', (message: ToThread) => {
  if (message.type === 'check') void answer(message.check);
});
