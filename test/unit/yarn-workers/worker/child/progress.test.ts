import { expect } from 'chai';
import { ChannelReporter, PROGRESS_INTERVAL_MS } from '../../../../../yarn-workers/worker/child/progress.ts';
import {
  parseFromChild,
  prepareSchemas,
  type MessageFromChild,
} from '../../../../../yarn-workers/worker/ipc/messages.ts';

const idle = { look: () => undefined };

describe('worker: progress of a task', () => {
  before(() => prepareSchemas('fromChild'));

  it('sends the first and the last at once, and few between, also while the event loop is held', () => {
    const sent: MessageFromChild[] = [];
    const reporter = new ChannelReporter('r', (message) => void sent.push(parseFromChild(message)), idle);
    const until = performance.now() + 2.2 * PROGRESS_INTERVAL_MS;
    let count = 0;
    while (performance.now() < until)
      reporter.progress({ fraction: (count += 1) / 1e9, phase: 'boosting', message: '', iteration: count });
    expect(sent.length).to.be.within(2, 3);
    reporter.close();
    const last = sent.at(-1);
    expect(last?.type === 'progress' ? last.progress.iteration : null).to.equal(count);
  });

  it('collects as often as it is asked to, but lets messages out only after a while', async () => {
    let looks = 0;
    const reporter = new ChannelReporter('r', () => undefined, { look: () => void (looks += 1) });
    await reporter.breathe();
    expect(looks).to.equal(0);
    reporter.collect();
    reporter.collect();
    reporter.close();
    expect(looks).to.equal(2);
  });

  it('cuts what is too long and what is no fraction', () => {
    const sent: MessageFromChild[] = [];
    const reporter = new ChannelReporter('r', (message) => void sent.push(parseFromChild(message)), idle);
    reporter.progress({ fraction: NaN, phase: 'x'.repeat(300), message: 'y'.repeat(3_000) });
    reporter.log(Array.from({ length: 450 }, (_, index) => String(index)).join('\n') + 'z'.repeat(9_000));
    reporter.close();
    expect(sent.map(({ type }) => type)).to.deep.equal(['progress', 'log', 'log', 'log']);
  });
});
