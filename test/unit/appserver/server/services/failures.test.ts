import { expect } from 'chai';
import { AppError, FAILURE_REASON_MAX, RUN_FAILURES_MAX, toProblem, type PlannedTask } from '#contracts';
import type { ModelRecord } from '#store';
import { failureReason, failuresOf } from '../../../../../appserver/server/services/failures.ts';

const planned: PlannedTask = {
  ...{ key: 'search-1-linear', role: 'search', blueprintId: 'linear', parameters: {} },
  ...{ refitOf: null, iterations: null, deadlineMs: 4_000 },
};
const RUNNING = { startedAt: 1_000, finishedAt: null, pausedMs: 500 };
const problemOf = (code: 'TARGET_HAS_MISSING' | 'INTERNAL', message: string) =>
  toProblem(new AppError(code, message), null, true);
type Ended = Parameters<typeof failureReason>[1];
const cancelled = (finishedAt: number, deadlineMs: number | null = 4_000): Ended => ({
  ...{ state: 'cancelled', error: null, finishedAt },
  planned: { ...planned, deadlineMs },
});

describe('failures of a run', () => {
  it('have the message of the error, whose inside is for operators', () => {
    const failed = { state: 'failed', planned, finishedAt: 2_000 } as const;
    const of = (code: 'TARGET_HAS_MISSING' | 'INTERNAL', message: string) =>
      failureReason(RUNNING, { ...failed, error: problemOf(code, message) });
    expect(of('TARGET_HAS_MISSING', 'no label in row 3')).to.equal('no label in row 3');
    expect(of('INTERNAL', 'a secret invariant')).to.be.a('string').and.not.include('secret');
    const long = of('TARGET_HAS_MISSING', 'x'.repeat(5_000)) ?? '';
    expect([long.length, long.at(-1)]).to.deep.equal([FAILURE_REASON_MAX, '…']);
  });

  it('are told from the times of the run where a task was cancelled', () => {
    // Elapsed time 4 s is 5,500 by the clock of the database: the run was paused for half a second.
    expect(failureReason(RUNNING, cancelled(5_500))).to.equal(
      'It had no result by its deadline, 4 s after the run began.',
    );
    expect(failureReason(RUNNING, cancelled(5_499))).to.equal('It was cancelled.');
    const over = { ...RUNNING, finishedAt: 5_000 };
    expect(failureReason(over, cancelled(9_000)), 'its holder heard of it late').to.equal(
      'The run ended before it did.',
    );
    expect(failureReason(over, cancelled(5_000, null))).to.equal('The run ended before it did.');
  });

  it('are of what has ended without a model, the first hundred', () => {
    const model = (state: ModelRecord['state'], place: number): ModelRecord =>
      ({ id: `model_${place}`, name: `Linear ${place}`, ...cancelled(9_000), state }) as ModelRecord; // what is read of it
    const models = (['ready', 'training', 'cancelled', 'failed'] as const).map(model);
    expect(failuresOf(RUNNING, models).map(({ modelId, state }) => [modelId, state])).to.deep.equal([
      ['model_2', 'cancelled'],
      ['model_3', 'failed'],
    ]);
    const many = Array.from({ length: RUN_FAILURES_MAX + 1 }, (_, place) => model('cancelled', place));
    expect(failuresOf(RUNNING, many).at(-1)?.name).to.equal(`Linear ${RUN_FAILURES_MAX - 1}`);
  });
});
