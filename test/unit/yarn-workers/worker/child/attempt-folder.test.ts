import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { toAppError } from '#contracts';
import { FileObjectStore } from '#object-store';
import { AttemptFolder } from '../../../../../yarn-workers/worker/child/attempt-folder.ts';

describe('worker: attempt folder', () => {
  let root = '';
  let attempt: AttemptFolder;
  beforeEach(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'trainyard-attempt-'));
    attempt = new AttemptFolder(new FileObjectStore(root), 'models/t1/1-x');
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const code = (promise: Promise<unknown>) =>
    promise.then(
      () => 'verified',
      (err: unknown) => toAppError(err).code,
    );

  it('remembers what was written, in order, with size and hash, and verifies it', async () => {
    await attempt.write('blob', Buffer.from('abc'));
    writeFileSync(path.join(root, 'local'), 'x');
    await attempt.adopt('rows.csv', path.join(root, 'local'));
    expect(attempt.files).to.deep.equal([
      { name: 'blob', sizeBytes: 3, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
      { name: 'rows.csv', sizeBytes: 1, sha256: '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881' },
    ]);
    expect(await code(attempt.verify())).to.equal('verified');
  });

  for (const [what, text] of [
    ['another byte', 'abd'],
    ['fewer bytes', 'ab'],
    ['more bytes', 'abcd'],
  ] as const) {
    it(`a stored file with ${what} does not verify`, async () => {
      await attempt.write('blob', Buffer.from('abc'));
      writeFileSync(path.join(root, 'models/t1/1-x/blob'), text);
      expect(await code(attempt.verify())).to.equal('RESULT_MISMATCH');
    });
  }

  it('never writes a name twice', async () => {
    await attempt.write('blob', Buffer.from('abc'));
    expect(await code(attempt.write('blob', Buffer.from('abc')))).to.equal('STORE_OBJECT_EXISTS');
  });
});
