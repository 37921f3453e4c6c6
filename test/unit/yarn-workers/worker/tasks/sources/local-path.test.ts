import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { toAppError } from '#contracts';
import { allowedFile } from '../../../../../../yarn-workers/worker/tasks/sources/local-path.ts';

describe('worker: files of allowed folders', () => {
  let folder = '';
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'trainyard-path-')));
    mkdirSync(path.join(folder, 'open'));
    mkdirSync(path.join(folder, 'open-not'));
    writeFileSync(path.join(folder, 'open/a.csv'), 'a');
    writeFileSync(path.join(folder, 'open/..b.csv'), 'a');
    writeFileSync(path.join(folder, 'open-not/secret.csv'), 's');
    symlinkSync('../open-not/secret.csv', path.join(folder, 'open/link.csv'));
    symlinkSync('../open-not', path.join(folder, 'open/dir'));
    symlinkSync('open', path.join(folder, 'alias'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const codeOf = (file: string, root = 'open') =>
    allowedFile(file.startsWith('/') ? file : path.join(folder, file), [path.join(folder, root)]).then(
      (real) => path.relative(folder, real),
      (err: unknown) => toAppError(err).code,
    );

  it('gives the real file inside', async () => {
    expect(await codeOf('open/a.csv')).to.equal('open/a.csv');
    expect(await codeOf('open/..b.csv')).to.equal('open/..b.csv');
    expect(await codeOf('alias/a.csv', 'alias')).to.equal('open/a.csv');
    expect(await codeOf('open/a.csv', 'alias')).to.equal('open/a.csv');
  });

  it('refuses what lies outside, by path, by link, by prefix', async () => {
    for (const file of [
      'open-not/secret.csv',
      'open/../open-not/secret.csv',
      'open/link.csv',
      'open/dir/secret.csv',
      '/etc/passwd',
      'open',
    ])
      expect(await codeOf(file), file).to.equal('SOURCE_NOT_ALLOWED');
    expect(await allowedFile('a.csv', [folder]).catch((err: unknown) => toAppError(err).code)).to.equal(
      'SOURCE_NOT_ALLOWED',
    );
    expect(
      await allowedFile(path.join(folder, 'open/a.csv'), []).catch((err: unknown) => toAppError(err).code),
    ).to.equal('SOURCE_NOT_ALLOWED');
  });

  it('says when a file inside is not there', async () => {
    expect(await codeOf('open/none.csv')).to.equal('SOURCE_NOT_FOUND');
    mkdirSync(path.join(folder, 'open/sub'));
    expect(await codeOf('open/sub')).to.equal('SOURCE_NOT_FOUND');
  });
});
