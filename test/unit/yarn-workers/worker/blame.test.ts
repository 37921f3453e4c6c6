import { expect } from 'chai';
import { AppError } from '#contracts';
import { blameOf, explainDeath } from '../../../../yarn-workers/worker/blame.ts';

const GIB = 1024 ** 3;
const death = (facts: Partial<Parameters<typeof explainDeath>[0]>) =>
  explainDeath({
    exitCode: null,
    signal: null,
    stderrTail: '',
    memoryBytesMax: GIB / 4,
    memoryBytesLimit: GIB,
    ...facts,
  });

describe('worker: blame', () => {
  it('by signal: faults are charged, a kill from outside is not, unless memory explains it', () => {
    expect(death({ signal: 'SIGSEGV' })).to.deep.include({ blame: 'task' });
    expect(death({ signal: 'SIGABRT' })).to.deep.include({ blame: 'task' });
    expect(death({ exitCode: 1 })).to.deep.include({ blame: 'task' });
    expect(death({ signal: 'SIGINT' })).to.deep.include({ blame: 'unknown' });
    expect(death({ signal: 'SIGTERM' })).to.deep.include({ blame: 'unknown' });
    expect(death({ signal: 'SIGKILL' })).to.deep.include({ blame: 'unknown' });
    const killed = death({ signal: 'SIGKILL', memoryBytesMax: 0.95 * GIB });
    expect(killed).to.deep.include({ blame: 'memory' });
    expect(killed.error.code).to.equal('TASK_MEMORY');
    expect(killed.error.details).to.deep.equal({ foundBytes: 0.95 * GIB, limitBytes: GIB });
  });

  it('an exhausted JavaScript heap is a lack of memory', () => {
    const { error, blame } = death({
      signal: 'SIGABRT',
      stderrTail: 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    });
    expect([error.code, blame]).to.deep.equal(['TASK_MEMORY', 'memory']);
  });

  it('a rank that ended because its group broke is not charged, and tells the reason', () => {
    const stderrTail = 'something\nGROUP_BROKEN: rank 0 of 2: rank 1 is lost\n';
    const { error, blame } = death({ exitCode: 75, stderrTail });
    expect([error.code, error.message, blame]).to.deep.equal(['GROUP_BROKEN', 'rank 0 of 2: rank 1 is lost', 'worker']);
    expect(death({ exitCode: 75 }), 'without its word').to.deep.include({ blame: 'task' });
    expect(blameOf(new AppError('GROUP_BROKEN', 'x'))).to.equal('worker');
  });

  it('by error: what stays the same is the user’s, surroundings the worker’s, the rest the task’s', () => {
    const of = (code: ConstructorParameters<typeof AppError>[0]) => blameOf(new AppError(code, 'x'));
    expect(of('DATASET_EMPTY')).to.equal('user');
    expect(of('SOURCE_NOT_ALLOWED')).to.equal('user');
    expect(of('CELL_UNREADABLE')).to.equal('user');
    expect(of('TASK_DEADLINE')).to.equal('user');
    expect(of('STORE_UNAVAILABLE')).to.equal('worker');
    expect(of('NATIVE_LIBRARY')).to.equal('worker');
    expect(of('HDFS_TOKEN_INVALID')).to.equal('worker');
    expect(of('TASK_MEMORY')).to.equal('memory');
    expect(of('SOURCE_UNAVAILABLE')).to.equal('task');
    expect(of('DISK_FULL')).to.equal('task');
    expect(of('INTERNAL')).to.equal('task');
    expect(blameOf(new TypeError('x'))).to.equal('task');
  });
});
