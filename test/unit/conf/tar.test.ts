import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { packTar, type TarEntry } from '#runtime';
import { appErrorOf } from '../../support/expect-error.ts';

const entry = (name: string, content: string, mode = 0o644): TarEntry => ({
  path: name,
  mode,
  content: Buffer.from(content),
});

describe('bundle: tar', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-tar-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is what tar unpacks: contents, permissions, one fixed time, owner root', () => {
    const long = 'x'.repeat(513);
    const archive = packTar([entry('lib/b.mjs', long), entry('bin/a', '#!/bin/sh\n', 0o755), entry('empty', '')]);
    const file = path.join(folder, 'a.tar');
    writeFileSync(file, archive);
    const listed = spawnSync('tar', ['--numeric-owner', '--utc', '-tvf', file], { encoding: 'utf8' });
    expect(listed.stderr).to.equal('');
    expect(
      listed.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/)),
    ).to.deep.equal([
      ['-rwxr-xr-x', '0/0', '10', '1980-01-01', '00:00', 'bin/a'],
      ['-rw-r--r--', '0/0', '0', '1980-01-01', '00:00', 'empty'],
      ['-rw-r--r--', '0/0', '513', '1980-01-01', '00:00', 'lib/b.mjs'],
    ]);
    expect(spawnSync('tar', ['-xf', file, '-C', folder]).status).to.equal(0);
    expect(readFileSync(path.join(folder, 'lib/b.mjs'), 'utf8')).to.equal(long);
    expect(statSync(path.join(folder, 'bin/a')).mode & 0o777).to.equal(0o755);
  });

  it('has the same bytes in whatever order the entries come', () => {
    const entries = [entry('a', '1'), entry('b/c', '2'), entry('b/a', '3')];
    expect(packTar(entries).equals(packTar(entries.toReversed()))).to.equal(true);
  });

  it('has other bytes for another content, name or mode', () => {
    const archives = [entry('a', '1'), entry('a', '2'), entry('b', '1'), entry('a', '1', 0o755)].map((one) =>
      packTar([one]).toString('latin1'),
    );
    expect(new Set(archives).size).to.equal(4);
  });

  for (const name of ['/etc/passwd', '../a', 'a//b', 'a/./b', '', 'n'.repeat(101)]) {
    it(`refuses the path ${JSON.stringify(name.slice(0, 20))}`, async () => {
      await appErrorOf('INTERNAL', () => packTar([entry(name, '')]));
    });
  }

  it('refuses two entries of one path', async () => {
    const error = await appErrorOf('INTERNAL', () => packTar([entry('a', '1'), entry('b', '2'), entry('a', '3')]));
    expect(error.message).to.include('archive entry a:');
  });
});
