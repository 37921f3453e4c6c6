import { expect } from 'chai';
import {
  LOG_LINES_PER_BEAT_MAX,
  LOG_LINES_WAITING_MAX,
  LogBuffer,
} from '../../../../../yarn-workers/worker/supervisor/log-buffer.ts';

const fill = (log: LogBuffer, from: number, to: number) => {
  for (let index = from; index < to; index += 1) log.push(`line ${index}`);
};

describe('worker: log buffer', () => {
  it('gives lines again until they are acknowledged, and each once after that', () => {
    const log = new LogBuffer();
    fill(log, 0, 3);
    expect(log.take().lines).to.deep.equal(['line 0', 'line 1', 'line 2']);
    const taken = log.take();
    fill(log, 3, 4);
    taken.acknowledge();
    expect(log.take().lines).to.deep.equal(['line 3']);
  });

  it('says how many lines were dropped, once', () => {
    const log = new LogBuffer();
    fill(log, 0, LOG_LINES_WAITING_MAX + 5);
    const { lines, acknowledge } = log.take();
    expect(lines).to.have.length(LOG_LINES_PER_BEAT_MAX);
    expect(lines.slice(0, 2)).to.deep.equal(['(5 lines dropped)', 'line 5']);
    acknowledge();
    expect(log.take().lines[0]).to.equal(`line ${5 + LOG_LINES_PER_BEAT_MAX - 1}`);
  });

  it('does not count lines as dropped that a beat under way has taken along', () => {
    const log = new LogBuffer();
    fill(log, 0, LOG_LINES_WAITING_MAX);
    const { lines, acknowledge } = log.take();
    fill(log, LOG_LINES_WAITING_MAX, LOG_LINES_WAITING_MAX + 10);
    acknowledge();
    expect(lines[0]).to.equal('line 0');
    expect(log.take().lines[0]).to.equal(`line ${LOG_LINES_PER_BEAT_MAX}`);
  });

  it('numbers lines by their place among all, whatever was told or dropped', () => {
    const log = new LogBuffer();
    fill(log, 0, 3);
    const first = log.take();
    expect(first.from).to.equal(0);
    fill(log, 3, 5);
    expect(log.take(), 'its answer is lost').to.include({ from: 0 });
    first.acknowledge();
    expect(log.take()).to.deep.include({ from: 3, lines: ['line 3', 'line 4'] });
    fill(log, 5, LOG_LINES_WAITING_MAX + 13);
    const { from, lines, acknowledge } = log.take();
    expect(lines.slice(0, 2)).to.deep.equal(['(10 lines dropped)', 'line 13']);
    expect(from).to.equal(12);
    acknowledge();
    const next = log.take();
    expect(next.lines[0]).to.equal(`line ${next.from}`);
  });

  it('cuts long lines', () => {
    const log = new LogBuffer();
    log.push('x'.repeat(5_000));
    expect(log.take().lines[0]).to.have.length(2_000);
  });
});
