import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { CONTROL_BYTES, openControl } from '../../../../../yarn-workers/worker/collectives/control.ts';

const CONTROL = import.meta.resolve('../../../../../yarn-workers/worker/collectives/control.ts');

const threads: Worker[] = [];

/** Runs code in another thread, with the same memory; `control` and its raw `words` are there. */
async function beside(memory: SharedArrayBuffer, block: SharedArrayBuffer, code: string): Promise<void> {
  const program = `
    const { workerData } = require('node:worker_threads');
    const words = new Int32Array(workerData.memory, 0, 3);
    const block = new Int32Array(workerData.block);
    /** Wakes the other thread as if an operation were finished; it must be asleep. */
    const wake = () => { while (Atomics.notify(words, 0) === 0); };
    import(${JSON.stringify(CONTROL)}).then(({ openControl }) => {
      const control = openControl(workerData.memory);
      require('node:worker_threads').parentPort.postMessage('ready');
      ${code}
    });`;
  const thread = new Worker(program, { eval: true, workerData: { memory, block } });
  threads.push(thread);
  await once(thread, 'message');
}

describe('control of a mesh', () => {
  afterEach(() => Promise.all(threads.splice(0).map((thread) => thread.terminate())));
  const memory = () => new SharedArrayBuffer(CONTROL_BYTES);

  it('is not woken into operation n + 1 by the late notice of operation n', async () => {
    const shared = memory();
    const block = new SharedArrayBuffer(4);
    const control = openControl(shared);
    control.finish(1);
    // The number of operation 1 has been seen long ago; its notice comes now, some times over, and then operation 2.
    const code = 'for (let late = 0; late < 5; late += 1) wake(); block[0] = 42; control.finish(2);';
    await beside(shared, block, code);
    expect(control.awaitOperation(2, 10_000)).to.equal('finished');
    expect(new Int32Array(block)[0], 'what operation 2 brings').to.equal(42);
  });

  it('takes no operation for another one', () => {
    const control = openControl(memory());
    control.finish(6);
    expect(control.awaitOperation(6, 0)).to.equal('finished');
    expect(control.awaitOperation(7, 5)).to.equal('late');
  });

  it('wakes what waits when the group breaks, with the first reason, and stays so', async () => {
    const shared = memory();
    const control = openControl(shared);
    expect(control.reason).to.equal(null);
    const code = `control.break('rank 1 é'); control.break('another'); control.finish(1);`;
    await beside(shared, new SharedArrayBuffer(4), code);
    expect(control.awaitOperation(1, 10_000)).to.equal('broken');
    expect(control.awaitOperation(1, 0)).to.equal('broken');
    expect(control.reason).to.equal('rank 1 é');
  });

  it('cuts a reason that is too long', () => {
    const control = openControl(memory());
    control.break('x'.repeat(5_000));
    expect(control.reason).to.equal('x'.repeat(1_024));
  });

  it('waits until the others were told', async () => {
    const shared = memory();
    const block = new SharedArrayBuffer(4);
    await beside(shared, block, 'block[0] = 1; control.told();');
    openControl(shared).awaitTold(10_000);
    expect(new Int32Array(block)[0]).to.equal(1);
  });
});
