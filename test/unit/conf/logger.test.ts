import { expect } from 'chai';
import { AppError } from '#contracts';
import { createLogger } from '#runtime';

describe('logger', () => {
  const lines: string[] = [];
  const logger = createLogger({
    program: 'test',
    level: 'info',
    fields: { workerId: 'w1' },
    write: (line) => void lines.push(line),
  });
  beforeEach(() => void lines.splice(0));

  it('writes one JSON line with the fields of logger, child and event', () => {
    logger.child({ taskId: 't1' }).warn('lease_lost', 'the lease is lost', { fence: 3 });
    expect(lines.length).to.equal(1);
    const event = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(event).to.include({
      level: 'warn',
      program: 'test',
      event: 'lease_lost',
      workerId: 'w1',
      taskId: 't1',
      fence: 3,
    });
    expect(event['time']).to.match(/Z$/);
  });

  it('leaves out what is below its level', () => {
    logger.debug('detail', 'not shown');
    expect(lines).to.deep.equal([]);
  });

  it('hides secrets whatever the field is called', () => {
    logger.info('x', 'x', {
      leaseToken: 'canary',
      poolSecret: 'canary',
      nested: { Authorization: 'Bearer canary', apiKey: 'canary' },
    });
    expect(lines[0]).to.not.contain('canary');
  });

  it('writes an error with its whole chain of causes and the innermost stack', () => {
    const inner = new Error('disk gone');
    logger.error('failed', 'failed', { err: new AppError('STORE_UNAVAILABLE', 'write models/1', { cause: inner }) });
    const { err } = JSON.parse(lines[0] ?? '') as { err: { message: string; code?: string; stack?: string }[] };
    expect(err.map(({ message, code }) => [message, code])).to.deep.equal([
      ['write models/1', 'STORE_UNAVAILABLE'],
      ['disk gone', undefined],
    ]);
    expect(err[1]?.stack).to.contain('disk gone');
  });
});
