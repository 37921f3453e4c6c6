import { expect } from 'chai';
import { systemClock, type Clock } from '#runtime';
import {
  GUARD_INTERVAL_MS,
  TaskGuard,
  type GuardVerdict,
} from '../../../../../yarn-workers/worker/supervisor/task-guard.ts';

const STUCK_MS = 600_000;
const MIB = 1024 ** 2;

/** A guard on a clock that the test moves. */
function guarded({ remainingMs = null as number | null } = {}) {
  const time = { ms: 0, memoryBytes: 100 * MIB };
  const verdicts: GuardVerdict[] = [];
  let look = (): void => undefined;
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => time.ms,
    every: (_ms, act) => {
      look = act;
      return () => {
        look = () => undefined;
      };
    },
  };
  const guard = new TaskGuard({
    memoryBytesLimit: 1000 * MIB,
    remainingMs,
    stuckMs: STUCK_MS,
    clock,
    memoryBytes: () => time.memoryBytes,
    onVerdict: (verdict) => void verdicts.push(verdict),
  });
  /** Lets time pass, with a look at each interval. */
  const pass = (ms: number): void => {
    for (const end = time.ms + ms; time.ms < end;) {
      time.ms += GUARD_INTERVAL_MS;
      look();
    }
  };
  /** Lets time pass in one step, as for a process that was stopped. */
  const sleep = (ms: number): void => {
    time.ms += ms;
    look();
  };
  return { guard, time, verdicts, pass, sleep };
}

const boosting = (iteration: number) => ({
  fraction: iteration / 500,
  phase: 'boosting',
  message: `fold 2 of 5: iteration ${iteration} of 500`,
  iteration,
});

describe('worker: task guard', () => {
  it('leaves a task alone that gets on, however slowly', () => {
    const { guard, verdicts, pass } = guarded();
    for (let iteration = 0; iteration < 5; iteration += 1) {
      guard.progress(boosting(iteration));
      pass(STUCK_MS - GUARD_INTERVAL_MS);
    }
    guard.moved();
    pass(STUCK_MS - GUARD_INTERVAL_MS);
    expect(verdicts).to.deep.equal([]);
  });

  it('ends one that lives but says the same for ten minutes, charged, and only once', () => {
    const { guard, verdicts, pass } = guarded();
    guard.progress(boosting(120));
    for (let minute = 0; minute < 20; minute += 1) {
      guard.progress(boosting(120));
      guard.alive();
      pass(60_000);
    }
    expect(verdicts).to.have.length(1);
    expect(verdicts[0]?.blame).to.equal('task');
    expect(verdicts[0]?.error.code).to.equal('TIMEOUT');
    expect(verdicts[0]?.error.message).to.equal(
      'the task made no progress for 10.0 minutes, stuck in phase "boosting" at iteration 120 ' +
        '(fold 2 of 5: iteration 120 of 500); its process answers (limit: worker.stuckMs)',
    );
  });

  it('says when the process itself was silent, also before its first step', () => {
    const { verdicts, pass } = guarded();
    pass(STUCK_MS);
    expect(verdicts[0]?.error.message).to.contain(
      'stuck before its first step; its process has not said anything since',
    );
  });

  it('does not count time in which the worker itself was stopped', () => {
    const { guard, verdicts, pass, sleep } = guarded();
    guard.progress(boosting(1));
    sleep(10 * STUCK_MS);
    pass(STUCK_MS / 2);
    expect(verdicts).to.deep.equal([]);
    pass(STUCK_MS / 2);
    expect(verdicts).to.have.length(1);
  });

  it('ends one that needs too much memory: found, limit, where it was, and what to raise', () => {
    const { guard, time, verdicts, pass } = guarded();
    guard.progress(boosting(7));
    time.memoryBytes = 920 * MIB;
    pass(GUARD_INTERVAL_MS);
    expect(verdicts).to.deep.equal([]);
    // The reason is told before the limit: at the limit the whole container is killed without one.
    time.memoryBytes = 921 * MIB;
    pass(GUARD_INTERVAL_MS);
    expect(verdicts[0]?.blame).to.equal('memory');
    expect(verdicts[0]?.error.details).to.deep.equal({ foundBytes: 921 * MIB, limitBytes: 1000 * MIB });
    expect(verdicts[0]?.error.message)
      .to.contain('uses 921 MiB, more than 92 % of its limit of 1000 MiB, reached in phase "boosting" at iteration 7')
      .and.contain('raise worker.memoryBytes');
    expect(guard.memoryBytesMax).to.equal(921 * MIB);
  });

  it('ends one past its deadline and grace', () => {
    const { guard, verdicts, pass } = guarded({ remainingMs: 60_000 });
    guard.setRemaining(10_000);
    pass(12_000);
    expect(verdicts).to.deep.equal([]);
    pass(GUARD_INTERVAL_MS);
    expect(verdicts[0]?.error.code).to.equal('TASK_DEADLINE');
  });
});
