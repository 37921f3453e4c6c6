import { expect } from 'chai';
import { AppError, isAppError } from '#contracts';
import { storeError } from '#object-store';

const systemError = (code: string): Error => Object.assign(new Error('as the system says it'), { code });

describe('storeError', () => {
  it('names a full disk and an exhausted quota, with the folder', () => {
    for (const code of ['ENOSPC', 'EDQUOT']) {
      const err = storeError(systemError(code), 'Writing object a', '/data');
      expect(isAppError(err, 'DISK_FULL')).to.be.true;
      expect(String(err)).to.contain('/data');
    }
  });

  it('makes other failures of the medium STORE_UNAVAILABLE and keeps the cause', () => {
    const cause = systemError('EIO');
    const err = storeError(cause, 'Reading object a', '/data');
    expect(isAppError(err, 'STORE_UNAVAILABLE')).to.be.true;
    expect(err).to.have.property('cause', cause);
  });

  it('leaves what is no failure of the medium as it is', () => {
    const others = [new AppError('STORE_OBJECT_MISSING', 'a'), new Error('source broke'), 'text'];
    for (const other of others) expect(storeError(other, 'x', '/')).to.equal(other);
    const abort = systemError('ERR_ABORTED');
    expect(storeError(abort, 'x', '/')).to.equal(abort);
  });
});
